// SPDX-License-Identifier: BSL-1.0
// Splitting a huge *folio* into base pages, which anybody's reference or pin prevents; splitting only its entries can
// always be done (thp.hpp). Source: spec 07 B7, spec 10 §12.
#pragma once

#include <mutex>
#include <shared_mutex>

#include "migrate.hpp"
#include "page_lock.hpp"
#include "thp.hpp"

namespace pinfold::mm {

namespace detail {

/// Effects: every pmd that maps the folio becomes ptes.
template <class P>
void split_all_pmds(physical<P>& phys, frame<P>* head) {
    each_slot(phys, head, [&](space<P>& mm, const typename space<P>::place& at, std::uint64_t) {
        const entry e = at.slot->read();
        if (at.at == level::pmd && e.is_leaf() && e.number() == phys.number(head)) split_pmd_locked(mm, at, 0);
    });
}

/// Effects: the frozen folio falls into pages of order 0 with one reference each, still unmapped.
template <class P>
void take_apart(physical<P>& phys, frame<P>* head) {
    using page = frame<P>;
    constexpr std::int64_t for_all = page::bit(pg::dirty) | page::bit(pg::uptodate) | page::bit(pg::swapbacked) |
                                     page::bit(pg::mlocked) | page::bit(pg::lru) | page::bit(pg::referenced);
    const std::uint64_t n = head->pages();
    const std::int64_t given = head->flags.load() & for_all;
    for (std::uint64_t k = 1; k < n; ++k) {
        page* t = phys.nth(head, k);
        t->mapping.publish(head->mapping.load());
        t->index = head->index + k;
        t->change(given, 0);
        t->count.init(1);
        frame_policy<P>::head::clear(*t);  // last: its own count is set (spec 02 §8)
        phys.note(t, holder::temporary, 1);
    }
    head->change(0, page::bit(pg::large) | 63);
    head->count.unfreeze(1);
}

/// Effects: the migration entries of one piece show it again; where its bytes are all zero, and `zeros`, the zero page.
template <class P>
void remap_piece(physical<P>& phys, frame<P>* piece) {
    if (P::split_maps_zeros && !piece->is(pg::mlocked) && phys.data.all_zero(*piece, phys.number(piece))) {
        const pfn n = phys.number(piece);
        each_slot(phys, piece, [&](space<P>&, const typename space<P>::place& at, std::uint64_t) {
            const entry e = at.slot->read();
            if (e.kind() != entry_kind::migration || e.number() != n) return;
            const std::uint64_t kept = e.raw & entry::bit(eb::protnone);
            at.slot->set(entry::leaf(phys.number(phys.zero_page()), kept | entry::bit(eb::special)));
        });
        return;
    }
    restore_entries(phys, piece, piece, piece);
}

}  // namespace detail

/// Effects: the anonymous folio becomes base pages with its letters and marks; each keeps its identity. The caller's
/// reference (holder: temporary) stays on `keep`, a page of it. Returns: 0; -EBUSY, it is none that is split, or
/// -EAGAIN, somebody holds it: nothing is changed. Requires: the page lock of head, no page-table lock.
template <class P>
[[nodiscard]] int split_folio(physical<P>& phys, frame<P>* head, frame<P>* keep) {
    if (!head->is(pg::large)) return 0;
    if (!head->is_anon() || head->is(pg::hugetlb) || head->is(pg::swapcache) || head->is(pg::writeback)) return -err::ebusy;
    if (head->count.raw() != folio_mapcount(head) + 1) return -err::eagain;
    const std::uint64_t n = head->pages();
    detail::split_all_pmds(phys, head);
    if (!detail::unmap_for_migration(phys, head) || folio_mapcount(head) != 0 || !head->count.freeze(1)) {
        detail::restore_entries(phys, head, head, head);
        return -err::eagain;
    }
    detail::take_apart(phys, head);
    for (std::uint64_t k = 0; k < n; ++k) detail::remap_piece(phys, phys.nth(head, k));
    for (std::uint64_t k = 0; k < n; ++k)
        if (frame<P>* piece = phys.nth(head, k); piece != keep) phys.drop(piece, holder::temporary);
    return 0;
}

/// Effects: splits every huge folio mapped in the range that can be. Returns: how many. Best effort.
template <class P>
std::uint64_t split_range(space<P>& mm, vaddr from, vaddr to) {
    physical<P>& phys = mm.phys;
    std::uint64_t done = 0;
    std::shared_lock lock(mm.mmap_lock);
    for (vaddr a = align_down(from, page_size); a < to; a += page_size) {
        const vma* v = mm.find(a);
        if (!v || v->is_hugetlb()) continue;
        frame<P>* head = nullptr;
        {
            const auto at = mm.tables.find(a, level::pte);
            word_guard table(at.lock());
            frame<P>* page = normal_page(phys, at.slot->read());
            if (!page || !phys.head(page)->is(pg::large) || phys.is_huge_zero(phys.head(page))) continue;
            head = phys.head(page);
            phys.hold(head, holder::temporary);
        }
        if (try_lock_page(head)) {
            if (split_folio(phys, head, head) == 0) ++done;
            unlock_page(head);
        }
        phys.drop(head, holder::temporary);
    }
    return done;
}

}  // namespace pinfold::mm
