// SPDX-License-Identifier: BSL-1.0
// The lockless walk: no mmap lock, no page-table lock, no fault, no error. It fills slots in order and stops at
// the first address it cannot serve; the slow path finds out why. Source: spec 05.
#pragma once

#include <cstdint>

#include "grab.hpp"
#include "race_point.hpp"
#include "space.hpp"
#include "thp.hpp"
#include "trace.hpp"
#include "walk_leaf.hpp"
#include "walk_plain.hpp"
#include "walk_row.hpp"
#include "walk_rules.hpp"
#include "walk_runs.hpp"

namespace pinfold::mm {

namespace detail {

/// Whether calls with these flags have to see that no fork write-protected the space meanwhile.
template <class P, bool Pin>
inline constexpr bool watches_fork = Pin && P::fast_pins_are_noted;

template <class P>
class fast_walk {
public:
    using page = frame<P>;
    using geo = geometry<P::p4d_folded>;
    using races = typename P::races;
    using steps = typename P::steps;

    /// Pages go to `runs`, or to the array `pages` where there is none.
    fast_walk(space<P>& mm, unsigned flags, page** pages, run_list<P>* runs, gup_trace* trace)
        : mm_(mm), phys_(mm.phys), flags_(flags), rules_(mm.phys, flags), pages_(pages), runs_(runs), trace_(trace) {}

    /// Effects: goes on with the address where plain rows ended, in a table that began with `began` slots filled.
    fast_walk& resume(std::uint64_t filled, std::uint64_t began, vaddr at) noexcept {
        nr_ = filled;
        began_ = began;
        resumed_ = at;
        return *this;
    }
    /// Returns: slots filled, each holding one unit. Requires: a fast section.
    [[nodiscard]] std::uint64_t run(vaddr start, vaddr end) {
        (void)descend<level::pgd>(mm_.tables.root(), start, end);
        return nr_;
    }

    /// The same of a walk into runs: huge entries from the start on are taken where this thread remembers the first.
    [[nodiscard]] std::uint64_t run_from_memory(vaddr start, vaddr end) {
        const reached_table* const first = region_of(mm_.tables, start);
        if (first && !first->ptes) {
            const vaddr table_end = align_down(start, geo::span(level::pud)) + geo::span(level::pud);
            const vaddr last = table_end < end ? table_end : end;
            const walk_step s = wants(foll::pin) ? leaves<true>(first->above, start, last) : leaves<false>(first->above, start, last);
            if (s.next == walk_step::stop) return nr_;
            if (s.served != 0) start = align_down(start, pmd_size) + s.served * pmd_size;
            if (start >= end) return nr_;
        }
        return run(start, end);
    }

    /// Returns: how many of the pages of [start, end), which one pmd maps, are held, and what the walk does next.
    /// Requires: a fast section, and no runs.
    template <bool Pin>
    [[nodiscard]] walk_step run_leaf(const entry_slot* slot, vaddr start, vaddr end) {
        const walk_step s = leaves<Pin>(slot, start, end);
        return {s.next, nr_};
    }

private:
    [[nodiscard]] bool wants(unsigned f) const noexcept { return rules_.wants(f); }

    /// Every level reads each entry once and hands its value down. Returns: whether to go on.
    template <level L>
    bool descend(const page* table, vaddr a, vaddr end) {
        constexpr std::uint64_t span = geo::span(L);
        entry_slot* slot = mm_.tables.slots(table) + geo::index(a, L);
        for (; a < end; ++slot) {
            if constexpr (L == level::pmd && walks_in_blocks<P>)
                if (!trace_) {
                    const walk_step s = wants(foll::pin) ? leaves<true>(slot, a, end) : leaves<false>(slot, a, end);
                    if (s.next == walk_step::stop) return false;
                    slot += s.served;
                    a = s.served == 0 ? a : align_down(a, span) + s.served * span;
                    if (a >= end) break;
                }
            const vaddr next = align_down(a, span) + span < end ? align_down(a, span) + span : end;
            const entry e = slot->read();
            races::at(race_point::entry_read);
            if (e.is_table()) {
                const page* below = phys_.at(e.number());
                constexpr level child = geo::child(L);
                if constexpr (child == level::pte) {
                    if (!ptes(below, *slot, e, a, next)) return false;
                } else {
                    if (!descend<child>(below, a, next)) return false;
                }
            } else if (P::has_hugepd && e.is_hugepd()) {
                if (!hugepd(e, L, a, next)) return false;
            } else if (!e.is_leaf() || e.has(eb::protnone) || !huge(*slot, e, L, a, next)) {
                return false;
            }
            a = next;
        }
        return true;
    }

