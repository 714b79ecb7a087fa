// SPDX-License-Identifier: BSL-1.0
#include "every_state.hpp"

using every_state::check_sticky_dead;
using every_state::check_sticky_dead_within;
using oracle::form;
using word = pinfold::unsync_word<signed char>;
using shared_word = pinfold::atomic_word<signed char>;

TEST_CASE("overlay pins under sticky_dead do in every state what the specification says") {
    check_sticky_dead<word, pinfold::overlay_pins<2>, 2, 2, 2, 4, true>(form::overlay, 2);
    check_sticky_dead<word, pinfold::overlay_pins<4>, 2, 4, 4, 3, true>(form::overlay, 4);
    check_sticky_dead<word, pinfold::overlay_pins<16>, 1, 3, 3, 3, true>(form::overlay, 16);
    check_sticky_dead<word, pinfold::overlay_pins<32>, 1, 10, 2, 1, false>(form::overlay, 32);
}

TEST_CASE("references without pins under sticky_dead do in every state what the specification says") {
    check_sticky_dead<word, pinfold::no_pins, 3, 20, 0, 7, false>(form::none, 1);
}

TEST_CASE("split words under sticky_dead do in every state what the specification says") {
    check_sticky_dead<word, pinfold::split_word_pins<>, 1, 3, 3, 3, true>(form::split, 17, 4);
    check_sticky_dead<word, pinfold::split_word_pins<2>, 1, 1, 2, 3, true>(form::split, 5, 2);
}

TEST_CASE("a liveness that bounds itself does in every state what the specification says") {
    check_sticky_dead_within<word, pinfold::overlay_pins<2>, 2, 5>(form::overlay, 2);
    check_sticky_dead_within<word, pinfold::overlay_pins<4>, 3, 1>(form::overlay, 4);
    check_sticky_dead_within<word, pinfold::overlay_pins<16>, 1, 3>(form::overlay, 16);
    check_sticky_dead_within<word, pinfold::no_pins, 3, 20>(form::none, 1);
    check_sticky_dead_within<shared_word, pinfold::overlay_pins<4>, 2, 3>(form::overlay, 4);
}

TEST_CASE("the atomic word under sticky_dead does in every state what the plain one does") {
    check_sticky_dead<shared_word, pinfold::overlay_pins<16>, 1, 3, 3, 3, true>(form::overlay, 16);
    check_sticky_dead<shared_word, pinfold::split_word_pins<>, 1, 3, 3, 3, true>(form::split, 17, 4);
}
