// SPDX-License-Identifier: BSL-1.0
// No overflow check at all. Danger: a wrapped word frees pages that are pinned.
#pragma once

#include "overflow_rule.hpp"

namespace pinfold {

/// Grabs never look at the sign. Only a stated budget makes this right; the budget check stays on.
struct unchecked_overflow {
    static constexpr overflow_rule rule = overflow_rule::unchecked;
};

}  // namespace pinfold
