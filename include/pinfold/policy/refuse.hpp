// SPDX-License-Identifier: BSL-1.0
// Overflow is refused, the Linux way. Source: spec 01 §4.2.
#pragma once

#include "overflow_rule.hpp"

namespace pinfold {

/// A grab that meets a negative word warns once and is refused; a batch whose product leaves the word is refused
/// before anything is added. Balanced releases bring the word back to its exact baseline.
/// With zero_is_dead the add that crosses the limit still succeeds (Linux); with sticky_dead it is refused too.
struct refuse {
    static constexpr overflow_rule rule = overflow_rule::refuse;
};

}  // namespace pinfold
