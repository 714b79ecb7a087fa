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
TEST_CASE("counts without pins keep every law") {
    keeps_every_law<p32<no_pins, sticky_dead>>("no pins, sticky_dead");
    keeps_every_law<p32<no_pins, zero_is_dead>>("no pins, zero_is_dead");
}
TEST_CASE("what the laws of pages leave out for hybrid pins is said with the reason") {
    const auto r = check::check_policy<p32<hybrid_pins<never_large{}>, sticky_dead>, check::library, check::pages>("hybrid");
    std::size_t left_out = 0;
    for (const check::finding& f : r.findings())
        left_out += f.is == check::verdict::not_applicable && f.counterexample.find("how large a page is") != std::string::npos;
    CHECK(left_out == 7);
    CHECK(r.findings().size() == 7);
}
