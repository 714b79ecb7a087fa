// SPDX-License-Identifier: BSL-1.0
// The cached pages of 2 MiB of a memory file become one huge folio; then a pmd of the caller maps it. Any reference
// beyond cache and entries refuses it. Source: spec 07 B8, spec 10 §12.
#pragma once

#include <iterator>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "collapse_types.hpp"
#include "race_point.hpp"
#include "shmem_huge.hpp"
#include "thp_split.hpp"

namespace pinfold::mm {

namespace detail {

/// One attempt at one block. Requires: the mmap lock for writing; v, a mapping of shmem, covers the block.
template <class P>
class shmem_collapse {
public:
    using page = frame<P>;
    using place = typename space<P>::place;

    shmem_collapse(space<P>& mm, vma& v, vaddr begin, const collapse_limits& limits)
        : mm_(mm), phys_(mm.phys), v_(v), f_(*v.source), begin_(begin), start_(v.page_offset(begin)), limits_(limits) {}

    [[nodiscard]] collapse_outcome run() {
        if (!is_huge()) {
            if (const auto o = collect(); o != collapse_outcome::done) return release(o);
            for (page* head : taken_) unmap_from_file(phys_, head);
            P::races::at(race_point::unmapped);
            page* const fresh = phys_.alloc({.order = pmd_order, .node = v_.node});
            const auto o = fresh ? replace(fresh) : collapse_outcome::no_memory;
            if (fresh && o != collapse_outcome::done) phys_.drop(fresh, holder::hand_out);
            if (release(o) != collapse_outcome::done) return o;
        }
        return map();
    }

private:
    [[nodiscard]] bool is_huge() {
        std::lock_guard cache(f_.lock);
        const auto* c = f_.find(start_);
        return c && c->second.order == pmd_order && c->first == start_;
    }

    /// Effects: every cached folio of the block is held and locked; what is in swap comes in.
    [[nodiscard]] collapse_outcome collect() {
        phys_.lru_drain_all();
        std::lock_guard cache(f_.lock);
        std::uint64_t present = 0;
        for (std::uint64_t k = 0; k < pages_per_pmd; ++k) {
            const auto* c = f_.find(start_ + k);
            if (!c && f_.blocks.count(start_ + k) != 0) {
                page* p = cache_add_locked(phys_, f_, start_ + k);
                if (!p) return collapse_outcome::no_memory;
                p->set(pg::lru);
                c = f_.find(start_ + k);
            }
            if (!c) continue;
            ++present;
            page* const head = phys_.at(c->second.first);
            if (!taken_.empty() && taken_.back() == head) continue;
            if (c->first < start_ || c->first + head->pages() > start_ + pages_per_pmd) return collapse_outcome::unfit;
            if (!head->is(pg::lru) || head->count.refs() != expected_count(head) || !try_lock_page(head))
                return collapse_outcome::is_held;
            phys_.hold(head, holder::temporary);
            taken_.push_back(head);
        }
        if (present == 0) return collapse_outcome::nothing_there;
        return !limits_.asked && pages_per_pmd - present > limits_.holes ? collapse_outcome::too_many_holes
                                                                         : collapse_outcome::done;
    }

