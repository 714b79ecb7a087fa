// SPDX-License-Identifier: BSL-1.0
// An overflow rule where the liveness rule belongs.
// EXPECT: pinfold: `liveness` is not a liveness rule; use sticky_dead, sticky_dead_load_test, sticky_dead_within or zero_is_dead
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
#ifdef FIXED
    using liveness = pinfold::zero_is_dead;
#else
    using liveness = pinfold::refuse;
#endif
};

struct frame {
    struct pinfold_policy;
    pinfold::count<my_count> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
