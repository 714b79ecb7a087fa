// SPDX-License-Identifier: BSL-1.0
#include "every_state.hpp"

using every_state::check_sticky_dead;
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
}

TEST_CASE("the atomic words of exact pins do in every pair what the plain ones do") {
    using namespace pinfold;
    using every_state::policy;
    every_state::check<policy<shared_word, exact_pins, zero_is_dead, refuse, 0, 0, 0, 1>>(form::exact, 1);
    every_state::check<policy<shared_word, exact_pins, sticky_dead, refuse, 3, 20, 20, 5>>(form::exact, 1);
}
