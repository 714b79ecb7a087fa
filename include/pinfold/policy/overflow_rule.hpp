// SPDX-License-Identifier: BSL-1.0
// What the overflow policies may say; count/ branches on it.
#pragma once

namespace pinfold {

enum class overflow_rule : unsigned char {
    refuse,     ///< a negative word refuses every speculative grab
    saturate,   ///< a word that would overflow sticks and is never freed
    trap,       ///< an overflow stops the program
    unchecked,  ///< an overflow wraps
};

}  // namespace pinfold
