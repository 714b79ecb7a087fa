// SPDX-License-Identifier: BSL-1.0
// 1500 holders may come so far up that their words look blocked; 1000 may not.
// EXPECT: under sticky_dead a budget whose units and grabs in flight stay below the blocked values
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
    static constexpr bool blocks_pins = true;
#ifdef FIXED
    static constexpr pinfold::budget budget{.holders = 1000, .refs_each = 1024, .pins_each = 1024, .batch = 512};
#else
    static constexpr pinfold::budget budget{.holders = 1500, .refs_each = 1024, .pins_each = 1024, .batch = 512};
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
