// SPDX-License-Identifier: BSL-1.0
// Faults on swap entries: the page comes from the swap cache or fresh from its slot. Source: spec 07 B5, spec 10 §11.
#pragma once

#include "cow.hpp"
#include "mthp.hpp"
#include "race_point.hpp"
#include "swap_cache.hpp"

namespace pinfold::mm {

namespace detail {

/// One fault on one swap entry.
template <class P>
class swap_in {
public:
    using page = frame<P>;
    using place = typename space<P>::place;

    swap_in(space<P>& mm, vma& v, vaddr a, unsigned flags, const place& at, entry e)
        : mm_(mm), phys_(mm.phys), v_(v), a_(a), flags_(flags), at_(at), e_(e), slot_(slot_of(e)) {}

    [[nodiscard]] fault_result run() {
        if (page* cached = swap_cache_get(phys_, slot_)) return map_cached(cached);
        const bool alone = phys_.swap.users(slot_) <= 1;
        for (unsigned order = alone ? pmd_order - 1 : 0; order >= 2; --order)
            if (is_row(order))
                if (page* large = phys_.alloc({.order = order, .node = v_.node})) return map_alone(large);
        page* fresh = phys_.alloc({.node = v_.node});
        if (!fresh) return fault_result::oom;
        return alone ? map_alone(fresh) : enter_cache(fresh);
    }

private:
    [[nodiscard]] bool writes() const noexcept { return (flags_ & ff::write) != 0; }
    [[nodiscard]] entry shown(page* p, bool writable) const noexcept {
        std::uint64_t bits = base_bits(v_) | (e_.raw & entry::bit(eb::soft_dirty));
        if (e_.has(eb::uffd_wp) && v_.has(vm::uffd_wp)) {
            bits |= entry::bit(eb::uffd_wp);
            writable = false;
        }
        entry e = entry::leaf(phys_.number(p), bits);
        if (writable) e = writes() ? made_writable(e, v_) : P::anon_exclusive && v_.has(vm::write) ? e.with(eb::writable) : e;
        return e;
    }
    /// The place of this page among the n, aligned, that are looked at together.
    [[nodiscard]] std::uint64_t place_in(std::uint64_t n) const noexcept { return (a_ >> page_shift) & (n - 1); }

    /// Returns: whether the n entries around stand for n slots in a row that nobody else uses and no page is cached for.
    [[nodiscard]] bool is_alone(std::uint64_t n) {
        const std::uint64_t before = place_in(n);
        if (slot_ <= before) return false;
        for (std::uint64_t k = 0; k < n; ++k) {
            const swap_slot s = slot_ - before + k;
            if ((at_.slot - before)[k].read() != e_.at(pfn{s}) || phys_.swap.users(s) != 1 || phys_.swap.with_cached(s, [](pfn) {}))
                return false;
        }
        return true;
    }
    /// Returns: whether a folio of 2^order pages may come in at once: wanted there, and a row.
    [[nodiscard]] bool is_row(unsigned order) {
        if (!P::has_small_thp || v_.has(vm::uffd_missing | vm::uffd_wp) || !wants_small_thp(mm_, v_, order)) return false;
        const std::uint64_t n = std::uint64_t{1} << order;
        const vaddr first = a_ - (place_in(n) << page_shift);
        return first >= v_.start && first + (n << page_shift) <= v_.end && is_alone(n);
    }

    /// Nobody else uses the slots: they are read into a folio the swap cache never sees, and are free.
    [[nodiscard]] fault_result map_alone(page* fresh) {
        const std::uint64_t n = fresh->pages(), before = place_in(n);
        make_anon(mm_, v_, a_ - (before << page_shift), fresh);
        word_guard lock(at_.lock());
        if (!is_alone(n)) {  // somebody was faster: look again
            lock.release();
            phys_.drop(fresh, holder::hand_out);
            return fault_result::ok;
        }
        P::races::at(race_point::slots_alone);
        phys_.pass(fresh, holder::hand_out, holder::entry);
        if (n > 1) phys_.hold(fresh, holder::entry, n - 1);
        for (std::uint64_t k = 0; k < n; ++k) {
            page* p = phys_.nth(fresh, k);
            read_slot(phys_, slot_ - before + k, p);  // under the entry's lock: the entry keeps the slot
            if constexpr (P::anon_exclusive) p->set(pg::exclusive);
            map_pte(p, fresh);
            (at_.slot - before)[k].set(shown(p, true));
            free_swap_entry(phys_, slot_ - before + k);  // somebody may have read it into the swap cache meanwhile
        }
        phys_.lru_add(fresh);
        mm_.swap_entries.adjust(-static_cast<std::int64_t>(n));
        return fault_result::ok;
    }

    /// Others use the slot: all of them are to find the same page.
    [[nodiscard]] fault_result enter_cache(page* fresh) {
        if (!enter_swap_cache(phys_, slot_, fresh)) {
            phys_.drop(fresh, holder::hand_out);
            return fault_result::ok;
        }
        return map_cached(fresh);
    }

