// SPDX-License-Identifier: BSL-1.0
// An overlay cannot know the number: references look like pins (spec 01 §5).
// EXPECT: pins
// EXPECT: constraints
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
#ifdef FIXED
    (void)pinfold::page_ops<frame>::maybe_pinned(f);
#else
    (void)pinfold::page_ops<frame>::pins(f);
#endif
}
