// SPDX-License-Identifier: BSL-1.0
// Forgetting it would leak every page, silently.
// EXPECT: pinfold: the page policy does not say what happens when the last holder lets go; add `using release = pinfold::free_at_zero<&fn>` (or pinfold::no_release)
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
#ifdef FIXED
    using release = pinfold::free_at_zero<&give_back>;
#endif
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
