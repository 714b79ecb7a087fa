// SPDX-License-Identifier: BSL-1.0
// Both rules claim the far negative values: a saturated page would look dead.
// EXPECT: pinfold: saturate and sticky_dead both need the negative values of the word; use zero_is_dead with saturate
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
    using overflow = pinfold::saturate;
#ifdef FIXED
    using liveness = pinfold::zero_is_dead;
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
