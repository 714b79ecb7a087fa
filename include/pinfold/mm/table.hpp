// SPDX-License-Identifier: BSL-1.0
// The page tables of one address space. A table is a frame of its machine: its contents are the 512 entries, its
// descriptor holds the split lock. Tables appear under their parent's lock, disappear only under the mmap write
// lock, and are freed behind all fast sections. Source: spec 07 §2.
#pragma once

#include <cstdint>
#include <vector>

#include "entry.hpp"
#include "fast_section.hpp"
#include "physical.hpp"
#include "table_cache.hpp"

namespace pinfold::mm {

template <class P>
class page_tables {
public:
    using page = frame<P>;
    using geo = geometry<P::p4d_folded>;

    /// Where an entry is: its slot, the table it is in (whose lock guards it), and the level.
    struct place {
        page* table = nullptr;
        entry_slot* slot = nullptr;
        level at = level::pgd;

        [[nodiscard]] bool reached(level l) const noexcept { return slot && at == l; }
        [[nodiscard]] word32& lock() const noexcept { return table->entire; }
    };

    explicit page_tables(physical<P>& phys) : phys_(phys), root_(new_table()) {}
    page_tables(const page_tables&) = delete;
    page_tables& operator=(const page_tables&) = delete;

    [[nodiscard]] page* root() const noexcept { return root_; }
    [[nodiscard]] entry_slot* root_slots() const noexcept { return root_slots_; }
    /// Another one whenever a table was unhooked, and of no other page_tables ever.
    [[nodiscard]] std::int64_t generation() const noexcept { return generation_.load_acquire(); }
    [[nodiscard]] entry_slot* slots(const page* table) const noexcept { return slots(phys_.number(table)); }
    [[nodiscard]] entry_slot* slots(pfn table) const noexcept {
        return reinterpret_cast<entry_slot*>(phys_.data.bytes(table));
    }
    [[nodiscard]] place slot_in(page* table, level l, vaddr a) const noexcept {
        return {table, slots(table) + geo::index(a, l), l};
    }

    /// Returns: the slot of `a` at level `want`, or the slot above it that is not a table.
    [[nodiscard]] place find(vaddr a, level want) const noexcept {
        place p = slot_in(root_, level::pgd, a);
        while (p.at != want) {
            const entry e = p.slot->read();
            if (!e.is_table()) break;
            p = slot_in(phys_.at(e.number()), geo::child(p.at), a);
        }
        return p;
    }

    /// As find, but makes the tables on the way. Returns: a place that did not reach `want` when a leaf is in the
    /// way; no slot when memory is out.
    [[nodiscard]] place reach(vaddr a, level want) {
        place p = slot_in(root_, level::pgd, a);
        while (p.at != want) {
            entry e = p.slot->read();
            if (e.is_none()) {
                page* fresh = new_table();
                if (!fresh) return {};
                {
                    word_guard lock(p.lock());
                    e = p.slot->read();
                    if (e.is_none()) {
                        e = entry::table(phys_.number(fresh));
                        p.slot->set(e);
                        fresh = nullptr;
                    }
                }
                if (fresh) free_now(fresh);
            }
            if (!e.is_table()) return p;
            p = slot_in(phys_.at(e.number()), geo::child(p.at), a);
        }
        return p;
    }

    // ---- deposits: a table in reserve for each anon huge pmd, so that splitting the entry cannot fail --------
    [[nodiscard]] page* new_table() {
        page* t = phys_.alloc({.movable = false});
        if (!t) return nullptr;
        t->change(page::bit(pg::table) | page::bit(pg::written), 0);
        count_.adjust(1);
        return t;
    }
    /// Requires: the lock of `pmd_table`.
    void deposit(page* pmd_table, page* spare) noexcept {
        spare->private_ = pmd_table->private_;
        pmd_table->private_ = phys_.number(spare).n;
    }
    [[nodiscard]] page* withdraw(page* pmd_table) noexcept {
        page* t = phys_.at(pfn{pmd_table->private_});
        pmd_table->private_ = t->private_;
        t->private_ = 0;
        return t;
    }
    /// Effects: frees a table no walk can have seen.
    void free_now(page* t) {
        count_.adjust(-1);
        phys_.drop(t, holder::hand_out);
    }
    /// Effects: frees a table that was unhooked, after the fast sections that may see it.
    void free_later(page* t) { retired_.push_back(t); }
    void flush_retired() {
        retired().retire(std::move(retired_), [this](page* t) { free_now(t); });
        retired_.clear();
    }
    /// Returns: whether no unhooked table is waiting any more.
    bool collect() {
        return retired().collect([this](page* t) { free_now(t); });
    }
    [[nodiscard]] std::int64_t tables() const noexcept { return count_.load(); }

