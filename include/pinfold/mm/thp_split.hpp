// SPDX-License-Identifier: BSL-1.0
// Splitting a large *folio* into base pages, which anybody's reference or pin prevents; splitting only its entries can
// always be done (thp.hpp). Source: spec 02 §8, spec 07 B7, spec 10 §12.
#pragma once

#include <mutex>

#include "migrate.hpp"
#include "page_lock.hpp"
#include "thp.hpp"

namespace pinfold::mm {

namespace detail {

/// Effects: no entry shows the cached folio any more: who wants it finds it again. Requires: a reference (temporary), no
/// page-table, rmap or file lock.
template <class P>
void unmap_from_file(physical<P>& phys, frame<P>* head) {
    std::uint64_t gone = 0;
    each_slot(phys, head, [&](space<P>&, const typename space<P>::place& at, std::uint64_t k, const vma&) {
        const entry e = at.slot->read();
        if (!e.is_leaf() || e.has(eb::special) || e.has(eb::devmap) || e.number() != phys.number(head) + k) return;
        if (at.slot->take().has(eb::dirty)) head->set(pg::dirty);
        if (at.at == level::pmd) unmap_huge(head);
        else unmap_pte(phys.nth(head, k), head);
        ++gone;
    });
    word64::full_fence();  // the flush
    if (gone != 0) phys.drop(head, holder::entry, gone);
}

/// One split. Requires: the page lock of head and one reference, both the caller's; no page-table, rmap or file lock.
template <class P>
class folio_split {
public:
    using page = frame<P>;
    using place = typename space<P>::place;

    folio_split(physical<P>& phys, page* head) : phys_(phys), head_(head), pages_(head->pages()) {}

    /// Returns: 0 or a negative errno; nothing has changed then, but that a file's entries are to be faulted again.
    [[nodiscard]] int run() {
        if (head_->is(pg::hugetlb) || phys_.is_huge_zero(head_) || head_->zone() == zone_kind::device ||
            head_->is(pg::writeback) || head_->mapping.load() == 0)
            return -err::ebusy;
        if (head_->count.refs() != expected_count(head_) + 1) return -P::split_refused;
        return head_->is_anon() ? split_anon() : split_cached();
    }

private:
    [[nodiscard]] int split_anon() {
        split_all_pmds();
        const bool alone = unmap_for_migration(phys_, head_) && folio_mapcount(head_) == 0;
        if (!alone || !come_apart()) {
            restore_entries(phys_, head_, head_, head_);
            return -P::split_refused;
        }
        for (std::uint64_t k = 0; k < pages_; ++k) remap_piece(phys_.nth(head_, k));
        return 0;
    }
    [[nodiscard]] int split_cached() {
        unmap_from_file(phys_, head_);
        file* const f = head_->template owner_as<file>();
        std::lock_guard cache(f->lock);
        const auto it = f->cache.find(head_->index);
        if (folio_mapcount(head_) != 0 || it == f->cache.end() || !freeze()) return -P::split_refused;
        f->cache.erase(it);
        for (std::uint64_t k = 0; k < pages_; ++k)
            f->cache.emplace(head_->index + k, file::cached{phys_.number(head_) + k, 0});
        take_apart(1, holder::page_cache);
        for (std::uint64_t k = 0; k < pages_; ++k)  // nobody can want what lies beyond the end
            if (head_->index + k >= f->pages()) cache_remove_locked(phys_, *f, f->cache.find(head_->index + k));
        return 0;
    }

