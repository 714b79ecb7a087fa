// SPDX-License-Identifier: BSL-1.0
#include "every_state.hpp"

using every_state::check_sticky_dead;
using every_state::check_sticky_dead_within;
using every_state::check_zero_is_dead;
using oracle::form;
using word = pinfold::unsync_word<signed char>;
using shared_word = pinfold::atomic_word<signed char>;

namespace {
struct page {
    bool large;
};
bool is_large(const page& p) noexcept { return p.large; }
}  // namespace

TEST_CASE("exact pins do in every pair of words what the specification says") {
    check_zero_is_dead<word, pinfold::exact_pins, 50, 50, 40>(form::exact, 1);
    check_sticky_dead<word, pinfold::exact_pins, 3, 20, 20, 5, false>(form::exact, 1);
}

TEST_CASE("hybrid pins do in every pair of words what the specification says") {
    check_zero_is_dead<word, pinfold::hybrid_pins<&is_large, 16>, 10, 6, 3>(form::hybrid, 16);
    check_sticky_dead<word, pinfold::hybrid_pins<&is_large, 16>, 1, 3, 3, 3, true>(form::hybrid, 16);
    check_sticky_dead_within<word, pinfold::hybrid_pins<&is_large, 8>, 2, 3>(form::hybrid, 8);
}

TEST_CASE("the atomic words of exact pins do in every pair what the plain ones do") {
    using namespace pinfold;
    using every_state::policy;
    every_state::check<policy<shared_word, exact_pins, zero_is_dead, refuse, 0, 0, 0, 1>>(form::exact, 1);
    every_state::check<policy<shared_word, exact_pins, sticky_dead, refuse, 3, 20, 20, 5>>(form::exact, 1);
}

/// Exact pins of a joined word are never in flight: they leave a head that is on its way to death to whoever kills it, and
/// a dead head has none.
template <class Traits>
bool counted_alike(every_state::op o, int raw, int pin) {
    if (o == every_state::op::try_pin) return raw != 0;
    return o != every_state::op::maybe_pinned || pin == 0 || !Traits::in_dead_band(static_cast<signed char>(raw));
}
/// Where two words and one that is shared are to be the same: as many pins as somebody can have, and no more of them given
/// back. A state is references and exact pins; the pins are among the references.
template <class Liveness>
void compare_one_word_with_two() {
    using namespace pinfold;
    using every_state::op;
    using two = every_state::policy<word, hybrid_pins<&is_large, 16>, Liveness, refuse, 0, 0, 0, 1>;
    using one = every_state::policy<unsync_word<short>, hybrid_word_pins<&is_large, 16>, Liveness, refuse, 0, 0, 0, 1>;
    using traits = count_traits<one>;
    static_assert(sizeof(count<one>) == sizeof(count<two>) && count_traits<one>::batch_max(16) == count_traits<two>::batch_max(16));
    pinfold::set_violation_handler([](const char*, const char*, int) noexcept {});
    long compared = 0;
    for (int raw = -128; raw <= 127; ++raw)
        for (int pin = 0; pin <= (raw < 0 ? 127 : raw); ++pin)
            for (int what = 0; what <= static_cast<int>(op::maybe_pinned); ++what)
                for (int amount = 1; amount <= 127; ++amount)
                    for (const bool large : {false, true}) {
                        const auto o = static_cast<op>(what);
                        const bool grabs = o == op::try_pin || o == op::try_pin_held || o == op::pin;
                        const bool none_left = o == op::put && raw >= 0 && amount > raw - pin;
                        if (o == op::init && !traits::in_dead_band(static_cast<signed char>(raw))) continue;  // of a dead head alone
                        if (traits::bounds_itself && large && !counted_alike<traits>(o, raw, pin)) continue;
                        if (!large && (pin != 0 || (o == op::pins))) continue;   // a small head has no exact pins
                        if (large && grabs && pin + amount > 127) continue;      // more pins than a second word can count
                        if ((large && o == op::unpin && amount > pin) || none_left) continue;  // of what nobody holds
                        const auto a = every_state::perform<one>(o, {raw, pin}, amount, large);
                        const auto b = every_state::perform<two>(o, {raw, pin}, amount, large);
                        if (!(a.saw.after == b.saw.after && a.saw.error == b.saw.error && a.saw.reached == b.saw.reached &&
                              a.saw.warned == b.saw.warned && a.value == b.value)) {
                            INFO("operation " << what << " of " << amount << (large ? ", large, with " : ", with ") << raw
                                              << " and " << pin << ": one word " << a.saw.after.raw << " and "
                                              << a.saw.after.pin << ", two " << b.saw.after.raw << " and " << b.saw.after.pin);
                            CHECK(false);
                            pinfold::set_violation_handler(nullptr);
                            return;
                        }
                        ++compared;
                    }
    pinfold::set_violation_handler(nullptr);
    CHECK(compared > 1'000'000);
}
TEST_CASE("both counts in one word do in every state what they do in two") {
    compare_one_word_with_two<pinfold::zero_is_dead>();
    compare_one_word_with_two<pinfold::sticky_dead_within<1, 3>>();
}
TEST_CASE("a head whose last reference goes is dead, whatever pins are counted in its word") {
    using namespace pinfold;
    using one = every_state::policy<atomic_word<short>, hybrid_word_pins<&is_large, 16>, zero_is_dead, refuse, 0, 0, 0, 1>;
    pinfold::set_violation_handler([](const char*, const char*, int) noexcept {});
    count<one> c;
    c.set_raw(2, 2);
    CHECK(c.put() == crossing::none);
    CHECK(c.put() == crossing::zero);
    CHECK(c.pins() == 2);  // for whoever looks why
    c.set_raw(2, 2);
    CHECK(c.put() == crossing::none);
    CHECK(c.unpin(1, true) == crossing::zero);  // one given back as it was not taken
    CHECK(c.pins() == 1);
    pinfold::set_violation_handler(nullptr);
}
