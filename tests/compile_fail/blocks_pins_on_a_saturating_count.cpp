// SPDX-License-Identifier: BSL-1.0
// Blocking pins needs the sign of the word, which saturate has taken.
// EXPECT: pinfold: blocks_pins in a word shared with references needs refuse or trap
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
    using liveness = pinfold::zero_is_dead;
    using overflow = pinfold::saturate;
#ifndef FIXED
    static constexpr bool blocks_pins = true;
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