    /// Effects: `fresh` takes the place of all pages, holes are zeros in it. Nothing maps any of them.
    [[nodiscard]] collapse_outcome replace(page* fresh) {
        std::lock_guard cache(f_.lock);
        if (is_fuller_now()) return collapse_outcome::is_held;
        for (std::size_t i = 0; i < taken_.size(); ++i) {
            page* const head = taken_[i];
            const auto c = f_.cache.find(head->index);
            const bool mine = head->template owner_as<file>() == &f_ && c != f_.cache.end() && folio_mapcount(head) == 0;
            if (mine && head->count.freeze(static_cast<std::int32_t>(1 + expected_count(head)))) continue;
            while (i-- > 0) taken_[i]->count.unfreeze(static_cast<std::int32_t>(1 + expected_count(taken_[i])));
            return collapse_outcome::is_held;
        }
        for (page* head : taken_) {
            head->count.unfreeze(static_cast<std::int32_t>(1 + expected_count(head)));
            for (std::uint64_t k = 0; k < head->pages(); ++k) {
                page* const from = phys_.nth(head, k);
                page* const to = phys_.nth(fresh, head->index - start_ + k);
                phys_.data.copy(*to, phys_.number(to), *from, phys_.number(from));
            }
            cache_remove_locked(phys_, f_, f_.cache.find(head->index));
        }
        fresh->index = start_;
        fresh->set_owner(&f_, owner::none_or_file);
        fresh->change(page::bit(pg::uptodate) | page::bit(pg::swapbacked) | page::bit(pg::dirty), 0);
        phys_.hold(fresh, holder::page_cache, pages_per_pmd - 1);
        phys_.pass(fresh, holder::hand_out, holder::page_cache);
        f_.cache.emplace(start_, file::cached{phys_.number(fresh), pmd_order});
        phys_.lru_add(fresh);
        f_.mappings.each_overlapping(start_, pages_per_pmd, [this](vma& v) {
            if (&v != &v_) make_room(v);
        });
        return collapse_outcome::done;
    }
    /// Returns: whether a hole of the block was filled while the file's lock was not held. Requires: f_.lock.
    [[nodiscard]] bool is_fuller_now() const {
        const auto first = f_.cache.lower_bound(start_), last = f_.cache.lower_bound(start_ + pages_per_pmd);
        if (static_cast<std::size_t>(std::distance(first, last)) != taken_.size()) return true;
        const auto saved = f_.blocks.lower_bound(start_);  // filled, and in swap again
        return saved != f_.blocks.end() && saved->first < start_ + pages_per_pmd;
    }
    /// Effects: an empty table of another mapping goes, so that its next fault finds the huge page. Not where its space
    /// is busy: ptes show the page as well. Requires: f_.lock.
    void make_room(vma& v) {
        auto& mm = *static_cast<space<P>*>(v.owner);
        const vaddr begin = v.address_of(start_);
        if (v.anon() || start_ < v.pgoff || !fits_huge_folio(v, begin) || (begin & (pmd_size - 1)) != 0) return;
        std::unique_lock<shared_mutex> lock;
        if (&mm != &mm_) lock = std::unique_lock(mm.mmap_lock, std::try_to_lock);
        if (&mm != &mm_ && !lock.owns_lock()) return;
        const place at = mm.tables.find(begin, level::pmd);
        if (!at.reached(level::pmd) || !at.slot->read().is_table()) return;
        page* const table = phys_.at(at.slot->read().number());
        for (std::uint64_t k = 0; k < pages_per_pmd; ++k)
            if (!mm.tables.slots(table)[k].read().is_none()) return;
        {
            word_guard pmd(at.lock());
            (void)at.slot->take();
        }
        mm.tables.free_later(table);
        mm.tables.flush_retired();
    }
    [[nodiscard]] collapse_outcome release(collapse_outcome o) {
        for (page* head : taken_) {
            unlock_page(head);
            phys_.drop(head, holder::temporary);
        }
        taken_.clear();
        return o;
    }

    /// Effects: a pmd of this space shows the folio, in place of ptes that show nothing else.
    [[nodiscard]] collapse_outcome map() {
        const place at = mm_.tables.reach(begin_, level::pmd);
        if (!at.slot) return collapse_outcome::no_memory;
        if (!at.reached(level::pmd)) return collapse_outcome::unfit;
        page* head = nullptr;
        std::uint64_t gone = 0;
        {
            std::lock_guard cache(f_.lock);  // no truncation, no rmap walk of the file
            std::unique_lock<spin_lock> family;  // nor one of private copies: a table goes
            if (anon_rmap* rmap = v_.anon()) family = std::unique_lock(rmap->lock);
            const auto* c = f_.find(start_);
            if (!c || c->second.order != pmd_order) return collapse_outcome::nothing_there;
            head = phys_.at(c->second.first);
            const entry e = at.slot->read();
            if (e.is_leaf()) return collapse_outcome::is_huge;
            if (!e.is_none() && !e.is_table()) return collapse_outcome::is_held;  // on its way, and will be put back here
            page* table = e.is_table() ? phys_.at(e.number()) : nullptr;
            if (table && !clear_ptes(table, head, gone)) return collapse_outcome::unfit;
            word_guard lock(at.lock());
            (void)at.slot->take();
            if (table) mm_.tables.free_later(table);
            phys_.hold(head, holder::entry);
            map_huge(head);
            mlock_mapped(v_, head);
            at.slot->set(entry::leaf(phys_.number(head), file_read_bits(v_)));
        }
        mm_.tables.flush_retired();
        if (gone != 0) phys_.drop(head, holder::entry, gone);
        return collapse_outcome::done;
    }
    /// Effects: ptes of the folio go. Returns: false, and nothing is changed, where another page is mapped.
    [[nodiscard]] bool clear_ptes(page* table, page* head, std::uint64_t& gone) {
        entry_slot* const slot = mm_.tables.slots(table);
        word_guard lock(table->entire);
        for (std::uint64_t k = 0; k < pages_per_pmd; ++k) {
            const entry e = slot[k].read();
            if (!e.is_none() && !(e.is_leaf() && !e.has(eb::special) && e.number() == phys_.number(head) + k)) return false;
        }
        for (std::uint64_t k = 0; k < pages_per_pmd; ++k) {
            const entry e = slot[k].take();
            if (e.is_none()) continue;
            if (e.has(eb::dirty)) head->set(pg::dirty);
            unmap_pte(phys_.nth(head, k), head);
            ++gone;
        }
        return true;
    }

    space<P>& mm_;
    physical<P>& phys_;
    vma& v_;
    file& f_;
    vaddr begin_;
    std::uint64_t start_;
    collapse_limits limits_;
    std::vector<page*> taken_;
};

}  // namespace detail

}  // namespace pinfold::mm
