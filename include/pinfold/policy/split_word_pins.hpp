// SPDX-License-Identifier: BSL-1.0
// References and pins, both exact, in two fields of one word: one atomic instruction for both.
#pragma once

#include "pin_form.hpp"

namespace pinfold {

/// The low `RefBits` bits count references (each pin holds one), the rest counts pins; a pin adds
/// 2^RefBits + 1. With a 64-bit word and 32 bits each, no page of any size overflows it (spec 01 §4.1).
/// RefBits 0 means half of the word. Requires: 1 < RefBits < bits of the word − 2, or 0.
template <unsigned RefBits = 0>
struct split_word_pins {
    static constexpr pin_form form = pin_form::split;
    static constexpr unsigned ref_bits = RefBits;
};

}  // namespace pinfold
