// SPDX-License-Identifier: BSL-1.0
// In which form the lockless walk takes ptes: one after the other, or many at once. Both give the same pages, units,
// statistics and warnings; a profile names one by its alias `walk`. Source: spec 05 §4 PTE/F.
#pragma once

#include <type_traits>

#include "../core/config.hpp"
#include "race_point.hpp"
#include "threading.hpp"

namespace pinfold::mm {

struct right_steps;        // steps.hpp
struct always_accessible;

/// Grab, look again, publish, entry by entry: the specification's own order.
struct walk_one_by_one {
    static constexpr bool in_blocks = false;
    static constexpr bool wide = false;
};

/// The ptes of plain pages in one loop; ptes of one large folio as one run with one grab. Right because nothing is dropped:
/// each page's grab precedes the second look at its own entry, and what is asked about pages that are held is asked of
/// many at once, while they are. What is not a plain page is served one by one.
struct walk_in_blocks {
    static constexpr bool in_blocks = true;
    static constexpr bool wide = false;
};

/// The same, words two at a time where the processor reads aligned words whole (x86-64); the
/// portable form elsewhere, and where an access must be seen: under ThreadSanitizer and in the explorer.
struct walk_in_wide_blocks {
    static constexpr bool in_blocks = true;
#if defined(__x86_64__) && !PINFOLD_DETAIL_TSAN && !PINFOLD_MM_EXPLORED
    static constexpr bool wide = true;
#else
    static constexpr bool wide = false;
#endif
};

namespace detail {

/// Race points that want the block form say `static constexpr bool by_block = true`: the points up to head_checked are
/// reached for each entry, or once for a run; those behind, once for a block.
template <class Races>
[[nodiscard]] constexpr bool races_by_block() noexcept {
    if constexpr (requires { Races::by_block; }) return Races::by_block;
    else return std::is_same_v<Races, no_races>;
}

}  // namespace detail

/// Whether the walk of profile P goes by blocks. Replaced steps, and race points of single entries, mean the
/// one-by-one form.
template <class P>
inline constexpr bool walks_in_blocks = P::walk::in_blocks && std::is_same_v<typename P::steps, right_steps> &&
                                        std::is_same_v<typename P::folio_access, always_accessible> &&
                                        detail::races_by_block<typename P::races>();

}  // namespace pinfold::mm
