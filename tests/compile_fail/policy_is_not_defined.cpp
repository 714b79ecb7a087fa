// SPDX-License-Identifier: BSL-1.0
// The policy is declared in the page, as it should be, and its definition comes after the first use.
// EXPECT: pinfold: the page's policy is declared but not defined here; define it before the first use
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
#ifdef FIXED
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};
#endif

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
