// SPDX-License-Identifier: BSL-1.0
// Pins in a word of their own, and no pins at all: two atomic steps where the others have one.
#include "shipped.hpp"

using namespace shipped;
template <class Pins, class Liveness, class Overflow = refuse>
using p32 = policy<std::int32_t, Pins, Liveness, Overflow>;

TEST_CASE("pins in a word of their own keep every law") {
    keeps_every_law<p32<exact_pins, sticky_dead>>("exact, sticky_dead");
    keeps_every_law<p32<exact_pins, zero_is_dead>>("exact, zero_is_dead");
    keeps_every_law<p32<hybrid_pins<never_large{}>, sticky_dead>>("hybrid, sticky_dead");
    keeps_every_law<p32<hybrid_pins<never_large{}>, zero_is_dead>>("hybrid, zero_is_dead");
}
TEST_CASE("references and exact pins in halves of one word keep every law") {
    using one_word = policy<std::int64_t, hybrid_word_pins<never_large{}>, zero_is_dead, refuse>;
    keeps_every_law<one_word>("hybrid in one word");
    const auto pages = check::check_policy<one_word, check::library, check::pages>("hybrid in one word");
    INFO(pages.text());
    CHECK(pages.passed());
}
TEST_CASE("counts without pins keep every law") {
    keeps_every_law<p32<no_pins, sticky_dead>>("no pins, sticky_dead");
    keeps_every_law<p32<no_pins, zero_is_dead>>("no pins, zero_is_dead");
}
TEST_CASE("hybrid pins keep the laws of pages on pages of two sizes, other pins are not asked for the size") {
    const auto not_applicable = [](const check::report& r) {
        std::string names;
        for (const check::finding& f : r.findings())
            if (f.is == check::verdict::not_applicable) names += f.of.name;
        return names;
    };
    const auto hybrid = check::check_policy<p32<hybrid_pins<never_large{}>, sticky_dead>, check::library, check::pages>("hybrid");
    INFO(hybrid.text());
    CHECK(hybrid.passed());
    CHECK(not_applicable(hybrid).empty());
    const auto exact = check::check_policy<p32<exact_pins, sticky_dead>, check::library, check::pages>("exact");
    CHECK(exact.passed());
    CHECK(not_applicable(exact) == check::laws::size_changes.name);
}
