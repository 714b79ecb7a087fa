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

TEST_CASE("compare-exchanges that fail for no reason break no law") {
    using p32 = policy<std::int32_t, overlay_pins<>, zero_is_dead, refuse>;
    const auto r = check::check_policy<p32, check::library, check::threads>(
        "overlay, weak", {.interleavings = {.executions = 2'000'000, .spurious = 2}});
    INFO(r.text());
    CHECK(r.passed());
    CHECK(r.executions() > 2220);
}
