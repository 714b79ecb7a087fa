// SPDX-License-Identifier: BSL-1.0
// Which pages count pins exactly is asked with a page.
// EXPECT: pinfold: the predicate of hybrid_pins must be callable with a page, be noexcept and return bool
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

bool is_large(const frame&) noexcept;
bool is_large_order(int order) noexcept;

struct my_count : pinfold::count_defaults {
#ifdef FIXED
    using pins = pinfold::hybrid_pins<&is_large>;
#else
    using pins = pinfold::hybrid_pins<&is_large_order>;
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
