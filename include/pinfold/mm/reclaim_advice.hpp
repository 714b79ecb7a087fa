// SPDX-License-Identifier: BSL-1.0
// MADV_COLD, MADV_PAGEOUT, MADV_FREE: what a process tells about memory it does not need now. Pages other processes
// map too are left alone, and a huge page is taken whole or split first. Source: spec 10 §10 §11.
#pragma once

#include <algorithm>
#include <vector>

#include "each_leaf.hpp"
#include "reclaim.hpp"
#include "thp_split.hpp"

namespace pinfold::mm {

enum class reclaim_advice : unsigned char { cold, pageout, free };

namespace detail {

/// One such advice for one range of one VMA. Requires: the mmap lock for reading, all along.
template <class P>
class advised {
public:
    using page = frame<P>;
    using place = typename space<P>::place;

    advised(space<P>& mm, vma& v, reclaim_advice what) : mm_(mm), phys_(mm.phys), v_(v), what_(what) {}

    void run(vaddr from, vaddr to) {
        using geo = geometry<P::p4d_folded>;
        phys_.lru_drain();
        for (vaddr a = from; a < to;) {
            const place at = mm_.tables.find(a, level::pte);
            if (at.at == level::pte) {
                const vaddr stop = std::min<vaddr>(to, align_down(a, pmd_size) + pmd_size);
                ptes(a, stop);
                a = stop;
            } else if (at.at == level::pmd && at.slot->read().is_leaf()) {
                const vaddr next = align_down(a, pmd_size) + pmd_size;
                const bool whole = a == align_down(a, pmd_size) && next <= to;
                if (huge(at, whole)) continue;  // ptes now
                a = next;
            } else {
                a = align_down(a, geo::span(at.at)) + geo::span(at.at);
            }
            for (page* head : std::exchange(isolated_, {})) reclaim_folio(phys_, head);
        }
    }

private:
    /// Returns: whether the folio was split, and the ptes are to be looked at.
    [[nodiscard]] bool huge(const place& at, bool whole) {
        page* head = nullptr;
        {
            word_guard lock(at.lock());
            const entry e = at.slot->read();
            if (e.is_table()) return true;
            if (!e.is_leaf() || e.has(eb::devmap)) return false;
            head = phys_.head(phys_.at(e.number()));
            if (phys_.is_huge_zero(head) || folio_mapcount(head) != 1 || !wanted(head)) return false;
            if (whole) {
                if (what_ == reclaim_advice::free && head->is(pg::dirty)) {
                    if (!try_lock_page(head)) return false;
                    head->clear(pg::dirty);
                    unlock_page(head);
                }
                apply(*at.slot, head);
                return false;
            }
            phys_.hold(head, holder::temporary);
        }
        const bool split = split_unlocked(head);
        phys_.drop(head, holder::temporary);
        return split;
    }

    void ptes(vaddr a, vaddr stop) {
        while (a < stop) {
            page* partly = nullptr;
            {
                const place at = mm_.tables.find(a, level::pte);
                if (!at.reached(level::pte)) return;
                word_guard lock(at.lock());
                entry_slot* slot = at.slot;
                while (a < stop && !partly) {
                    const std::uint64_t n = std::min<std::uint64_t>(run_at(slot, (stop - a) >> page_shift, partly), (stop - a) >> page_shift);
                    if (partly) break;
                    a += n << page_shift;
                    slot += n;
                }
                if (partly) phys_.hold(partly, holder::temporary);
            }
            if (!partly) return;
            const bool split = split_unlocked(partly);
            phys_.drop(partly, holder::temporary);
            if (!split) a += page_size;
        }
    }

    /// Handles the entries of one folio. Returns: how many; partly: a large folio to be split first.
    std::uint64_t run_at(entry_slot* slot, std::uint64_t room, page*& partly) {
        const entry e = slot->read();
        if (e.kind() == entry_kind::swap && what_ == reclaim_advice::free) {
            slot->take();
            mm_.swap_entries.adjust(-1);
            free_swap_entry(phys_, slot_of(e));
            return 1;
        }
        page* p = normal_page(phys_, e);
        if (!p) return 1;
        page* head = phys_.head(p);
        if (!wanted(head)) return 1;
        std::uint64_t n = 1;
        if (head->is(pg::large)) {
            while (n < room && n < head->pages() && slot[n].read().is_leaf() && slot[n].read().number() == e.number() + n) ++n;
            if (n < head->pages()) {
                if (page_mapcount(p, head) == 1) partly = head;
                return 1;
            }
        }
        const auto maps = static_cast<std::int64_t>(folio_mapcount(head));
        if (what_ == reclaim_advice::free) {
            if (!make_clean(head, n, maps)) return n;
        } else if (!head->is(pg::lru) || maps != static_cast<std::int64_t>(n)) {
            return n;
        }
        for (std::uint64_t k = 0; k < n; ++k) age(slot[k]);
        finish(head);
        return n;
    }

    [[nodiscard]] bool wanted(const page* head) const noexcept {
        return what_ != reclaim_advice::free || (head->is_anon() && !head->is_ksm());
    }
    /// MADV_FREE: what swap or the dirty bit would keep is forgotten. Returns: false, the folio is left alone.
    [[nodiscard]] bool make_clean(page* head, std::uint64_t n, std::int64_t maps) {
        if (!head->is(pg::swapcache) && !head->is(pg::dirty)) return true;
        if (!try_lock_page(head)) return false;
        bool mine = maps == static_cast<std::int64_t>(n);
        if (mine && head->is(pg::swapcache)) mine = free_swap(phys_, head);
        if (mine) head->clear(pg::dirty);
        unlock_page(head);
        return mine;
    }
    void age(entry_slot& slot) {
        if (what_ == reclaim_advice::pageout) return;  // reclaim does not look at it
        update_entry(slot, [this](entry e) {
            e = e.without(eb::young);
            return what_ == reclaim_advice::free ? e.without(eb::dirty) : e;
        });
    }
    void apply(entry_slot& slot, page* head) {
        age(slot);
        finish(head);
    }
    void finish(page* head) {
        if (what_ == reclaim_advice::free && !head->is(pg::swapcache) && !head->is(pg::mlocked)) head->clear(pg::swapbacked);
        if (what_ == reclaim_advice::pageout && isolate(phys_, head)) isolated_.push_back(head);
    }
    /// Requires: a reference (holder: temporary), no page-table lock.
    [[nodiscard]] bool split_unlocked(page* head) {
        if (!try_lock_page(head)) return false;
        const bool split = split_folio(phys_, head, head) == 0;
        unlock_page(head);
        return split;
    }

    space<P>& mm_;
    physical<P>& phys_;
    vma& v_;
    reclaim_advice what_;
    std::vector<page*> isolated_;
};

}  // namespace detail

/// Returns: 0 or -EINVAL. Requires: the mmap lock for reading; v covers [from, to).
template <class P>
[[nodiscard]] int advise_reclaim(space<P>& mm, vma& v, vaddr from, vaddr to, reclaim_advice what) {
    if (v.has(vm::locked | vm::pfnmap | vm::hugetlb) || v.kind == vma_kind::secretmem) return -err::einval;
    if (what == reclaim_advice::free && !v.is_anonymous()) return -err::einval;
    detail::advised<P>(mm, v, what).run(from, to);
    return 0;
}

}  // namespace pinfold::mm
