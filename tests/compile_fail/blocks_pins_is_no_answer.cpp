// SPDX-License-Identifier: BSL-1.0
// Whether pins can be blocked is yes or no.
// EXPECT: pinfold: `blocks_pins` must be a static constexpr bool
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
#ifdef FIXED
    static constexpr bool blocks_pins = true;
#else
    static constexpr int blocks_pins = 1;
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
