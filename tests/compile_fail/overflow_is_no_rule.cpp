// SPDX-License-Identifier: BSL-1.0
// A liveness rule where the overflow rule belongs.
// EXPECT: pinfold: `overflow` is not an overflow rule; use refuse, saturate, trap or unchecked_overflow
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
#ifdef FIXED
    using overflow = pinfold::trap;
#else
    using overflow = pinfold::zero_is_dead;
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
