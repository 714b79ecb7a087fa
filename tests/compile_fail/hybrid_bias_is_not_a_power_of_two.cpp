// SPDX-License-Identifier: BSL-1.0
// The pages that are not large use the overlay, with its rule for the bias.
// EXPECT: pinfold: the bias of a pin must be a power of two, 2 or more
#include "client.hpp"

struct frame;
bool is_large(const frame&) noexcept;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
#ifdef FIXED
    using pins = pinfold::hybrid_pins<&is_large, 1024>;
#else
    using pins = pinfold::hybrid_pins<&is_large, 1023>;
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
