// SPDX-License-Identifier: BSL-1.0
// Pins in a word of their own beside the count. Source: spec 01 §1.
#pragma once

#include "pin_form.hpp"

namespace pinfold {

/// One pin is one reference and one step of a second word. "Pinned?" is a plain bool. Costs a second word and a
/// second atomic instruction per pin; keep both words in one cache line.
struct exact_pins {
    static constexpr pin_form form = pin_form::exact;
};

}  // namespace pinfold
