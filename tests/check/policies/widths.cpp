// SPDX-License-Identifier: BSL-1.0
// The same laws at every width: all values of 8 and 16 bits, the boundaries of 64.
#include "shipped.hpp"

using namespace shipped;

TEST_CASE("8, 16 and 64 bits keep every law") {
    keeps_every_law<policy<std::int8_t, overlay_pins<4>, sticky_dead, refuse, 2, 2, 2, 2>>("8 bits, sticky_dead");
    keeps_every_law<unbounded<std::int8_t, overlay_pins<8>>>("8 bits, zero_is_dead");
    keeps_every_law<policy<std::int16_t, overlay_pins<64>, sticky_dead, refuse, 3, 4, 4, 4>>("16 bits, sticky_dead");
    keeps_every_law<unbounded<std::int16_t, exact_pins>>("16 bits, exact");
    keeps_every_law<policy<std::int64_t, overlay_pins<>, sticky_dead, refuse, 1024, 1024, 1024, 512>>("64 bits, sticky_dead");
    keeps_every_law<policy<std::int64_t, split_word_pins<>, sticky_dead, refuse, 4, 4, 4, 4>>("64 bits, split");
}
