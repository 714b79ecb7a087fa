// SPDX-License-Identifier: BSL-1.0
// Giving back what gup calls returned: singly, by array, by range, dirty or not. Any partition of the returned
// pages may be released by any mix of these, in any order (INV-12). Source: spec 06 §9.
#pragma once

#include <cstdint>
#include <span>

#include "file.hpp"
#include "grab.hpp"
#include "page_lock.hpp"
#include "walk_release.hpp"

namespace pinfold::mm {

namespace detail {

/// Effects: marks the folio dirty unless it is already, under the page lock: it may be truncated meanwhile.
template <class P>
void dirty_lock(frame<P>* head) {
    if (head->is(pg::dirty)) return;
    const page_lock_guard lock(head);
    if (!head->is_anon() && !head->is(pg::buffers)) {
        const file* f = head->template owner_as<file>();
        if (f && f->kind == file_kind::ext4)  // nobody has told the filesystem that it would be written (HAZ-WB)
            physical<P>::of(*head).warn.emit(warn_id::dirty_unprepared, head->count.refs());
    }
    head->change(frame<P>::bit(pg::dirty), frame<P>::bit(pg::readahead));
}

/// Effects: calls release(page, n) for each run of pages of one folio; a null is skipped and ends a run (DEF-M5).
/// Single pages that need no more than a release go many at a time.
template <class P, bool Pin, class Release>
void by_folio(physical<P>& phys, std::span<frame<P>* const> pages, bool dirty, Release release) {
    if (pages.size() == 1) {
        if constexpr (releases_in_blocks<P>)
            if (!dirty && release_plain_page<P, Pin>(phys, pages[0])) return;
        if (pages[0]) release(pages[0], 1);
        return;
    }
    for (std::size_t i = 0; i < pages.size();) {
        if constexpr (releases_in_blocks<P>)
            if (!dirty) {
                i += release_plain<P, Pin>(phys, pages.data() + i, pages.size() - i);
                if (i == pages.size()) return;
            }
        if (!pages[i]) {
            ++i;
            continue;
        }
        frame<P>* head = phys.head(pages[i]);
        std::size_t n = 1;
        if constexpr (releases_in_blocks<P>) n = pages_of_run<P>(phys, pages.subspan(i), head);
        while (i + n < pages.size() && P::steps::same_run(phys, pages[i + n], head)) ++n;
        release(pages[i], n);
        i += n;
    }
}

/// linux_6_12, debug: an anonymous page that is unpinned must be exclusive. Source: spec 02 §7.
template <class P>
void check_exclusive(physical<P>& phys, frame<P>* page) {
    if constexpr (P::anon_exclusive) {
        frame<P>* head = phys.head(page);
        if (!head->is_anon() || head->is(pg::exclusive) || page->is(pg::exclusive)) return;
        phys.warn.emit(warn_id::unpin_not_exclusive, static_cast<std::int64_t>(phys.number(page).n));
    }
}

}  // namespace detail

template <class P>
void unpin_pages(physical<P>& phys, frame<P>* page, std::uint64_t n) {
    detail::check_exclusive(phys, page);
    ungrab(phys, page, n, foll::pin);
}

/// unpin_user_pages, put_user_pages.
template <class P>
void unpin_array(physical<P>& phys, std::span<frame<P>* const> pages, bool dirty) {
    detail::by_folio<P, true>(phys, pages, dirty, [&](frame<P>* page, std::uint64_t n) {
        if (dirty) detail::dirty_lock(phys.head(page));  // before the release: afterwards nobody may touch it
        unpin_pages(phys, page, n);
    });
}

/// unpin_user_page_range_dirty_lock: n frames in a row, batched by folio.
template <class P>
void unpin_range(physical<P>& phys, frame<P>* first, std::uint64_t n, bool dirty) {
    for (std::uint64_t i = 0; i < n;) {
        frame<P>* page = phys.nth(first, i);
        frame<P>* head = phys.head(page);
        const std::uint64_t rest = head->pages() - phys.index_in_folio(page);
        const std::uint64_t run = rest < n - i ? rest : n - i;
        if (dirty) detail::dirty_lock(head);
        unpin_pages(phys, page, run);
        i += run;
    }
}

/// put_page for each, by folio.
template <class P>
void put_array(physical<P>& phys, std::span<frame<P>* const> pages, bool dirty) {
    detail::by_folio<P, false>(phys, pages, dirty, [&](frame<P>* page, std::uint64_t n) {
        if (dirty) detail::dirty_lock(phys.head(page));
        ungrab(phys, page, n, foll::get);
    });
}

/// folio_add_pin: one more pin for somebody who has one. In linux_6_12 it is not counted as acquired (DEF-M1).
template <class P>
void add_pin(physical<P>& phys, frame<P>* page) {
    if (is_exempt(page)) return;
    frame<P>* head = phys.head(page);
    bool unpinned = head->count.refs() < pin_unit(*head);
    if constexpr (requires { head->count.pins(); })
        if (counts_pins_exactly(*head)) unpinned = head->count.pins() < 1;
    if (unpinned) phys.warn.emit(warn_id::add_pin_unpinned, head->count.refs());
    head->count.pin(1, counts_pins_exactly(*head));
    if (P::counts_added_pins) physical<P>::ops::pinning::acquired(*head, 1);
    else phys.uncounted_pins.adjust(1);
    phys.note(head, holder::pin, 1);
}

}  // namespace pinfold::mm
