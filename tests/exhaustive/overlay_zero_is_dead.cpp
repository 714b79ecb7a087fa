// SPDX-License-Identifier: BSL-1.0
#include "every_state.hpp"

using every_state::check_zero_is_dead;
using oracle::form;
using word = pinfold::unsync_word<signed char>;
using shared_word = pinfold::atomic_word<signed char>;

TEST_CASE("overlay pins under zero_is_dead do in every state what the specification says") {
    check_zero_is_dead<word, pinfold::overlay_pins<2>, 40, 20, 20>(form::overlay, 2);
    check_zero_is_dead<word, pinfold::overlay_pins<4>, 20, 10, 7>(form::overlay, 4);
    check_zero_is_dead<word, pinfold::overlay_pins<16>, 10, 6, 3>(form::overlay, 16);
    check_zero_is_dead<word, pinfold::overlay_pins<32>, 10, 2, 1>(form::overlay, 32);
}

TEST_CASE("references without pins under zero_is_dead do in every state what the specification says") {
    check_zero_is_dead<word, pinfold::no_pins, 100, 0, 50>(form::none, 1);
}

TEST_CASE("split words under zero_is_dead do in every state what the specification says") {
    check_zero_is_dead<word, pinfold::split_word_pins<>, 3, 3, 3>(form::split, 17, 4);
    check_zero_is_dead<word, pinfold::split_word_pins<2>, 1, 2, 2>(form::split, 5, 2);
}

TEST_CASE("the atomic word under zero_is_dead does in every state what the plain one does") {
    check_zero_is_dead<shared_word, pinfold::overlay_pins<16>, 10, 6, 3>(form::overlay, 16);
    check_zero_is_dead<shared_word, pinfold::split_word_pins<>, 3, 3, 3>(form::split, 17, 4);
}