    /// PTE/F: by blocks where the profile's walk has them, one by one what they leave over.
    bool ptes(const page* table, entry_slot& upper_slot, entry upper, vaddr a, vaddr end) {
        entry_slot* slot = mm_.tables.slots(table) + geo::index(a, level::pte);
        segment s(*this, a == resumed_ ? began_ : nr_);
        if constexpr (walks_in_blocks<P>)
            if (!trace_)
                return wants(foll::pin) ? ptes_in_blocks<true>(s, slot, upper_slot, upper, a, end)
                                        : ptes_in_blocks<false>(s, slot, upper_slot, upper, a, end);
        for (; a < end; a += page_size, ++slot)
            if (!pte(s, *slot, upper_slot, upper, a)) return false;
        return true;
    }
    struct segment;
    template <bool Pin>
    bool ptes_in_blocks(segment& s, entry_slot* slot, entry_slot& upper_slot, entry upper, vaddr a, vaddr end) {
        pte_blocks<P, Pin> blocks(rules_, runs_ ? run_list<P>::most_at_once : table_entries);
        std::uint64_t left = (end - a) >> page_shift;
        while (left != 0) {
            if (is_full()) return false;
            const walk_step done = blocks.take(slot, {upper_slot, upper}, left, place());
            taken(done.served);
            left -= done.served;
            slot += done.served;
            if (done.next == walk_step::stop) return false;
            if (done.next == walk_step::go_on) continue;
            if (!pte(s, *slot, upper_slot, upper, end - (left << page_shift))) return false;
            ++slot;
            --left;
        }
        return true;
    }

    /// The ptes of one table: where they began, and the device they are of.
    struct segment {
        segment(fast_walk& w, std::uint64_t filled) noexcept : before(filled), device(w.phys_.pagemaps) {}
        const std::uint64_t before;
        pagemap_hold<P> device;
    };
    /// One pte. Returns: whether to go on.
    bool pte(segment& s, entry_slot& slot, entry_slot& upper_slot, entry upper, vaddr a) {
        const entry e = slot.read();
        races::at(race_point::entry_read);
        if (!rules_.grants(e) || is_full()) return false;
        if (e.has(eb::devmap)) {
            if (wants(foll::longterm)) return false;
            if (!s.device.covers(e.number())) {  // dying: the pages before may be its own, too
                undo_since(s.before);
                return false;
            }
        } else if (e.has(eb::special)) {
            return false;  // FP-PFN, FP-ZERO: the slow path knows
        }
        page* p = phys_.at(e.number());
        page* head = grab_speculative(phys_, p, 1, flags_);
        if (!head) return false;
        head = steps::head_of_slot(p, head);
        races::at(race_point::head_checked);
        // The entry, and the one above it: collapse clears that first and keeps the ptes (DEF-15).
        if (!steps::entry_is_still(slot, e) || !steps::table_is_still(upper_slot, upper) ||
            !(e.has(eb::devmap) || rules_.allowed(head)) || rules_.must_unshare(e, p)) {
            steps::undo_pte(phys_, p, flags_);  // the same unit, by flags (DEF-01)
            return false;
        }
        PINFOLD_ASSERT(phys_.head(p) == head);  // the count keeps the layout (DEF-02)
        if (wants(foll::pin) && P::folio_access::make_accessible(*head) != 0) {
            steps::undo_pte(phys_, p, flags_);
            return !steps::inaccessible_ends_walk();
        }
        races::at(race_point::entry_checked);
        if (!head->is(pg::referenced)) head->set(pg::referenced);
        *place() = p;
        taken(1);
        if (trace_) [[unlikely]]
            trace_->add({path_id::fast_pte, level::pte, a, 1, units_of(p, 1, flags_), 0, "", "", 0, 0, 0});
        races::at(race_point::between_entries);
        return true;
    }

    /// PMD/F, PUD/F, PGD/F: one batch of units on the head for as many slots (DEF-03).
    bool huge(entry_slot& slot, entry e, level l, vaddr a, vaddr end) {
        if (!rules_.grants(e) || is_full()) return false;
        if (e.has(eb::devmap)) return device_huge(slot, e, l, a, end);
        if (e.has(eb::special)) return false;
        return leaf(slot, e, {l, geo::span(l), path_of(l)}, a, end);
    }

    /// HUGEPD/F: a directory of huge entries of a size of their own (2019); lock-free like all others.
    bool hugepd(entry dir, level l, vaddr a, vaddr end) {
        const std::uint64_t size = page_size << dir.hugepd_order();
        entry_slot* slot = mm_.tables.slots(phys_.at(dir.number())) + (a & (geo::span(l) - 1)) / size;
        for (; a < end; ++slot) {
            const vaddr next = align_down(a, size) + size < end ? align_down(a, size) + size : end;
            const entry e = slot->read();
            races::at(race_point::entry_read);
            if (!rules_.grants(e) || is_full() || !leaf(*slot, e, {l, size, path_id::fast_huge_pd}, a, next)) return false;
            a = next;
        }
        return true;
    }

