// SPDX-License-Identifier: BSL-1.0
// 512 ptes of anonymous memory become one huge page: a copy, because the small pages lie anywhere. Any reference
// beyond the entries refuses it. Source: spec 07 B8, spec 05 §6, spec 10 §10.
#pragma once

#include <mutex>
#include <vector>

#include "collapse_types.hpp"
#include "fault_swap.hpp"

namespace pinfold::mm {

namespace detail {

/// One attempt at one block. Requires: the mmap lock for writing; v covers the block.
template <class P>
class anon_collapse {
public:
    using page = frame<P>;
    using place = typename space<P>::place;

    anon_collapse(space<P>& mm, vma& v, vaddr begin, const collapse_limits& limits)
        : mm_(mm), phys_(mm.phys), v_(v), begin_(begin), limits_(limits) {}

    [[nodiscard]] collapse_outcome run() {
        at_ = mm_.tables.find(begin_, level::pmd);
        if (!at_.reached(level::pmd)) return collapse_outcome::nothing_there;
        const entry e = at_.slot->read();
        if (e.is_leaf()) return e.has(eb::devmap) ? collapse_outcome::unfit : collapse_outcome::is_huge;
        if (!e.is_table() || !v_.anon()) return collapse_outcome::nothing_there;
        table_ = phys_.at(e.number());
        if (const auto o = scan(); o != collapse_outcome::done) return o;
        page* const fresh = phys_.alloc({.order = pmd_order, .node = v_.node});
        if (!fresh) return collapse_outcome::no_memory;
        const collapse_outcome o = swap_in_all() ? replace(fresh) : collapse_outcome::unfit;
        if (o != collapse_outcome::done) phys_.drop(fresh, holder::hand_out);
        return o;
    }

private:
    [[nodiscard]] entry_slot& slot(std::uint64_t k) const noexcept { return mm_.tables.slots(table_)[k]; }
    [[nodiscard]] bool is_zero(entry e) const noexcept {
        return e.is_leaf() && e.has(eb::special) && e.number() == phys_.number(phys_.zero_page());
    }
    [[nodiscard]] bool beyond(unsigned n, unsigned limit) const noexcept { return !limits_.asked && n > limit; }

    /// A look that changes nothing: is it worth a huge page?
    [[nodiscard]] collapse_outcome scan() {
        unsigned holes = 0, swapped = 0, shared = 0;
        bool writable = false;
        word_guard lock(table_->entire);
        for (std::uint64_t k = 0; k < pages_per_pmd; ++k) {
            const entry e = slot(k).read();
            if (e.is_none() || is_zero(e)) {
                if (v_.has(vm::uffd_missing | vm::uffd_wp) || beyond(++holes, limits_.holes)) return collapse_outcome::too_many_holes;
                continue;
            }
            if (e.has(eb::uffd_wp)) return collapse_outcome::unfit;
            if (e.kind() == entry_kind::swap) {
                if (beyond(++swapped, limits_.swapped)) return collapse_outcome::too_many_swapped;
                continue;
            }
            writable = writable || e.has(eb::writable);
            const collapse_outcome o = look_at(e, shared);
            if (o != collapse_outcome::done) return o;
        }
        return writable ? collapse_outcome::done : collapse_outcome::read_only;
    }
    [[nodiscard]] collapse_outcome look_at(entry e, unsigned& shared) const {
        page* const p = normal_page(phys_, e);
        if (!p || !phys_.is_anonymous(p)) return collapse_outcome::unfit;
        const page* const head = phys_.head(p);
        if (is_device(head)) return collapse_outcome::unfit;
        if (page_mapcount(p, head) > 1) {
            if (!P::collapse_takes_shared) return collapse_outcome::is_held;
            if (beyond(++shared, limits_.shared)) return collapse_outcome::too_many_shared;
        }
        return is_free_to_move(head) ? collapse_outcome::done : collapse_outcome::is_held;
    }
    static bool is_device(const page* head) noexcept { return head->zone() == zone_kind::device; }
    /// Whether only entries and the swap cache hold it, and nobody is at work on it.
    [[nodiscard]] static bool is_free_to_move(const page* head) noexcept {
        const auto cached = static_cast<std::int64_t>(head->is(pg::swapcache) ? head->pages() : 0);
        return head->is(pg::lru) && !head->is(pg::locked) && head->count.refs() == folio_mapcount(head) + cached;
    }

    [[nodiscard]] bool swap_in_all() {
        bool any = false;
        for (std::uint64_t k = 0; k < pages_per_pmd; ++k) {
            const vaddr a = begin_ + (k << page_shift);
            for (entry e = slot(k).read(); e.kind() == entry_kind::swap; e = slot(k).read(), any = true)
                if (swap_fault(mm_, v_, a, 0, mm_.tables.find(a, level::pte), e) != fault_result::ok) return false;
        }
        if (any) phys_.lru_drain();  // where what came in waits, with a reference
        return true;
    }

