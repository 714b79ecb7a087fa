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

namespace pinfold::mm {

namespace detail {

template <class P>
class fast_walk {
public:
    using page = frame<P>;
    using geo = geometry<P::p4d_folded>;
    using races = typename P::races;
    using steps = typename P::steps;

    fast_walk(space<P>& mm, unsigned flags, page** pages, gup_trace* trace)
        : mm_(mm), phys_(mm.phys), flags_(flags), pages_(pages), trace_(trace) {}

    /// Returns: slots filled, each holding one unit. Runs inside a fast section.
    [[nodiscard]] std::uint64_t run(vaddr start, vaddr end) {
        const fast_section section;
        races::at(race_point::before_walk);
        (void)descend(mm_.tables.root(), level::pgd, start, end);
        races::at(race_point::after_walk);
        return nr_;
    }

private:
    [[nodiscard]] bool wants(unsigned f) const noexcept { return (flags_ & f) != 0; }
    [[nodiscard]] bool grants(entry e) const noexcept {
        if (P::fast_heeds_guards && e.has(eb::guarded) && !e.has(eb::devmap)) return false;
        return e.is_leaf() && e.has(eb::user) && !e.denies_access() && (!wants(foll::write) || e.has(eb::writable));
    }

    /// Every level reads each entry once and hands its value down. Returns: whether to go on.
    bool descend(const page* table, level l, vaddr a, vaddr end) {
        const std::uint64_t span = geo::span(l);
        entry_slot* slot = mm_.tables.slots(table) + geo::index(a, l);
        for (; a < end; ++slot) {
            const vaddr next = align_down(a, span) + span < end ? align_down(a, span) + span : end;
            const entry e = slot->read();
            races::at(race_point::entry_read);
            if (e.is_table()) {
                const page* below = phys_.at(e.number());
                const level child = geo::child(l);
                if (!(child == level::pte ? ptes(below, *slot, e, a, next) : descend(below, child, a, next)))
                    return false;
            } else if (P::has_hugepd && e.is_hugepd()) {
                if (!hugepd(e, l, a, next)) return false;
            } else if (!e.is_leaf() || e.has(eb::protnone) || !huge(*slot, e, l, a, next)) {
                return false;
            }
            a = next;
        }
        return true;
    }

