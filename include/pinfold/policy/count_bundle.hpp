// SPDX-License-Identifier: BSL-1.0
// The policy of one count: a plain struct of aliases that inherits defaults.
#pragma once

#include <cstdint>

#include "../core/budget.hpp"
#include "../core/contract.hpp"
#include "../word/atomic_word.hpp"
#include "overlay_pins.hpp"
#include "refuse.hpp"
#include "sticky_dead.hpp"

namespace pinfold {

/// Derive from it and name what differs:
///   struct my_count : pinfold::count_defaults { using pins = pinfold::exact_pins; };
/// The defaults: an atomic 32-bit word, 1024 units per pin, one wait-free add per grab, overflow refused, and a
/// budget of 1024 holders with up to 1024 references and 1024 pins each, in batches of up to 512.
/// blocks_pins: whether block_pins() exists for heads whose pins share the word with references. It gives a band of
/// the word's values the meaning "blocked": an overflow into that band is no longer told from it, so only the budget
/// keeps the two apart. Counts of pins in a word of their own can always be blocked.
struct count_defaults {
    using word = atomic_word<std::int32_t>;
    using pins = overlay_pins<>;
    using liveness = sticky_dead;
    using overflow = refuse;
    using warnings = process_warnings;
    static constexpr bool blocks_pins = false;
    static constexpr pinfold::budget budget{.holders = 1024, .refs_each = 1024, .pins_each = 1024, .batch = 512};
};

}  // namespace pinfold
