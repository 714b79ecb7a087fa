// SPDX-License-Identifier: BSL-1.0
// The policy has references only; the owning form says so too.
// EXPECT: try_pin
// EXPECT: has_pins
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
    using pins = pinfold::no_pins;
};

struct frame {
    struct pinfold_policy;
    pinfold::count<my_count> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
#ifdef FIXED
    if (auto ref = pinfold::try_get(f)) (void)ref.get();
#else
    if (auto pin = pinfold::try_pin(f)) (void)pin.get();
#endif
}
