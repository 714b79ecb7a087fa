// SPDX-License-Identifier: BSL-1.0
// Two owners of one pin would give it back twice.
// EXPECT: page_pin
// EXPECT: deleted
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
    auto pin = pinfold::try_pin(f);
    if (!pin) return;
#ifdef FIXED
    auto second = pin.again();
#else
    auto second = pin;
#endif
    second.reset();
}
