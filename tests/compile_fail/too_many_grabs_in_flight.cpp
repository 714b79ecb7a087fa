// SPDX-License-Identifier: BSL-1.0
// 4 holders that each pin a whole 1 GiB block at once reach from dead to live (I5).
// EXPECT: pinfold: under sticky_dead, holders x batch x units of one pin must stay below 2^(bits-2)
// EXPECT: units_in_flight<1073741824
// EXPECT: must_stay_below<1073741824
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
#ifdef FIXED
    static constexpr pinfold::budget budget{.holders = 3, .refs_each = 1, .pins_each = 1, .batch = 262144};
#else
    static constexpr pinfold::budget budget{.holders = 4, .refs_each = 1, .pins_each = 1, .batch = 262144};
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
