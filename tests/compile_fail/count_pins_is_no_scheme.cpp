// SPDX-License-Identifier: BSL-1.0
// `pins` names a scheme, not a number of pins.
// EXPECT: pinfold: `pins` is not a pin scheme; use overlay_pins, exact_pins, hybrid_pins, hybrid_word_pins, split_word_pins or no_pins
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
#ifdef FIXED
    using pins = pinfold::exact_pins;
#else
    using pins = std::int32_t;
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
