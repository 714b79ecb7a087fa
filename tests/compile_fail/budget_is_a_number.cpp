// SPDX-License-Identifier: BSL-1.0
// A bare number does not say what it bounds.
// EXPECT: pinfold: `budget` must be a static constexpr pinfold::budget; use pinfold::unstated_budget to state nothing
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
#ifdef FIXED
    static constexpr pinfold::budget budget{.holders = 1024, .refs_each = 1, .pins_each = 1};
#else
    static constexpr int budget = 1024;
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
