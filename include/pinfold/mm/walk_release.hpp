// SPDX-License-Identifier: BSL-1.0
// Giving back many pages: eight single ones at a time, and as long a run of one large folio as the array has in a row,
// without touching its tails. What each release does, and in which order, is as one by one. Source: spec 06 §9.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "walk_form.hpp"
#include "walk_looks.hpp"
#include "walk_row.hpp"

namespace pinfold::mm::detail {

/// Whether profile P's releases may look at many pages at once.
template <class P>
inline constexpr bool releases_in_blocks = P::walk::in_blocks && std::is_same_v<typename P::steps, right_steps>;

/// Effects: gives back one unit of each of the first eight pages, if they are single pages of memory of one node about
/// which nothing has to be said. Returns: whether it did.
/// Synchronises: each release as page_ops::put.
template <class P, bool Pin>
[[nodiscard]] PINFOLD_DETAIL_HOT bool release_block(physical<P>& phys, frame<P>* const* pages) {
    using one = single<P, Pin>;
    constexpr fixed<8> eight;
    bool there = true;
    eight.each([&](unsigned i) __attribute__((always_inline)) { there = there && pages[i]; });
    if (!there) return false;
    looks<P> seen;
    std::int64_t shared_anon = 0;  // linux_6_12 warns of each that is unpinned
    eight.each([&](unsigned i) __attribute__((always_inline)) {
        seen.add(pages[i]);
        if constexpr (Pin && P::anon_exclusive)
            shared_anon |= pages[i]->mapping.load() & ~(pages[i]->flags.load() >> static_cast<unsigned>(pg::exclusive));
    });
    if (seen.odd() || !seen.of_one_node() || (shared_anon & 1) != 0) return false;
    if constexpr (Pin) phys.stats.released(pages[0]->node(), 8);  // before the pages can go (DEF-11)
    if constexpr (P::ledger::enabled)
        eight.each([&](unsigned i) { phys.note(pages[i], one::kind, -1); });
    eight.each([&](unsigned i) __attribute__((always_inline)) { one::drop(pages[i]); });
    return true;
}

/// Returns: how many of the pages from the first on are, in a row, of the large folio `head`; of a single page, how
/// often it is there. Requires: they are held.
template <class P>
[[nodiscard]] std::size_t pages_of_run(const physical<P>& phys, std::span<frame<P>* const> pages, frame<P>* head) noexcept {
    if (head->order() == 0) {
        std::size_t n = 1;
        while (n < pages.size() && pages[n] == head) ++n;
        return n;
    }
    const std::uint64_t room = head->pages() - phys.index_in_folio(pages[0]);
    return pages_in_row<P::walk::wide>(pages.data(), pages[0], room < pages.size() ? room : pages.size());
}

}  // namespace pinfold::mm::detail
