// SPDX-License-Identifier: BSL-1.0
// 1024 holders of 4096 pins of 1024 units, and 1024 references each, are more than a 32-bit word holds.
// EXPECT: pinfold: the policy's budget does not fit the count word
// EXPECT: units_needed<4296015872
// EXPECT: units_available<2147483647
// EXPECT: references<1048576
// EXPECT: pins<4194304
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
    static constexpr pinfold::budget budget{.holders = 1024, .refs_each = 1024, .pins_each = 4096, .batch = 512};
#ifdef FIXED
    using word = pinfold::atomic_word<std::int64_t>;
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