    /// PTE/F.
    bool ptes(const page* table, entry_slot& upper_slot, entry upper, vaddr a, vaddr end) {
        entry_slot* slot = mm_.tables.slots(table) + geo::index(a, level::pte);
        const std::uint64_t before = nr_;
        pagemap_hold<P> device(phys_.pagemaps);
        for (; a < end; a += page_size, ++slot) {
            const entry e = slot->read();
            races::at(race_point::entry_read);
            if (!grants(e)) return false;
            if (e.has(eb::devmap)) {
                if (wants(foll::longterm)) return false;
                if (!device.covers(e.number())) {  // dying: the pages before may be its own, too
                    undo_since(before);
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
            if (!steps::entry_is_still(*slot, e) || !steps::table_is_still(upper_slot, upper) || !(e.has(eb::devmap) || allowed(head)) ||
                must_unshare(e, p)) {
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
            pages_[nr_++] = p;
            if (trace_) [[unlikely]]
                trace_->add({path_id::fast_pte, level::pte, a, 1, units_of(p, 1, flags_), 0, "", "", 0, 0, 0});
            races::at(race_point::between_entries);
        }
        return true;
    }

    /// PMD/F, PUD/F, PGD/F: one batch of units on the head for as many slots (DEF-03).
    bool huge(entry_slot& slot, entry e, level l, vaddr a, vaddr end) {
        if (!grants(e)) return false;
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
            if (!grants(e) || !leaf(*slot, e, {l, size, path_id::fast_huge_pd}, a, next)) return false;
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
        for (std::uint64_t k = 0; k < refs; ++k) pages_[nr_ + k] = phys_.nth(base, first + k);
        page* head = grab_speculative(phys_, base, steps::leaf_units(refs, flags_), flags_);
        if (!head) return false;
        races::at(race_point::head_checked);
        if (slot.read() != e || !allowed(head) || must_unshare(e, head)) {
            steps::undo_leaf(phys_, pages_[nr_], head, refs, flags_);  // on the head, what was added (DEF-04)
            return false;
        }
        races::at(race_point::entry_checked);
        if (!head->is(pg::referenced)) head->set(pg::referenced);
        nr_ += refs;
        if (trace_) [[unlikely]]
            trace_->add({kind.path, kind.at, a, refs, units_of(head, refs, flags_), 0, "", "", 0, 0, 0});
        races::at(race_point::between_entries);
        return true;
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
        for (std::uint64_t k = 0; k < refs; ++k) {
            page* p = phys_.at(first + k);
            page* head = grab_speculative(phys_, p, 1, flags_);
            if (!head) {
                if (k != 0) phys_.warn.emit(warn_id::devmap_fast_late_fail, phys_.head(p)->count.raw());
                steps::device_refused(phys_, p);
                undo_since(before);
                return false;
            }
            if (!head->is(pg::referenced)) head->set(pg::referenced);
            pages_[nr_++] = p;
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
        return true;
    }
    /// Effects: gives back every slot from `before` on, the last first.
    void undo_since(std::uint64_t before) {
        while (nr_ > before) {
            page* p = pages_[--nr_];
            phys_.head(p)->clear(pg::referenced);
            ungrab(phys_, p, 1, flags_);
        }
    }

    static constexpr path_id path_of(level l) noexcept {
        return l == level::pmd ? path_id::fast_pmd : l == level::pud ? path_id::fast_pud : path_id::fast_pgd;
    }

    /// gup_fast_folio_allowed: asked after the grab, so the folio is stable. Source: spec 05 §5.
    [[nodiscard]] bool allowed(const page* head) const noexcept {
        if constexpr (!P::fast_asks_folio) return true;
        if (P::devices::dax_is_mapped_counted && wants(foll::longterm) && is_device(head, device_type::fsdax)) return false;
        const bool lasting_write = wants(foll::pin) && wants(foll::longterm) && wants(foll::write);
        if (head->is(pg::large) && !lasting_write) return true;
        if (head->is(pg::hugetlb)) return true;
        if (head->is(pg::zero)) return true;
        switch (head->owner_kind()) {
            case owner::anon:
            case owner::ksm: return true;
            case owner::driver: return false;
            case owner::none_or_file: break;
        }
        const file* f = head->template owner_as<file>();
        if (!f || f->kind == file_kind::secret) return false;  // no f: truncated, or a driver's page
        return !lasting_write || f->is_shmem();
    }

    /// gup_must_unshare without a VMA: in doubt, go slow.
    [[nodiscard]] bool must_unshare(entry e, const page* p) const noexcept {
        if constexpr (!P::anon_exclusive) return false;
        if (e.has(eb::writable) || !wants(foll::pin) || wants(foll::write)) return false;
        if (!phys_.head(const_cast<page*>(p))->is_anon()) return wants(foll::longterm);
        return !p->is(pg::exclusive);
    }

    space<P>& mm_;
    physical<P>& phys_;
    unsigned flags_;
    page** pages_;
    gup_trace* trace_;
    std::uint64_t nr_ = 0;
};

}  // namespace detail

/// The fast part alone. Returns: slots filled. Requires: start and end page aligned, in user space, start < end.
/// A pin that overlapped a fork is given back (spec 05 §6).
template <class P>
[[nodiscard]] std::uint64_t fast_part(space<P>& mm, vaddr start, vaddr end, unsigned flags, frame<P>** pages,
                                      gup_trace* trace) {
    if (!pages || P::steps::nothing_asked(start, end)) return 0;  // DEF-M2: never walk for nothing
    std::int64_t seq = 0;
    const bool watch_fork = P::fast_pins_are_noted && (flags & foll::pin) != 0;
    if (watch_fork) {
        seq = mm.write_protect_seq.load_acquire();
        if ((seq & 1) != 0) return 0;
    }
    if ((flags & (foll::get | foll::pin)) == 0) flags |= foll::get;
    std::uint64_t nr = detail::fast_walk<P>(mm, flags, pages, trace).run(start, end);
    if (watch_fork) {
        word64::full_fence();
        if (mm.write_protect_seq.load_acquire() != seq) {
            for (std::uint64_t i = nr; i-- > 0;) ungrab(mm.phys, pages[i], 1, flags);
            nr = 0;
        }
    }
    return nr;
}

}  // namespace pinfold::mm
