// SPDX-License-Identifier: BSL-1.0
// The common shape of an array of pages, small pages of different heads, taken eight at a time: what the eight are is
// found out before the first of them is counted, because nothing that reads memory overtakes a locked instruction.
#pragma once

#include "page_range.hpp"

namespace pinfold::detail {

/// Where this many are no such singles they are taken run by run before it is looked again: a mixed list is looked at
/// twice at most.
inline constexpr std::size_t singles_at_once = 8;

/// How far ahead of the counting lines are asked for. Measured on lists in no order that no cache holds: without it
/// they take a third longer than bare locked instructions, with it as long; 16 to 64 pages are nearly alike.
inline constexpr std::size_t lines_ahead = 48;

/// The heads of pages[0, singles_at_once), if each of them is a run of its own.
template <class Hold, class Page>
struct singles {
    Page* heads[singles_at_once];

    /// Effects: looks at pages[0, n). Returns: whether there are enough of them, none is null or exempt, and no two
    /// neighbours have one head, the page after them included: taken one by one they make the same runs.
    PINFOLD_DETAIL_HOT bool look(Page* const* pages, std::size_t n) noexcept {
        using ops = page_ops<Page>;
        if (n <= singles_at_once) return false;
        if (n >= lines_ahead + singles_at_once)
#pragma GCC unroll 8
            for (std::size_t k = 0; k < singles_at_once; ++k) __builtin_prefetch(pages[lines_ahead + k], 1);
#pragma GCC unroll 8
        for (std::size_t k = 0; k < singles_at_once; ++k) {
            if (pages[k] == nullptr || Hold::is_exempt(*pages[k])) [[unlikely]]
                return false;
            heads[k] = ops::head(pages[k]);
            if (k != 0 && heads[k] == heads[k - 1]) return false;
        }
        Page* const after = pages[singles_at_once];
        return after == nullptr || ops::head(after) != heads[singles_at_once - 1];
    }
};

}  // namespace pinfold::detail
