// SPDX-License-Identifier: BSL-1.0
// Reclaim of one folio: into swap, unmapped everywhere, written, freed; and every point where it is kept instead.
// Source: spec 07 §8 B4, spec 10 §10 §11.
#pragma once

#include <mutex>
#include <vector>

#include "migrate.hpp"
#include "reclaim_file.hpp"
#include "swap_cache.hpp"
#include "thp_split.hpp"
#include "zap.hpp"

namespace pinfold::mm {

namespace detail {

/// The reclaim of one isolated folio. One that is only partly mapped, or too long for what is free in swap, falls into
/// base pages, and each is reclaimed.
template <class P>
class reclaimer {
public:
    using page = frame<P>;
    using place = typename space<P>::place;

    reclaimer(physical<P>& phys, page* head) : phys_(phys), head_(head) {}

    /// Effects: the isolation ends: the folio is free, or back on the LRU. Returns: whether it is free.
    bool run() {
        if (!try_lock_page(head_)) {
            put_back(phys_, head_);
            return false;
        }
        const bool gone = !head_->is(pg::mlocked) && shrink();
        unlock_page(head_);
        if (gone) phys_.drop(head_, holder::isolation);
        else put_back(phys_, head_);
        for (page* piece : pieces_) (void)reclaimer(phys_, piece).run();
        return gone;
    }

private:
    [[nodiscard]] bool is_kept_for_its_pins() const noexcept {
        return P::reclaim_keeps_pinned && physical<P>::ops::maybe_pinned(head_);
    }
    /// References of the isolation, the cache and private data: what may be left in the end.
    [[nodiscard]] std::int64_t own_references() const noexcept {
        return 1 + unmapped_count(head_);
    }

    [[nodiscard]] bool shrink() {
        const bool anon = head_->is_anon();
        if (anon && head_->is(pg::swapbacked) && !head_->is(pg::swapcache)) {
            if (is_kept_for_its_pins()) return false;
            if (head_->is(pg::large) && head_->count.refs() != own_references() + folio_mapcount(head_)) return false;
            if (is_partly_mapped(head_) && !split()) return false;
            if (!add_to_swap(phys_, head_) && !(head_->is(pg::large) && split() && add_to_swap(phys_, head_))) return false;
        }
        if (folio_mapcount(head_) != 0 && !unmap()) return false;
        if (is_kept_for_its_pins()) return false;
        if (!anon) return reclaim_file_page(phys_, head_);
        return head_->is(pg::swapbacked) ? write_and_free() : free_clean_anon();
    }

    /// Effects: head_ is a base page; the other pieces wait for their turn. Returns: whether it is so.
    [[nodiscard]] bool split() {
        return split_folio(phys_, head_, head_, [this](page* piece) {
            if (folio_mapcount(piece) != 0 && isolate(phys_, piece)) pieces_.push_back(piece);
        }) == 0;
    }

    // ---- every entry becomes a swap entry, or none for lazily freed memory --------------------------------
    [[nodiscard]] bool unmap() {
        if (head_->is(pg::large) && !head_->is_anon()) {
            unmap_from_file(phys_, head_);
            return folio_mapcount(head_) == 0;
        }
        if (head_->is(pg::large)) {
            each_slot(phys_, head_, [&](space<P>& mm, const place& at, std::uint64_t, const vma& v) {
                const entry e = at.slot->read();
                if (at.at == level::pmd && e.is_leaf() && e.number() == phys_.number(head_)) split_pmd_locked(mm, at, &v);
            });
        }
        bool stopped = false;
        each_slot(phys_, head_, [&](space<P>& mm, const place& at, std::uint64_t k, const vma& v) {
            const entry e = at.slot->read();
            if (stopped || at.at != level::pte || !e.is_leaf() || e.has(eb::special)) return;
            if (e.number() != phys_.number(head_) + k) return;
            if (v.has(vm::locked)) {  // a large folio, or one locked meanwhile, has no mark that said so
                mlock_mapped(v, head_);
                stopped = true;
                return;
            }
            stopped = !unmap_one(mm, v, *at.slot, phys_.nth(head_, k), k);
        });
        return !stopped && folio_mapcount(head_) == 0;
    }

    /// Returns: false when the entry is back where it was.
    [[nodiscard]] bool unmap_one(space<P>& mm, const vma& v, entry_slot& slot, page* p, std::uint64_t k) {
        const entry saved = slot.take();  // cleared and flushed
        if (saved.has(eb::dirty)) head_->set(pg::dirty);
        entry now{};
        if (!head_->is_anon()) {
            if (keeps_protection(v)) now = saved.protection();  // the file has the page: nothing else stays behind
        } else if (!head_->is(pg::swapbacked)) {
            word64::full_fence();
            if (head_->count.refs() != 1 + folio_mapcount(head_) || head_->is(pg::dirty)) {
                slot.set(saved);
                head_->set(pg::swapbacked);  // not to be discarded any more
                return false;
            }
        } else {
            std::uint64_t bits = saved.raw & (entry::bit(eb::uffd_wp) | entry::bit(eb::soft_dirty));
            if constexpr (P::anon_exclusive) {
                if (p->is(pg::exclusive)) {
                    word64::full_fence();
                    if (physical<P>::ops::maybe_pinned(head_)) {
                        slot.set(saved);
                        return false;
                    }
                    p->clear(pg::exclusive);
                    word64::full_fence();
                    bits |= entry::bit(eb::exclusive);
                }
            }
            const swap_slot s = head_->private_ + k;
            phys_.swap.dup(s);
            mm.swap_entries.adjust(1);
            now = swap_entry(s, bits);
        }
        slot.set(now);
        unmap_pte(p, head_);
        phys_.drop(head_, holder::entry);  // the isolation keeps the folio
        return true;
    }

    // ---- nobody maps it any more ---------------------------------------------------------------------------
    /// Lazily freed and clean: nothing is lost.
    [[nodiscard]] bool free_clean_anon() {
        if (!head_->count.freeze(1)) return false;
        const bool dirty = head_->is(pg::dirty);
        head_->count.unfreeze(1);
        return !dirty;
    }
    [[nodiscard]] bool write_and_free() {
        const auto due = static_cast<std::int32_t>(own_references());
        if (head_->count.refs() != due) return false;  // somebody holds it: it would not be freed anyhow
        const std::uint64_t n = head_->pages();
        if (head_->is(pg::dirty)) {
            head_->clear(pg::dirty);
            for (std::uint64_t k = 0; k < n; ++k)
                phys_.swap.write(head_->private_ + k, phys_.data.bytes(phys_.number(head_) + k));
        }
        const bool gone = phys_.swap.remove_cached(head_->private_, n, false, [&] {
            if (!head_->count.freeze(due)) return false;
            if (head_->is(pg::dirty)) {  // dirtied by a holder that has just left: read after the freeze
                head_->count.unfreeze(due);
                return false;
            }
            head_->clear(pg::swapcache);
            head_->count.unfreeze(1);
            return true;
        });
        if (gone) {
            phys_.note(head_, holder::swap_cache, -static_cast<std::int64_t>(n));
            head_->private_ = 0;
        }
        return gone;
    }

    physical<P>& phys_;
    page* head_;
    std::vector<page*> pieces_;
};

}  // namespace detail

/// Effects: reclaims an isolated folio, or puts it back. Returns: whether it was freed.
/// Requires: no page-table lock; what keeps its rmap alive: a mapping of it, or the mmap lock of one.
template <class P>
bool reclaim_folio(physical<P>& phys, frame<P>* head) {
    return detail::reclaimer<P>(phys, head).run();
}

}  // namespace pinfold::mm
