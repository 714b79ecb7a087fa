// SPDX-License-Identifier: BSL-1.0
// No call could ask for anything.
// EXPECT: pinfold: budget.batch must be 1 or more
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
#ifdef FIXED
    static constexpr pinfold::budget budget{.holders = 8, .refs_each = 8, .pins_each = 8, .batch = 1};
#else
    static constexpr pinfold::budget budget{.holders = 8, .refs_each = 8, .pins_each = 8, .batch = 0};
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