    /// Effects: calls visit(level, address, entry) for each entry that is neither none nor a table.
    template <class Visit>
    void each_entry(Visit visit) const {
        visit_table(root_, level::pgd, 0, visit);
    }

    /// Effects: unhooks every table that lies wholly inside [floor, ceiling). Requires: the mmap write lock,
    /// nothing mapped in there, and no rmap that can still reach it.
    void free_range(vaddr floor, vaddr ceiling) {
        trim(root_, level::pgd, 0, floor, ceiling);
        forget_remembered();
        flush_retired();
    }
    /// Effects: the same for everything, the root included. Requires: nobody walks any more.
    void free_all() {
        trim(root_, level::pgd, 0, 0, ~vaddr{0});
        forget_remembered();
        flush_retired();
        while (!collect()) fast_section::wait_for_others();
        free_now(root_);
        root_ = nullptr;
    }

private:
    template <class Visit>
    void visit_table(const page* table, level l, vaddr base, Visit& visit) const {
        for (std::size_t i = 0; i < table_entries; ++i) {
            const entry e = slots(table)[i].read();
            const vaddr a = base + i * geo::span(l);
            if (e.is_table()) visit_table(phys_.at(e.number()), geo::child(l), a, visit);
            else if (e.is_hugepd()) visit_hugepd(e, l, a, visit);
            else if (!e.is_none()) visit(l, a, e);
        }
    }

    template <class Visit>
    void visit_hugepd(entry dir, level l, vaddr base, Visit& visit) const {
        const std::uint64_t size = page_size << dir.hugepd_order();
        const entry_slot* slot = slots(phys_.at(dir.number()));
        for (vaddr a = base; a - base < geo::span(l); a += size, ++slot)
            if (const entry e = slot->read(); !e.is_none()) visit(l, a, e);
    }

    void trim(page* table, level l, vaddr base, vaddr floor, vaddr ceiling) {
        if (l == level::pte) return;
        const std::uint64_t span = geo::span(l);
        const std::size_t first = floor <= base ? 0 : static_cast<std::size_t>((floor - base) / span);
        for (std::size_t i = first; i < table_entries; ++i) {
            const vaddr from = base + i * span;
            if (from >= ceiling) break;
            const vaddr to = from + (span - 1);
            const entry e = slots(table)[i].read();
            if (!e.is_table() && !e.is_hugepd()) continue;
            page* child = phys_.at(e.number());
            if (e.is_hugepd()) {
                if (from < floor || to >= ceiling) continue;
                slots(table)[i].set(entry{});
                free_later(child);
                continue;
            }
            if (from >= floor && to < ceiling) {
                trim(child, geo::child(l), from, floor, ceiling);
                slots(table)[i].set(entry{});
                while (child->private_ != 0) free_later(withdraw(child));
                free_later(child);
            } else {
                trim(child, geo::child(l), from, floor, ceiling);
            }
        }
    }

    /// Effects: walks that begin from now on find the tables anew. Behind the unhooking: who asks now remembers what is
    /// hooked; and before the wait for open sections: who asked before is in one.
    void forget_remembered() noexcept { generation_.publish(detail::next_generation()); }

    deferred_free<page*>& retired() noexcept { return deferred_; }

    physical<P>& phys_;
    word64 generation_{detail::next_generation()};
    word64 count_;
    page* root_;
    entry_slot* const root_slots_ = slots(root_);
    std::vector<page*> retired_;
    deferred_free<page*> deferred_;
};

}  // namespace pinfold::mm
