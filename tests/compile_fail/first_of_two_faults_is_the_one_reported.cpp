// SPDX-License-Identifier: BSL-1.0
// The count is wrong and the release is missing: the reader is told of the count, which the rest builds on.
// EXPECT: pinfold: the bias of a pin must be a power of two, 2 or more
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
#ifdef FIXED
    using pins = pinfold::overlay_pins<1024>;
#else
    using pins = pinfold::overlay_pins<1000>;
#endif
};

struct frame {
    struct pinfold_policy;
    pinfold::count<my_count> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
#ifdef FIXED
    using release = pinfold::free_at_zero<&give_back>;
#endif
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
