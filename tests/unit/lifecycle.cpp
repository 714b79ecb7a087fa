// SPDX-License-Identifier: BSL-1.0
// Life, death, freezing, blocking; and what a word says about itself.
#include <catch2/catch.hpp>

#include <limits>
#include <string>

#include "recorder.hpp"

namespace unit_lifecycle {

using namespace pinfold;
using testing::recorder;

namespace {

struct folio {
    bool large;
};
bool is_large(const folio& f) noexcept { return f.large; }

template <class Pins, class Liveness>
struct policy : count_defaults {
    using word = unsync_word<std::int64_t>;
    using pins = Pins;
    using liveness = Liveness;
    using warnings = recorder;
    static constexpr bool blocks_pins = Pins::form != pin_form::exact && Pins::form != pin_form::none;
};

using overlay_zero = policy<overlay_pins<>, zero_is_dead>;
using overlay_sticky = policy<overlay_pins<>, sticky_dead>;
using overlay_looking = policy<overlay_pins<>, sticky_dead_load_test>;
using exact_zero = policy<exact_pins, zero_is_dead>;
using exact_sticky = policy<exact_pins, sticky_dead>;
using split_zero = policy<split_word_pins<>, zero_is_dead>;
using split_sticky = policy<split_word_pins<>, sticky_dead>;
using hybrid_zero = policy<hybrid_pins<&is_large>, zero_is_dead>;
using hybrid_sticky = policy<hybrid_pins<&is_large>, sticky_dead>;

}  // namespace

#define EVERY_SCHEME overlay_zero, overlay_sticky, overlay_looking, exact_zero, exact_sticky, split_zero, split_sticky, hybrid_zero, hybrid_sticky

TEMPLATE_TEST_CASE("a new head is dead, and refuses without a warning", "", EVERY_SCHEME) {
    recorder::reset();
    pinfold::count<TestType> c;
    CHECK(c.is_dead());
    CHECK(c.refs() == 0);
    CHECK(c.raw() == (TestType::liveness::optimistic ? -(std::int64_t{1} << 62) : 0));
    CHECK(c.try_get() == outcome{errc::dead, crossing::none});
    CHECK(c.try_pin() == outcome{errc::dead, crossing::none});
    CHECK_FALSE(static_cast<bool>(c.maybe_pinned()));
    CHECK(c.is_dead());
    CHECK(recorder::all() == 0);
}

TEMPLATE_TEST_CASE("the last release, whichever it is, kills; a new life begins from nothing", "", EVERY_SCHEME) {
    recorder::reset();
    pinfold::count<TestType> c;
    for (int life = 0; life < 3; ++life) {
        c.init(3);
        CHECK_FALSE(c.is_dead());
        CHECK(c.refs() == 3);
        CHECK((c.try_pin(4) && c.try_get(2)));
        CHECK(static_cast<bool>(c.maybe_pinned()));
        CHECK((c.put(5) == crossing::none && c.unpin(3) == crossing::none));
        CHECK(static_cast<bool>(c.maybe_pinned()));
        CHECK(c.unpin() == crossing::zero);
        CHECK(c.is_dead());
        CHECK_FALSE(static_cast<bool>(c.maybe_pinned()));
        CHECK(c.try_get().error == errc::dead);
    }
    CHECK(recorder::all() == 0);
}

TEMPLATE_TEST_CASE("freeze takes the head over exactly when nothing else is held", "", EVERY_SCHEME) {
    pinfold::count<TestType> c;
    c.init(2);
    CHECK_FALSE(c.freeze(1));
    CHECK_FALSE(c.freeze(3));
    CHECK(c.refs() == 2);
    CHECK(c.try_pin());
    CHECK_FALSE(c.freeze(2));  // a pin makes it unequal
    CHECK(c.unpin() == crossing::none);
    CHECK(c.freeze(2));
    CHECK(c.is_dead());
    CHECK(c.try_get().error == errc::dead);
    CHECK(c.try_pin().error == errc::dead);
    CHECK_FALSE(c.freeze(2));
    c.unfreeze(5);
    CHECK(c.refs() == 5);
    CHECK(c.try_pin());
    CHECK(c.unpin() == crossing::none);
    CHECK(c.put(5) == crossing::zero);
}

TEMPLATE_TEST_CASE("blocked pins are refused, references are not, and nothing is left behind", "", EVERY_SCHEME) {
    recorder::reset();
    pinfold::count<TestType> c;
    c.init(2);
    CHECK(c.try_pin());
    CHECK_FALSE(c.block_pins());  // one is held
    CHECK(c.unpin() == crossing::none);
    CHECK(c.refs() == 2);
    CHECK(c.block_pins());
    CHECK(c.try_pin() == outcome{errc::pins_blocked, crossing::none});
    CHECK(c.try_pin_held() == outcome{errc::pins_blocked, crossing::none});
    CHECK(c.try_get());
    CHECK(c.try_get_held());
    c.get(2);
    CHECK(c.refs() == 6);
    CHECK_FALSE(c.is_dead());
    CHECK_FALSE(c.block_pins());  // it is already
    CHECK(c.put(4) == crossing::none);
    CHECK(c.refs() == 2);
    CHECK(c.unblock_pins() == crossing::none);
    CHECK(c.raw() == 2);
    CHECK_FALSE(static_cast<bool>(c.maybe_pinned()));
    CHECK((c.try_pin() && c.try_pin_held() && c.unpin(2) == crossing::none));
    CHECK(c.put(2) == crossing::zero);
    CHECK(recorder::all() == 0);
}

TEMPLATE_TEST_CASE("a large head of hybrid pins is blocked in its pin word", "", hybrid_zero, hybrid_sticky) {
    recorder::reset();
    pinfold::count<TestType> c;
    c.init(1);
    CHECK(c.try_pin(3, true));
    CHECK((c.raw() == 4 && c.pins() == 3));
    CHECK_FALSE(c.block_pins(true));
    CHECK(c.unpin(3, true) == crossing::none);
    CHECK(c.block_pins(true));
    CHECK(c.raw() == 1);
    CHECK(c.pins() == 0);
    CHECK(c.maybe_pinned(true) == pinned::no);
    CHECK(c.try_pin(1, true).error == errc::pins_blocked);
    CHECK(c.try_pin_held(2, true).error == errc::pins_blocked);
    CHECK((c.raw() == 1 && c.pins() == 0));
    CHECK(c.unblock_pins(true) == crossing::none);
    CHECK((c.try_pin(1, true) && c.pins() == 1));
    CHECK(recorder::all() == 0);
}

TEST_CASE("more references than a pin has units keep a shared word from being blocked") {
    pinfold::count<overlay_sticky> c;
    c.init(1024);
    CHECK_FALSE(c.block_pins());
    CHECK(c.put() == crossing::none);
    CHECK(c.block_pins());
    CHECK(c.refs() == 1023);
    CHECK(c.unblock_pins() == crossing::none);
    CHECK(c.raw() == 1023);
}

TEMPLATE_TEST_CASE("the idle crossing is the one to exactly one", "", overlay_zero, overlay_sticky, exact_sticky) {
    pinfold::count<TestType> c;
    c.init(1);
    CHECK((c.try_get(2) && c.try_pin()));
    CHECK(c.drop_units_idle(1) == crossing::none);
    const auto pin = c.release_pin_part(1, false);
    CHECK(c.drop_units_idle(pin) == crossing::none);
    CHECK(c.drop_units_idle(1) == crossing::idle);
    CHECK(c.drop_units_idle(1) == crossing::zero);
    CHECK(c.is_dead());
}

TEST_CASE("a pin word that wraps still says pinned") {  // INV-4
    testing::violations broken;
    pinfold::count<exact_zero> wide;
    wide.init(1);
    wide.set_raw(1, std::numeric_limits<std::int64_t>::max());
    wide.pin();
    CHECK(wide.maybe_pinned());
}

TEST_CASE("a word is read as every split it may stand for") {
    const auto d = decode<testing::linux_count>(2052);
    CHECK(d.state() == word_state::live);
    CHECK(d.size() == 3);
    CHECK(d[0] == split{4, 2});
    CHECK(d[1] == split{1028, 1});
    CHECK(d[2] == split{2052, 0});
    CHECK(d.most_pins() == split{4, 2});
    CHECK(std::string(decoded_text(d).c_str()) == "2052: 4 refs + 2 pins | 1028 refs + 1 pin | 2052 refs");
    CHECK(decode<testing::linux_count>(-2147482624).most_pins() == split{0, 2097153});
    CHECK(std::string(decoded_text(decode<testing::linux_count>(1)).c_str()) == "1: 1 ref");
    CHECK(std::string(decoded_text(decode<testing::linux_count>(0)).c_str()) == "0: dead");
    CHECK(std::string(decoded_text(decode<testing::linux_count>(5 * 1024)).c_str()) ==
          "5120: 0 refs + 5 pins | 1024 refs + 4 pins | 2048 refs + 3 pins | 3072 refs + 2 pins | 2 more");
    CHECK(decode<testing::sticky_count>(-(1 << 30) + 1024).state() == word_state::dead);
    CHECK(decode<exact_zero>(7, 3).most_pins() == split{4, 3});
    CHECK(decode<exact_zero>(7, 3).size() == 1);
    CHECK(decode<hybrid_zero>(513, 512, true).most_pins() == split{1, 512});
    CHECK(decode<hybrid_zero>(1025, 0, false).most_pins() == split{1, 1});
    CHECK(decode<split_zero>((std::int64_t{3} << 32) + 5).most_pins() == split{2, 3});
    CHECK(decode<policy<no_pins, zero_is_dead>>(2052).most_pins() == split{2052, 0});

    pinfold::count<overlay_sticky> c;
    c.init(3);
    REQUIRE(c.block_pins());
    const auto blocked = decode<overlay_sticky>(c.raw());
    CHECK(blocked.state() == word_state::blocked);
    CHECK(blocked.most_pins() == split{3, 0});
}

TEST_CASE("the longest text is cut, not overrun") {
    const std::string text = decoded_text(decoded(word_state::overflowed, std::numeric_limits<std::int64_t>::min(),
                                                  std::numeric_limits<std::uint64_t>::max() / 2,
                                                  std::numeric_limits<std::uint64_t>::max() - 1, 1)).c_str();
    CHECK(text.substr(0, 31) == "-9223372036854775808: overflowe");
    CHECK(text.size() < 256);
}

}  // namespace unit_lifecycle