    /// Effects: every pmd that maps the folio becomes ptes.
    void split_all_pmds() {
        each_slot(phys_, head_, [this](space<P>& mm, const place& at, std::uint64_t, const vma& v) {
            const entry e = at.slot->read();
            if (at.at == level::pmd && e.is_leaf() && e.number() == phys_.number(head_)) split_pmd_locked(mm, at, &v);
        });
    }
    /// Returns: whether the count was exactly the caller's reference and the cache's, and is 0 for everybody now.
    [[nodiscard]] bool freeze() {
        return head_->count.freeze(static_cast<std::int32_t>(1 + expected_count(head_)));
    }
    [[nodiscard]] bool come_apart() {
        if (!head_->is(pg::swapcache)) {
            if (!freeze()) return false;
            take_apart(0, holder::swap_cache);
            return true;
        }
        bool done = false;  // whoever finds a page by its slot must not meet a frozen one
        phys_.swap.with_cached(head_->private_, [&](pfn) {
            done = freeze();
            if (done) take_apart(1, holder::swap_cache);
        });
        return done;
    }
    /// Effects: the frozen, unmapped folio falls into locked pages of order 0, each with one reference (temporary;
    /// that of head is the caller's) and `cached` references of the cache.
    void take_apart(std::uint64_t cached, holder cache) {
        constexpr std::int64_t for_all = page::bit(pg::dirty) | page::bit(pg::uptodate) | page::bit(pg::swapbacked) |
                                         page::bit(pg::mlocked) | page::bit(pg::referenced) | page::bit(pg::swapcache) |
                                         page::bit(pg::locked);
        const std::int64_t given = (head_->flags.load() & for_all) | page::bit(pg::lru);
        const auto units = static_cast<std::int32_t>(1 + cached);
        phys_.partly_mapped.forget(head_);
        for (std::uint64_t k = 1; k < pages_; ++k) {
            page* t = phys_.nth(head_, k);
            t->mapping.publish(head_->mapping.load());
            t->index = head_->index + k;
            if (head_->is(pg::swapcache)) t->private_ = head_->private_ + k;
            t->change(given, 0);
            t->count.init(1 + cached);
            frame_policy<P>::head::clear(*t);  // last: its own count is set (spec 02 §8)
            phys_.note(t, holder::temporary, 1);
            if (cached != 0) phys_.note(t, cache, 1);
        }
        if (cached != 0) phys_.note(head_, cache, -static_cast<std::int64_t>(pages_ - 1));
        head_->change(0, page::bit(pg::large) | 63);
        head_->count.unfreeze(units);
    }

    /// The migration entries of one piece show it again; where its bytes are all zero, and the profile says so, the
    /// zero page.
    void remap_piece(page* piece) {
        if (!P::split_maps_zeros || piece->is(pg::mlocked) || !phys_.data.all_zero(*piece, phys_.number(piece)))
            return restore_entries(phys_, piece, piece, piece);
        constexpr std::uint64_t kept = entry::bit(eb::protnone) | entry::bit(eb::keyed) | entry::bit(eb::uffd_wp);
        const pfn n = phys_.number(piece);
        each_slot(phys_, piece, [&](space<P>&, const place& at, std::uint64_t, const vma&) {
            const entry e = at.slot->read();
            if (e.kind() != entry_kind::migration || e.number() != n) return;
            at.slot->set(entry::leaf(phys_.number(phys_.zero_page()), (e.raw & kept) | entry::bit(eb::special)));
        });
    }

    physical<P>& phys_;
    page* head_;
    std::uint64_t pages_;
};

}  // namespace detail

/// Effects: the folio becomes base pages with its letters and marks; each keeps its identity. The caller's reference
/// and the page lock are those of `keep` now, a page of the folio. each_piece(page*) is called for the others while
/// they cannot go yet: then they live on what maps or caches them. Returns: 0; -EBUSY, it is none that is split, or the
/// profile's refusal, somebody holds it: reference and lock are head's as before.
/// Requires: the page lock of head, a reference (temporary, if keep is not head), no page-table, rmap or file lock.
template <class P, class EachPiece>
[[nodiscard]] int split_folio(physical<P>& phys, frame<P>* head, frame<P>* keep, EachPiece each_piece) {
    if (!head->is(pg::large)) return 0;
    const std::uint64_t n = head->pages();
    if (const int error = detail::folio_split<P>(phys, head).run()) return error;
    for (std::uint64_t k = 0; k < n; ++k) {
        frame<P>* piece = phys.nth(head, k);
        if (piece == keep) continue;
        each_piece(piece);
        unlock_page(piece);
        free_swap_if_unmapped(phys, piece);
        phys.drop(piece, holder::temporary);
    }
    return 0;
}
template <class P>
[[nodiscard]] int split_folio(physical<P>& phys, frame<P>* head, frame<P>* keep) {
    return split_folio(phys, head, keep, [](frame<P>*) {});
}

}  // namespace pinfold::mm
