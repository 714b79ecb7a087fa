// SPDX-License-Identifier: BSL-1.0
// Linux's liveness rule: a head whose count is 0 is dead. Source: spec 01 §1.
#pragma once

namespace pinfold {

/// A free, frozen or dying head holds 0; a speculative grab adds unless the word is 0 or refused, by
/// compare-exchange. A refused grab writes nothing. One atomic instruction when nobody interferes, a loop when
/// somebody does.
struct zero_is_dead {
    static constexpr bool optimistic = false;
    static constexpr bool load_test = false;
};

}  // namespace pinfold