    /// Requires: a reference of `cached` (holder: temporary), consumed here.
    [[nodiscard]] fault_result map_cached(page* cached) {
        page* const head = phys_.head(cached);
        if (writes() && !head->is(pg::lru)) phys_.lru_drain();
        lock_page(head);
        const bool mine = head->is(pg::swapcache) && head->private_ + phys_.index_in_folio(cached) == slot_;
        entry shown_now{};
        if (mine) shown_now = map_locked(cached, head);
        else phys_.drop(head, holder::temporary);
        if (shown_now.is_none() || !writes() || shown_now.has(eb::writable) || shown_now.has(eb::uffd_wp)) {
            return fault_result::ok;
        }
        return wp_fault(mm_, v_, a_, flags_, at_, shown_now);
    }

    /// Effects: maps, unlocks the page. Returns: the new entry; none when the old one has changed meanwhile.
    entry map_locked(page* cached, page* head) {
        word_guard lock(at_.lock());
        if (at_.slot->read() != e_) {
            lock.release();
            unlock_page(head);  // out of the swap cache, if the entry was the last
            phys_.drop(head, holder::temporary);
            return {};
        }
        if (!head->is_anon()) {  // fresh from the slot: it belongs to the family of this VMA
            head->index = v_.page_offset(a_);
            head->set_owner(&mm_.anon_of(v_), owner::anon);
        }
        // A huge folio that was not freed comes back whole if all its entries are here.
        const bool whole = whole_folio_here(head);
        const std::uint64_t before = whole ? phys_.index_in_folio(cached) : 0;
        const std::uint64_t n = whole ? head->pages() : 1;
        const bool writable = P::anon_exclusive ? takes_over(head, n) : mapped_nowhere_else(head, n);
        phys_.pass(head, holder::temporary, holder::entry);
        if (n > 1) phys_.hold(head, holder::entry, n - 1);
        entry now{};
        for (std::uint64_t k = 0; k < n; ++k) {
            page* p = whole ? phys_.nth(head, k) : cached;
            map_pte(p, head);
            if (writable && P::anon_exclusive) p->set(pg::exclusive);
            entry_slot& slot = *(at_.slot - before + k);
            slot.set(shown(p, writable));
            if (p == cached) now = slot.read();
        }
        mlock_mapped(v_, head);
        unlock_page(head);
        return now;
    }
    /// Whether the entries around stand for every page of the folio, in order and alike.
    [[nodiscard]] bool whole_folio_here(const page* head) const noexcept {
        if (!head->is(pg::large)) return false;
        const std::uint64_t n = head->pages(), k = slot_ - head->private_;
        const vaddr first = a_ - (k << page_shift), last = first + (n << page_shift);
        if (first > a_ || first < v_.start || last > v_.end || align_down(first, pmd_size) != align_down(last - 1, pmd_size))
            return false;
        const entry_slot* slot = at_.slot - k;
        for (std::uint64_t i = 0; i < n; ++i)
            if (slot[i].read() != e_.at(pfn{head->private_ + i})) return false;
        return true;
    }

    /// linux_6_12: the entry said exclusive, or nobody else has the page now. Drops the uses of the slots.
    [[nodiscard]] bool takes_over(page* head, std::uint64_t n) {
        const bool ksm = head->is_ksm();
        drop_slots(head, n, writes() && !ksm);
        return !ksm && (e_.has(eb::exclusive) || head->count.refs() == 1);
    }
    /// foll_pin_2019: a write fault on a page that no other entry shows or stands for.
    [[nodiscard]] bool mapped_nowhere_else(page* head, std::uint64_t n) {
        const bool alone = writes() && !head->is_ksm() && !head->is(pg::large) &&
                           static_cast<std::uint32_t>(folio_mapcount(head)) + phys_.swap.users(slot_) <= 1;
        drop_slots(head, n, alone);
        return alone;
    }
    void drop_slots(page* head, std::uint64_t n, bool wants_page) {
        const swap_slot first = n > 1 ? head->private_ : slot_;
        mm_.swap_entries.adjust(-static_cast<std::int64_t>(n));
        for (std::uint64_t k = 0; k < n; ++k) (void)phys_.swap.drop(first + k);
        const bool only_ours = head->count.refs() == static_cast<std::int32_t>(1 + head->pages());
        if (v_.has(vm::locked) || head->is(pg::mlocked) || (wants_page && (only_ours || !P::anon_exclusive)))
            free_swap(phys_, head);
    }

    space<P>& mm_;
    physical<P>& phys_;
    vma& v_;
    vaddr a_;
    unsigned flags_;
    place at_;
    entry e_;
    swap_slot slot_;
};

}  // namespace detail

/// Requires: e, a swap entry, read from at.slot before its lock was taken.
template <class P>
[[nodiscard]] fault_result swap_fault(space<P>& mm, vma& v, vaddr a, unsigned flags,
                                      const typename space<P>::place& at, entry e) {
    return detail::swap_in<P>(mm, v, a, flags, at, e).run();
}

}  // namespace pinfold::mm
