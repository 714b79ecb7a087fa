// SPDX-License-Identifier: BSL-1.0
// Asking has no effect.
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
    (void)pinfold::page_ops<frame>::maybe_pinned(f);
#else
    pinfold::page_ops<frame>::maybe_pinned(f);
#endif
}
