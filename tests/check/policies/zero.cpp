// SPDX-License-Identifier: BSL-1.0
// Linux's liveness, under every overflow rule.
#include "shipped.hpp"

using namespace shipped;

TEST_CASE("zero_is_dead keeps every law, whatever overflow is") {
    keeps_every_law<policy<std::int32_t, overlay_pins<>, zero_is_dead, refuse>>("overlay");
    keeps_every_law<policy<std::int32_t, overlay_pins<>, zero_is_dead, refuse, 4, 4, 4, 4, true>>("overlay, blocks pins");
    keeps_every_law<unbounded<std::int32_t, overlay_pins<>>>("overlay, nothing promised");
    keeps_every_law<unbounded<std::int32_t, overlay_pins<>, saturate>>("overlay, saturates");
    keeps_every_law<unbounded<std::int32_t, overlay_pins<>, unchecked_overflow>>("overlay, unchecked");
    keeps_every_law<unbounded<std::int32_t, overlay_pins<>, trap>>("overlay, traps");
    keeps_every_law<policy<std::int32_t, split_word_pins<>, zero_is_dead, refuse>>("split word");
}
