// SPDX-License-Identifier: BSL-1.0
// How a scheme stores pins; count/ branches on it.
#pragma once

namespace pinfold {

enum class pin_form : unsigned char {
    none,     ///< there are no pins
    overlay,  ///< one pin is `bias` units of the count word
    exact,    ///< one pin is one reference and one step of a second word
    hybrid,   ///< exact for large heads, overlay for the rest
    split,    ///< one word with a field of references and a field of pins
};

}  // namespace pinfold
