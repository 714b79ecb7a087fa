// SPDX-License-Identifier: BSL-1.0
// Without `blocks_pins` the values a blocked word would have mean overflow, as they should.
// EXPECT: block_pins
// EXPECT: can_block
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
#ifdef FIXED
    static constexpr bool blocks_pins = true;
#endif
};

struct frame {
    struct pinfold_policy;
    pinfold::count<my_count> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};

bool use(frame* f) {
    return pinfold::page_ops<frame>::block_pins(pinfold::held::assumed(), f);
}
