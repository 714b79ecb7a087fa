// SPDX-License-Identifier: BSL-1.0
// Blocking pins needs the sign of the word, which saturate has taken.
// EXPECT: block_pins
// EXPECT: can_block
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
    using liveness = pinfold::zero_is_dead;
    using overflow = pinfold::saturate;
};

struct frame {
    struct pinfold_policy;
    pinfold::count<my_count> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
#ifdef FIXED
    (void)pinfold::page_ops<frame>::maybe_pinned(f);
#else
    (void)pinfold::page_ops<frame>::block_pins(pinfold::held::assumed(), f);
#endif
}