    struct leaf_kind {
        level at;
        std::uint64_t span;
        path_id path;
    };
    bool leaf(entry_slot& slot, entry e, leaf_kind kind, vaddr a, vaddr end) {
        page* base = phys_.at(e.number());
        const std::uint64_t first = (a & (kind.span - 1)) >> page_shift;
        const std::uint64_t refs = (end - a) >> page_shift;
        if (!runs_) fill(base, first, refs);
        page* head = grab_speculative(phys_, base, steps::leaf_units(refs, flags_), flags_);
        if (!head) return false;
        races::at(race_point::head_checked);
        if (slot.read() != e || !rules_.allowed(head) || rules_.must_unshare(e, head)) {
            steps::undo_leaf(phys_, phys_.nth(base, first), head, refs, flags_);  // on the head, what was added (DEF-04)
            return false;
        }
        races::at(race_point::entry_checked);
        if (!head->is(pg::referenced)) head->set(pg::referenced);
        if (runs_) runs_->add(phys_, {head, phys_.nth(base, first), refs});
        nr_ += refs;
        if (trace_) [[unlikely]]
            trace_->add({kind.path, kind.at, a, refs, units_of(head, refs, flags_), 0, "", "", 0, 0, 0});
        races::at(race_point::between_entries);
        return true;
    }

    /// Huge entries in a row, of memory and with nothing to be asked of each page: as leaf(), one after the other, what
    /// pins are counted at the end. Returns: how many; what is not plain is left to the others.
    template <bool Pin>
    [[nodiscard, gnu::noinline]] walk_step leaves(const entry_slot* slot, vaddr a, vaddr end) {
        if (rules_.asks_each()) return {walk_step::go_on, 0};
        const entry_test plain = plain_entry<P, Pin>(flags_);
        pin_tally<P, Pin> taken(phys_);
        held_leaf<P> leaf;
        std::uint64_t served = 0;
        for (; a < end && !is_full(); ++slot, ++served) {
            const vaddr next = align_down(a, pmd_size) + pmd_size < end ? align_down(a, pmd_size) + pmd_size : end;
            const std::uint64_t first = (a & (pmd_size - 1)) >> page_shift, refs = (next - a) >> page_shift;
            if (!leaf.template hold<Pin>(slot, refs, plain, phys_)) break;
            taken.add(leaf.flags, refs);
            phys_.note(leaf.head, single<P, Pin>::kind, static_cast<std::int64_t>(refs));
            if (slot->read() != leaf.e) [[unlikely]] {
                taken.flush();
                steps::undo_leaf(phys_, phys_.nth(leaf.base, first), leaf.head, refs, flags_);
                return {walk_step::stop, served};
            }
            races::at(race_point::entry_checked);
            if (leaf.is_new()) [[unlikely]]
                leaf.head->set(pg::referenced);
            if (runs_) runs_->add(phys_, {leaf.head, phys_.nth(leaf.base, first), refs});
            else fill(leaf.base, first, refs);
            nr_ += refs;
            a = next;
            races::at(race_point::between_entries);
        }
        return {walk_step::go_on, served};
    }

    /// Effects: the slots behind nr_: pages first, first + 1, … of the leaf at `base`. Both memmaps keep the descriptors
    /// of an aligned pmd's worth of frames in a row.
    void fill(page* base, std::uint64_t first, std::uint64_t n) noexcept {
        for (std::uint64_t k = 0; k < n;) {
            const std::uint64_t room = pages_per_pmd - ((first + k) & (pages_per_pmd - 1));
            const std::uint64_t row = room < n - k ? room : n - k;
            fill_row<P::walk::wide>(pages_ + nr_ + k, phys_.nth(base, first + k), row);
            k += row;
        }
    }