    /// Steps 3 to 8. No rmap walk may look while the ptes are reached from nowhere, so their lock is held all along.
    [[nodiscard]] collapse_outcome replace(page* fresh) {
        collapse_outcome o = collapse_outcome::done;
        {
            std::lock_guard rmap(v_.anon()->lock);
            unhook();
            {
                word_guard lock(table_->entire);
                o = lock_all();
                if (o == collapse_outcome::done) move_to(fresh);
            }
            hook(o == collapse_outcome::done ? fresh : nullptr);
            for (const taken& t : taken_) unlock_page(t.head);
        }
        for (const taken& t : taken_) {
            if (t.entries == 0) continue;
            free_swap_if_unmapped(phys_, t.head);
            if (is_partly_mapped(t.head)) phys_.partly_mapped.add(t.head);
            phys_.drop(t.head, holder::entry, t.entries);
        }
        return o;
    }
    /// Effects: the ptes are out of reach for every walk that begins now, and those that had begun are over.
    void unhook() {
        {
            word_guard lock(at_.lock());
            (void)at_.slot->take();
        }
        // Not under the table's lock: a section may be at work on a neighbour entry. The place stays empty without it:
        // faults need the mmap lock, walks from the pages the rmap lock.
        P::steps::template wait_for_walks<fast_section>();
    }
    /// Effects: the block is reached again: as `fresh`, or, null, by its ptes as before.
    void hook(page* fresh) {
        word_guard lock(at_.lock());
        if (!fresh) return at_.slot->set(entry::table(phys_.number(table_)));
        mm_.tables.deposit(at_.table, table_);
        const entry e = entry::leaf(phys_.number(fresh), base_bits(v_)).with(eb::dirty);
        at_.slot->set(v_.has(vm::write) ? e.with(eb::writable) : e);
    }
    /// Effects: every page of the block is locked, once. Returns: whether all can be taken.
    [[nodiscard]] collapse_outcome lock_all() {
        for (std::uint64_t k = 0; k < pages_per_pmd; ++k) {
            const entry e = slot(k).read();
            if (e.is_none() || is_zero(e)) continue;
            page* const p = normal_page(phys_, e);
            if (!p || e.has(eb::uffd_wp) || !phys_.is_anonymous(p)) return collapse_outcome::unfit;
            page* const head = phys_.head(p);
            if (!taken_.empty() && taken_.back().head == head) continue;
            if (head->is(pg::large) && was_taken(head)) continue;
            if (!is_free_to_move(head) || !try_lock_page(head)) return collapse_outcome::is_held;
            taken_.push_back({head, 0});
            if (!is_sole(head)) return collapse_outcome::is_held;
        }
        return collapse_outcome::done;
    }
    [[nodiscard]] bool was_taken(const page* head) const noexcept {
        for (const taken& t : taken_)
            if (t.head == head) return true;
        return false;
    }
    /// Once more, now that it is locked: a pin taken before the ptes were unhooked is seen here.
    [[nodiscard]] static bool is_sole(const page* head) noexcept {
        const auto cached = static_cast<std::int64_t>(head->is(pg::swapcache) ? head->pages() : 0);
        return head->count.refs() == folio_mapcount(head) + cached;
    }
    /// Effects: the contents are in `fresh`, the ptes are empty.
    void move_to(page* fresh) {
        for (std::uint64_t k = 0; k < pages_per_pmd; ++k) {
            const entry e = slot(k).take();
            page* const p = normal_page(phys_, e);
            if (!p) continue;
            page* const to = phys_.nth(fresh, k);
            phys_.data.copy(*to, phys_.number(to), *p, phys_.number(p));
            page* const head = phys_.head(p);
            unmap_pte(p, head);
            munlock_unmapped(v_, head);
            entry_gone(head);
        }
        make_anon(mm_, v_, begin_, fresh);
        map_huge(fresh);
        phys_.pass(fresh, holder::hand_out, holder::entry);
        phys_.lru_add(fresh);
    }
    /// Heads come in the order in which they were taken, but for folios that lie about.
    void entry_gone(const page* head) noexcept {
        while (taken_[last_].head != head) last_ = last_ + 1 == taken_.size() ? 0 : last_ + 1;
        ++taken_[last_].entries;
    }

    struct taken {
        page* head;
        std::uint64_t entries;  ///< of this block, which are gone now
    };

    space<P>& mm_;
    physical<P>& phys_;
    vma& v_;
    vaddr begin_;
    collapse_limits limits_;
    place at_{};
    page* table_ = nullptr;
    std::vector<taken> taken_;
    std::size_t last_ = 0;
};

}  // namespace detail

}  // namespace pinfold::mm
