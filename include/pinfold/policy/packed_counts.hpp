// SPDX-License-Identifier: BSL-1.0
// Counts in an array of their own, beside the pages: sixteen to a cache line, and several changed at once where pages
// follow each other (range/packed.hpp).
#pragma once

#include <type_traits>

#include "../core/config.hpp"
#include "dirtying.hpp"
#include "exemption.hpp"
#include "no_statistics.hpp"
#include "no_trace.hpp"
#include "self_head.hpp"

namespace pinfold {

/// The policy of pages that lie in the array Pages() starts, page k counted in the k-th element of the array of
/// pinfold::count that Counts() starts. Derive from it as from page_defaults; `release` has no default here either:
///   frame* frames() noexcept;
///   pinfold::count<>* counts() noexcept;
///   struct pool_policy : pinfold::packed_counts<&frames, &counts> {
///       using release = pinfold::free_at_zero<&give_back>;
///   };
/// Requires: both arrays live as long as any page is counted, and stay where they are. Counts that start at a multiple
/// of 16 bytes are changed in groups from the first on; others from the first such address on.
///
/// What it buys: operations on pages that follow each other take one atomic instruction for four pages, and touch a
/// sixteenth of the memory. What it costs: threads that count neighbouring pages share a cache line where counts in
/// 64-byte pages do not, and every page is its own head, because the counts of a block's tails would stand between.
/// Single pages are counted as ever, so both forms may be used on the same pages at the same time.
template <auto Pages, auto Counts>
struct packed_counts {
    using page = std::remove_pointer_t<decltype(Pages())>;
    using head = self_head;
    using statistics = no_statistics;
    using exempt = nothing_exempt;
    using dirtying = no_dirtying;
    using trace = no_trace;

    /// The counts of pages that follow each other follow each other.
    static constexpr bool packed = true;

    template <class Page>
    PINFOLD_DETAIL_HOT static auto& count_of(Page& p) noexcept {
        return Counts()[&p - Pages()];
    }
};

}  // namespace pinfold
