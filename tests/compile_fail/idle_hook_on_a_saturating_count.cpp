// SPDX-License-Identifier: BSL-1.0
// A count that may stick is no longer exact at 1: the page would wait for ever.
// EXPECT: pinfold: idle_at_one needs exact values near 1 and does not work with saturate; use refuse
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
    using liveness = pinfold::zero_is_dead;
#ifdef FIXED
    using overflow = pinfold::refuse;
#else
    using overflow = pinfold::saturate;
#endif
};

struct frame {
    struct pinfold_policy;
    pinfold::count<my_count> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::idle_at_one<&give_back>;
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
