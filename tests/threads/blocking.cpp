// SPDX-License-Identifier: BSL-1.0
// block_pins() against everybody who pins: once it succeeded nobody holds a pin, and nobody gets one; references are
// granted all the time. What the blocker then writes, pinners read: a plain integer that ThreadSanitizer watches.
#include <catch2/catch.hpp>

#include "crew.hpp"

using namespace pinfold;
using crew::wrong;

namespace {

constexpr int turns = 60000;

template <class Counting>
struct blockable : Counting {
    static constexpr bool blocks_pins = Counting::pins::form != pin_form::exact;
};

template <class P, bool Large = false>
void block_against_pins() {
    wrong.reset();
    pinfold::count<P> count;
    int payload = 0;
    std::atomic<int> holding{0}, blocked_now{0};
    std::atomic<long> pins{0}, blocks{0};
    count.init(1 + crew::size);  // the page's own, and one of each thread as its evidence
    const auto hold = [&] {
        ++holding;
        if (blocked_now != 0) ++wrong.overtaken;
        const int seen = payload;
        if (!count.maybe_pinned(Large)) ++wrong.torn;
        if (payload != seen) ++wrong.torn;
        --holding;
        ++pins;
    };
    crew::together([&](int who) {
        crew::dice roll(static_cast<unsigned>(who + 1));
        for (int i = 0; i < turns; ++i) {
            const unsigned act = roll(8);
            if (act == 0) {
                if (!count.block_pins(Large)) continue;
                ++blocks;
                ++blocked_now;
                if (holding != 0) ++wrong.overtaken;
                ++payload;
                --blocked_now;
                if (count.unblock_pins(Large) != crossing::none) ++wrong.overtaken;
            } else if (act < 3) {
                if (!count.try_get()) ++wrong.refused;
                count.get();
                if (!count.try_get_held()) ++wrong.refused;
                if (count.put(3) != crossing::none) ++wrong.overtaken;
            } else {
                const outcome got = act < 6 ? count.try_pin(1, Large) : count.try_pin_held(1, Large);
                if (got) {
                    hold();
                    if (count.unpin(1, Large) != crossing::none) ++wrong.overtaken;
                } else {
                    if (got.error != errc::pins_blocked || got.undo != crossing::none) ++wrong.refused;
                }
            }
        }
    });
    CHECK(wrong.warned == 0);
    CHECK(wrong.refused == 0);
    CHECK(wrong.overtaken == 0);
    CHECK(wrong.torn == 0);
    CHECK(payload == blocks);
    CHECK(blocks > 0);
    CHECK(pins > 0);
    CHECK(count.raw() == 1 + crew::size);
    CHECK_FALSE(static_cast<bool>(count.maybe_pinned(Large)));
}

}  // namespace

TEST_CASE("overlay: nobody holds a pin while pins are blocked") {
    SECTION("zero_is_dead") { block_against_pins<blockable<crew::counting<overlay_pins<>, zero_is_dead>>>(); }
    SECTION("sticky_dead") { block_against_pins<blockable<crew::counting<overlay_pins<>, sticky_dead>>>(); }
    SECTION("sticky_dead that looks first") { block_against_pins<blockable<crew::counting<overlay_pins<>, sticky_dead_load_test>>>(); }
    SECTION("the default policy") { block_against_pins<blockable<crew::counting32<overlay_pins<>, sticky_dead>>>(); }
}
TEST_CASE("exact: nobody holds a pin while pins are blocked") {
    SECTION("zero_is_dead") { block_against_pins<blockable<crew::counting<exact_pins, zero_is_dead>>>(); }
    SECTION("sticky_dead") { block_against_pins<blockable<crew::counting<exact_pins, sticky_dead>>>(); }
}
TEST_CASE("split: nobody holds a pin while pins are blocked") {
    SECTION("zero_is_dead") { block_against_pins<blockable<crew::counting<split_word_pins<>, zero_is_dead>>>(); }
    SECTION("sticky_dead") { block_against_pins<blockable<crew::counting<split_word_pins<>, sticky_dead>>>(); }
}
TEST_CASE("hybrid: nobody holds a pin while pins are blocked") {
    SECTION("small") { block_against_pins<blockable<crew::counting<hybrid_pins<&crew::is_large>, sticky_dead>>>(); }
    SECTION("large") { block_against_pins<blockable<crew::counting<hybrid_pins<&crew::is_large>, sticky_dead>>, true>(); }
}
