// SPDX-License-Identifier: BSL-1.0
// It is asked between the reference and the pin.
// EXPECT: pinfold: the predicate of hybrid_pins must be callable with a page, be noexcept and return bool
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

#ifdef FIXED
bool is_large(const frame&) noexcept;
#else
bool is_large(const frame&);
#endif

struct my_count : pinfold::count_defaults {
    using pins = pinfold::hybrid_pins<&is_large>;
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
