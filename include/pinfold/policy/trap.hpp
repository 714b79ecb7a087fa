// SPDX-License-Identifier: BSL-1.0
// Overflow stops the program.
#pragma once

#include "overflow_rule.hpp"

namespace pinfold {

/// As refuse, but where refuse would warn about an overflow this reports and traps.
struct trap {
    static constexpr overflow_rule rule = overflow_rule::trap;
};

}  // namespace pinfold
