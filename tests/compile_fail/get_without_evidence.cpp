// SPDX-License-Identifier: BSL-1.0
// The form that cannot fail wants to be shown what keeps the page alive.
// EXPECT: held, Page
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
    pinfold::page_ops<frame>::get(pinfold::held::assumed(), f);
#else
    pinfold::page_ops<frame>::get(f);
#endif
}
