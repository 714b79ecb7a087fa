// SPDX-License-Identifier: BSL-1.0
// Heads that live, die, freeze and live again while everybody grabs at them: freed once per life, never while held,
// and what the owner writes alone nobody else touches (a plain integer that ThreadSanitizer watches).
#include <catch2/catch.hpp>

#include "crew.hpp"

using namespace pinfold;
using crew::wrong;

namespace {

constexpr int heads = 3;
constexpr int turns = 60000;

template <class P>
struct head {
    pinfold::count<P> count;
    int payload = 0;                     // written only by whoever owns the dead or frozen head alone
    std::atomic<bool> baseline{false};   // whoever takes it may put the owner's reference, or freeze
    std::atomic<int> lives{0}, deaths{0};
};

template <class P, bool Large>
class lifecycles {
    using traits = count_traits<P>;
    static constexpr bool has_pins = traits::has_pins;

public:
    void run() {
        wrong.reset();
        for (auto& h : heads_) begin(h);
        crew::together([this](int who) {
            crew::dice roll(static_cast<unsigned>(who + 1));
            for (int i = 0; i < turns; ++i) turn(heads_[roll(heads)], roll);
        });
        for (auto& h : heads_) {
            if (h.baseline) released(h, h.count.put(), false);
            CHECK(h.count.is_dead());
            CHECK(h.count.raw() == traits::dead_value);
            CHECK(h.lives == h.deaths);
            CHECK(h.lives > 1);
            if constexpr (has_pins) CHECK_FALSE(static_cast<bool>(h.count.maybe_pinned(Large)));
            if constexpr (traits::has_pin_word) CHECK(h.count.pins() == 0);
        }
        CHECK(wrong.warned == 0);
        CHECK(wrong.refused == 0);
        CHECK(wrong.torn == 0);
        CHECK(granted_ > 0);
        CHECK(frozen_ > 0);
    }

private:
    using page = head<P>;

    void begin(page& h) {
        ++h.payload;
        ++h.lives;
        h.count.init(1);
        h.baseline = true;
    }
    void released(page& h, crossing reached, bool again = true) {
        if (reached != crossing::zero) return;
        ++h.deaths;
        h.payload = -h.payload;  // ours alone
        std::this_thread::yield();
        h.payload = -h.payload;
        if (again) begin(h);
    }
    void look(const page& h) {
        const int first = h.payload;
        if (first <= 0) ++wrong.torn;
        if (h.payload != first) ++wrong.torn;
    }

    void turn(page& h, crew::dice& roll) {
        switch (roll(8)) {
            case 0:
                if (h.baseline.exchange(false)) released(h, h.count.put());
                break;
            case 1:
                if (h.baseline.exchange(false)) {
                    if (h.count.freeze(1)) {
                        ++frozen_;
                        ++h.payload;
                        h.count.unfreeze(1);
                    }
                    h.baseline = true;
                }
                break;
            case 2:
            case 3: hold_reference(h, roll); break;
            default:
                if constexpr (has_pins)
                    hold_pin(h, roll);
                else
                    hold_reference(h, roll);
        }
    }
    void hold_reference(page& h, crew::dice& roll) {
        const std::uint64_t n = 1 + roll(3);
        const outcome got = h.count.try_get(n);
        if (!got) return refused(h, got);
        ++granted_;
        look(h);
        h.count.get();
        if (!h.count.try_get_held()) ++wrong.refused;
        look(h);
        released(h, h.count.put(2));
        released(h, h.count.put(n));
    }
    void hold_pin(page& h, crew::dice& roll) {
        const std::uint64_t n = 1 + roll(3);
        const outcome got = h.count.try_pin(n, Large);
        if (!got) return refused(h, got);
        ++granted_;
        look(h);
        if (!h.count.maybe_pinned(Large)) ++wrong.overtaken;
        h.count.pin(1, Large);
        if (!h.count.try_pin_held(1, Large)) ++wrong.refused;
        if (!h.count.try_get()) ++wrong.refused;
        look(h);
        released(h, h.count.unpin(2, Large));
        released(h, h.count.put());
        released(h, h.count.unpin(n, Large));
    }
    void refused(page& h, outcome got) {
        if (got.error != errc::dead) ++wrong.refused;
        released(h, got.undo);
    }

    page heads_[heads];
    std::atomic<long> granted_{0}, frozen_{0};
};

template <class Pins, bool Large = false>
void everywhere() {
    SECTION("zero_is_dead") { lifecycles<crew::counting<Pins, zero_is_dead>, Large>().run(); }
    SECTION("sticky_dead") { lifecycles<crew::counting<Pins, sticky_dead>, Large>().run(); }
    SECTION("sticky_dead that looks first") { lifecycles<crew::counting<Pins, sticky_dead_load_test>, Large>().run(); }
    CHECK(wrong.overtaken == 0);
}

}  // namespace

TEST_CASE("overlay pins: every life ends once") { everywhere<overlay_pins<>>(); }
TEST_CASE("exact pins: every life ends once") { everywhere<exact_pins>(); }
TEST_CASE("hybrid pins of small pages: every life ends once") { everywhere<hybrid_pins<&crew::is_large>>(); }
TEST_CASE("hybrid pins of large pages: every life ends once") { everywhere<hybrid_pins<&crew::is_large>, true>(); }
TEST_CASE("split words: every life ends once") { everywhere<split_word_pins<>>(); }
TEST_CASE("references alone: every life ends once") { everywhere<no_pins>(); }
TEST_CASE("the default policy in 32 bits: every life ends once") {
    lifecycles<crew::counting32<overlay_pins<>, sticky_dead>, false>().run();
    lifecycles<crew::counting32<overlay_pins<>, zero_is_dead>, false>().run();
}
TEST_CASE("a saturating word that never saturates: every life ends once") {
    lifecycles<crew::counting<overlay_pins<>, zero_is_dead, saturate>, false>().run();
}
