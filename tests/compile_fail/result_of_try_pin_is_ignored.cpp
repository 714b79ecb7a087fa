// SPDX-License-Identifier: BSL-1.0
// A refused pin that nobody notices ends in DMA to a freed page.
// EXPECT: nodiscard
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
    if (pinfold::page_ops<frame>::try_pin(f)) pinfold::page_ops<frame>::unpin(f);
#else
    pinfold::page_ops<frame>::try_pin(f);
#endif
}
