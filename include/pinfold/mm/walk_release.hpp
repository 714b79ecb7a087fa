// SPDX-License-Identifier: BSL-1.0
// Giving back many pages: single ones many at a time, and as long a run of one large folio as the array has in a row,
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

/// What must be known of pages before they are given back together.
template <class P, bool Pin>
class release_looks {
public:
    PINFOLD_DETAIL_HOT void add(const frame<P>* p) noexcept {
        if (!p) [[unlikely]] {
            link_ = 1;
            return;
        }
        seen_.add(p);
        link_ |= p->link.load_acquire();
    }
    /// Returns: whether they are single pages of memory of one node about which nothing has to be said.
    [[nodiscard]] PINFOLD_DETAIL_HOT bool plain() const noexcept {
        const kinds<P> of = seen_.flags();
        if ((link_ & 1) != 0 || of.odd() || !of.of_one_node()) return false;
        if constexpr (Pin && P::anon_exclusive)  // of an anonymous page that is unpinned and shared there is a word to say
            return (seen_.any_owner() & 1) == 0 || (of.all & frame<P>::bit(pg::exclusive)) != 0;
        return true;
    }

private:
    looks<P, P::walk::wide> seen_;
    std::int64_t link_ = 0;
};

/// Effects: gives back one unit of a plain page. Returns: whether it is one.
template <class P, bool Pin>
[[nodiscard]] PINFOLD_DETAIL_HOT bool release_plain_page(physical<P>& phys, frame<P>* page) {
    release_looks<P, Pin> looks;
    looks.add(page);
    if (!looks.plain()) return false;
    if constexpr (Pin) phys.stats.released(page->node(), 1);
    phys.note(page, single<P, Pin>::kind, -1);
    single<P, Pin>::drop_memory(page);
    return true;
}

inline constexpr std::size_t release_width = 8, release_ahead = 64;

/// Effects: gives back one unit of each of n plain pages and looks at the next ones meanwhile. Ask: asks for the lines of
/// pages further on. There are n + next pages, and with Ask release_ahead more. next: n at most.
template <class P, bool Pin, bool Ask>
PINFOLD_DETAIL_HOT void release_block(frame<P>* const* pages, std::size_t n, std::size_t next, release_looks<P, Pin>& looks) {
    std::size_t i = 0;
    if constexpr (Ask) {  // lines that are far: each is asked for, looked at and given back at a distance from the others
        for (; i < next; ++i) {
            single<P, Pin>::drop_memory(pages[i]);
            __builtin_prefetch(pages[release_ahead + i], 1);
            looks.add(pages[n + i]);
        }
        for (; i < n; ++i) single<P, Pin>::drop_memory(pages[i]);
        return;
    }
    if (n == release_width) [[likely]] {  // nothing is loaded between the releases: it would wait for each of them
        frame<P>* p[release_width];
#pragma GCC unroll 8
        for (; i < release_width; ++i) p[i] = pages[i];
#pragma GCC unroll 8
        for (i = 0; i < release_width; ++i) single<P, Pin>::drop_memory(p[i]);
    } else {
        for (; i < n; ++i) single<P, Pin>::drop_memory(pages[i]);
    }
    for (i = 0; i < next; ++i) looks.add(pages[n + i]);
}

/// Effects: gives back one unit of each of the first pages, as far as blocks of them are plain; while one block goes, the
/// next is looked at. Returns: how many. Requires: n is not 0. Synchronises: each release as page_ops::put.
template <class P, bool Pin>
[[nodiscard, gnu::noinline]] std::size_t release_plain(physical<P>& phys, frame<P>* const* pages, std::size_t n) {
    constexpr std::size_t width = release_width;
    const auto least = [](std::size_t a, std::size_t b) { return a < b ? a : b; };
    if (!pages[0] || is_odd(pages[0])) return 0;
    const unsigned thread = Pin ? this_thread().number : 0;
    std::size_t done = 0, now = least(n, width);
    release_looks<P, Pin> looks;
    for (std::size_t i = 0; i < now; ++i) looks.add(pages[i]);
    while (now != 0 && looks.plain()) {
        frame<P>* const* const block = pages + done;
        const std::size_t next = least(n - done - now, width);
        if constexpr (Pin) phys.stats.released_by(thread, block[0]->node(), now);  // before the pages can go (DEF-11)
        if constexpr (P::ledger::enabled)
            for (std::size_t i = 0; i < now; ++i) phys.note(block[i], single<P, Pin>::kind, -1);
        looks = {};
        if (n - done >= release_ahead + width && block[width - 1] != block[0] + (width - 1))  // in no order
            release_block<P, Pin, true>(block, now, next, looks);
        else
            release_block<P, Pin, false>(block, now, next, looks);
        done += now;
        now = next;
    }
    return done;
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