    /// DEVMAP/F: page by page, because each may have its own count; one pagemap reference for all (DEF-12).
    bool device_huge(entry_slot& slot, entry e, level l, vaddr a, vaddr end) {
        if (wants(foll::longterm)) return false;
        pagemap_hold<P> device(phys_.pagemaps);
        if (!device.covers(e.number())) return false;
        const std::uint64_t before = nr_;
        const pfn first = e.number() + ((a & (geo::span(l) - 1)) >> page_shift);
        const std::uint64_t refs = (end - a) >> page_shift;
        std::int64_t units = 0;
        bool fits = true;
        for (std::uint64_t k = 0; k < refs; ++k) {
            if (is_full()) {  // each page may be a run of its own
                fits = false;
                break;
            }
            page* p = phys_.at(first + k);
            page* head = grab_speculative(phys_, p, 1, flags_);
            if (!head) {
                if (k != 0) phys_.warn.emit(warn_id::devmap_fast_late_fail, phys_.head(p)->count.refs());
                steps::device_refused(phys_, p);
                undo_since(before);
                return false;
            }
            if (!head->is(pg::referenced)) head->set(pg::referenced);
            *place() = p;
            taken(1);
            units += units_of(p, 1, flags_);
        }
        races::at(race_point::head_checked);
        if (slot.read() != e) {
            undo_since(before);
            return false;
        }
        races::at(race_point::entry_checked);
        if (trace_) [[unlikely]]
            trace_->add({path_id::fast_devmap, l, a, refs, units, 0, "", "", 0, 0, 0});
        races::at(race_point::between_entries);
        return fits;
    }
    /// Effects: gives back every slot from `before` on, the last first.
    void undo_since(std::uint64_t before) {
        while (nr_ > before) {
            page* p = runs_ ? runs_->take_back(phys_) : pages_[nr_ - 1];
            --nr_;
            phys_.head(p)->clear(pg::referenced);
            ungrab(phys_, p, 1, flags_);
        }
    }

    // Where pages go.
    [[nodiscard]] bool is_full() const noexcept { return runs_ && runs_->full(); }
    [[nodiscard]] page** place() noexcept { return runs_ ? runs_->scratch() : pages_ + nr_; }
    void taken(std::uint64_t n) noexcept {
        if (runs_) runs_->take(phys_, n);
        nr_ += n;
    }

    static constexpr path_id path_of(level l) noexcept {
        return l == level::pmd ? path_id::fast_pmd : l == level::pud ? path_id::fast_pud : path_id::fast_pgd;
    }

    space<P>& mm_;
    physical<P>& phys_;
    const unsigned flags_;
    const walk_rules<P> rules_;
    page** const pages_;
    run_list<P>* const runs_;
    gup_trace* const trace_;
    std::uint64_t nr_ = 0;
    std::uint64_t began_ = 0;
    vaddr resumed_ = ~vaddr{0};
};

/// Effects: walks [start, end) in a fast section. Returns: slots filled.
template <class P>
[[nodiscard]] PINFOLD_DETAIL_HOT std::uint64_t walk_fast(space<P>& mm, vaddr start, vaddr end, unsigned flags,
                                                        frame<P>** pages, gup_trace* trace, run_list<P>* runs) {
    using races = typename P::races;
    const fast_section section;
    races::at(race_point::before_walk);
    plain_progress done{start};
    std::uint64_t nr = 0;
    if constexpr (walks_in_blocks<P>) {
        if (runs) {
            nr = fast_walk<P>(mm, flags, pages, runs, trace).run_from_memory(start, end);
            done.more = false;
        } else if (!trace) {
            done = (flags & foll::pin) != 0 ? hold_plain_rows<P, true>(mm, start, end, flags, pages)
                                            : hold_plain_rows<P, false>(mm, start, end, flags, pages);
            nr = done.held;
        }
    }
    if (done.more)
        nr = fast_walk<P>(mm, flags, pages, runs, trace).resume(nr, done.began, done.at).run(done.at, end);
    races::at(race_point::after_walk);
    return nr;
}

}  // namespace detail

/// The fast part alone, into `pages` or into `runs`, of which one is null; no trace for runs. Returns: pages held, short
/// where it stopped or `runs` is full. Requires: start and end page aligned, in user space, start < end.
/// A pin that overlapped a fork is given back (spec 05 §6).
template <class P>
[[nodiscard, gnu::noinline]] std::uint64_t fast_part(space<P>& mm, vaddr start, vaddr end, unsigned flags,
                                                    frame<P>** pages, gup_trace* trace,
                                                    detail::run_list<P>* runs = nullptr) {
    if ((!pages && !runs) || P::steps::nothing_asked(start, end)) return 0;  // DEF-M2: never walk for nothing
    std::int64_t seq = 0;
    const bool watch_fork = detail::watches_fork<P, true> && (flags & foll::pin) != 0;
    if (watch_fork) {
        seq = mm.write_protect_seq.load_acquire();
        if ((seq & 1) != 0) return 0;
    }
    if ((flags & (foll::get | foll::pin)) == 0) flags |= foll::get;
    std::uint64_t nr = detail::walk_fast(mm, start, end, flags, pages, trace, runs);
    if (watch_fork) {
        word64::rmw_fence();  // nothing held, nothing to give back; else each grab was a read-modify-write
        if (mm.write_protect_seq.load_acquire() != seq) {
            if (runs)
                while (nr-- > 0) ungrab(mm.phys, runs->take_back(mm.phys), 1, flags);
            else
                while (nr-- > 0) ungrab(mm.phys, pages[nr], 1, flags);
            nr = 0;
        }
    }
    return nr;
}

}  // namespace pinfold::mm
