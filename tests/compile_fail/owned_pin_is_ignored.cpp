// SPDX-License-Identifier: BSL-1.0
// A pin that nobody keeps is given back at once.
// EXPECT: try_pin
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
    auto pin = pinfold::try_pin(f);
    (void)pin;
#else
    pinfold::try_pin(f);
#endif
}
