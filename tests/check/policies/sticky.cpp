// SPDX-License-Identifier: BSL-1.0
// The fast liveness, under every pin scheme and overflow rule that goes with it.
#include "shipped.hpp"

using namespace shipped;
template <class Pins, class Overflow = refuse, class Liveness = sticky_dead, bool Blocks = false>
using p32 = policy<std::int32_t, Pins, Liveness, Overflow, 4, 4, 4, 4, Blocks>;

TEST_CASE("a liveness that bounds itself keeps every law without a budget") {
    using within = sticky_dead_within<8, 4>;
    keeps_every_law<unstated<std::int32_t, overlay_pins<>, within>>("overlay, within");
    keeps_every_law<unstated<std::int32_t, exact_pins, within>>("exact, within");
    keeps_every_law<unstated<std::int64_t, hybrid_word_pins<never_large{}>, within>>("hybrid in one word, within");
    const auto pages = check::check_policy<unstated<std::int64_t, hybrid_word_pins<never_large{}>, within>, check::library,
                                           check::pages>("hybrid in one word, within");
    INFO(pages.text());
    CHECK(pages.passed());
}
TEST_CASE("sticky_dead keeps every law, whatever pins are") {
    keeps_every_law<count_defaults>("the defaults");
    keeps_every_law<p32<overlay_pins<>, refuse, sticky_dead_load_test>>("overlay, looks first");
    keeps_every_law<p32<overlay_pins<>, refuse, sticky_dead, true>>("overlay, blocks pins");
    keeps_every_law<p32<overlay_pins<>, trap>>("overlay, traps");
    keeps_every_law<p32<overlay_pins<>, unchecked_overflow, sticky_dead_load_test>>("overlay, unchecked");
    keeps_every_law<p32<split_word_pins<>>>("split word");
    keeps_every_law<p32<split_word_pins<>, refuse, sticky_dead, true>>("split word, blocks pins");
}
