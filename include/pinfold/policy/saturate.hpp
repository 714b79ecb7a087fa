// SPDX-License-Identifier: BSL-1.0
// Overflow leaks the page rather than freeing it early. Source: spec 01 §9.
#pragma once

#include "overflow_rule.hpp"

namespace pinfold {

/// A word that would overflow, or is released below zero, is set to −2^(bits−2), warns, and never leaves it:
/// every later grab succeeds and every release is ignored. Not orthogonal: needs zero_is_dead, because
/// sticky_dead uses the same negative range for dead heads, and cannot block pins in the same word.
struct saturate {
    static constexpr overflow_rule rule = overflow_rule::saturate;
};

}  // namespace pinfold
