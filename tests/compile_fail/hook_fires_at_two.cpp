// SPDX-License-Identifier: BSL-1.0
// At 2 somebody else still holds the page: its count may change under the hook.
// EXPECT: pinfold: a release hook fires at 0 or at 1
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
#ifdef FIXED
    using release = pinfold::fire_at<1, &give_back>;
#else
    using release = pinfold::fire_at<2, &give_back>;
#endif
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
