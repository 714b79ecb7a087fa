// SPDX-License-Identifier: BSL-1.0
// Pins on top of references in one word: a pin adds Bias. Source: spec 01 §1 (GUP_PIN_COUNTING_BIAS).
#pragma once

#include <cstdint>

#include "pin_form.hpp"

namespace pinfold {

/// One pin is Bias units of the count word. Costs no memory; "pinned?" answers no, maybe, or certainly, because
/// Bias plain references look like a pin.
/// Requires: Bias is a power of two, 2 or more.
template <std::int64_t Bias = 1024>
struct overlay_pins {
    static constexpr pin_form form = pin_form::overlay;
    static constexpr std::int64_t bias = Bias;
};

}  // namespace pinfold
