// SPDX-License-Identifier: BSL-1.0
// A word that nobody stops climbs from the largest value through the negative ones, to where dead words are.
// EXPECT: pinfold: sticky_dead_within tells the dead from words that overflowed, which unchecked_overflow lets climb on
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
    using liveness = pinfold::sticky_dead_within<64, 16>;
#ifdef FIXED
    using overflow = pinfold::refuse;
#else
    using overflow = pinfold::unchecked_overflow;
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
