// SPDX-License-Identifier: BSL-1.0
// Where the entry of a huge page is: in the page table of the level that spans it, or, where the profile has them, in
// a hugepd table that hangs in a directory spanning more. Source: spec 07 §2, spec 04 FP-HUGE-PD.
#pragma once

#include <cstdint>

#include "prot.hpp"
#include "space.hpp"

namespace pinfold::mm {

/// A slot that may hold a leaf, the lock that guards it, and what it spans.
struct huge_place {
    entry_slot* slot = nullptr;
    word32* guard = nullptr;
    level at = level::pmd;        ///< of the slot; of its directory, for a hugepd slot
    std::uint64_t span = 0;       ///< bytes
    bool in_hugepd = false;

    [[nodiscard]] word32& lock() const noexcept { return *guard; }
};

namespace detail {

/// The level whose entries span 2^order pages, or the lowest that spans more.
template <class P>
[[nodiscard]] level level_for(unsigned order) noexcept {
    using geo = geometry<P::p4d_folded>;
    level l = level::pmd;
    while (l != level::pgd && geo::shift(l) < order + page_shift) l = static_cast<level>(static_cast<unsigned>(l) + 1);
    if (P::p4d_folded && l == level::p4d) l = level::pgd;
    return l;
}
template <class P>
[[nodiscard]] bool fits_level(unsigned order) noexcept {
    return geometry<P::p4d_folded>::shift(level_for<P>(order)) == order + page_shift;
}

template <class P>
[[nodiscard]] huge_place in_table(const typename space<P>::place& at) noexcept {
    return {at.slot, &at.lock(), at.at, geometry<P::p4d_folded>::span(at.at), false};
}
template <class P>
[[nodiscard]] huge_place in_hugepd(space<P>& mm, entry dir, level l, vaddr a) noexcept {
    const std::uint64_t size = page_size << dir.hugepd_order();
    const std::uint64_t index = (a & (geometry<P::p4d_folded>::span(l) - 1)) / size;
    return {mm.tables.slots(mm.phys.at(dir.number())) + index, &mm.hugepd_lock, l, size, true};
}

}  // namespace detail

/// Returns: whether the machine's page tables can map pages of this order.
template <class P>
[[nodiscard]] bool can_map_huge(unsigned order) noexcept {
    return detail::fits_level<P>(order) || P::has_hugepd;
}

/// Returns: the slot that maps `a`, at whatever level the walk ends; hugepd tables are entered.
template <class P>
[[nodiscard]] huge_place find_leaf(space<P>& mm, vaddr a) noexcept {
    const auto at = mm.tables.find(a, level::pte);
    if constexpr (P::has_hugepd)
        if (const entry e = at.slot->read(); e.is_hugepd()) return detail::in_hugepd(mm, e, at.at, a);
    return detail::in_table<P>(at);
}

/// Returns: the slot of the huge page at `a`; no slot where there is no table for it yet.
template <class P>
[[nodiscard]] huge_place find_huge(space<P>& mm, vaddr a, unsigned order) noexcept {
    const level l = detail::level_for<P>(order);
    const auto at = mm.tables.find(a, l);
    if (!at.reached(l)) return {};
    if (detail::fits_level<P>(order)) return detail::in_table<P>(at);
    const entry e = at.slot->read();
    return e.is_hugepd() ? detail::in_hugepd(mm, e, l, a) : huge_place{};
}

/// As find_huge, but makes what is missing. Returns: no slot when memory is out.
template <class P>
[[nodiscard]] huge_place reach_huge(space<P>& mm, vaddr a, unsigned order) {
    const level l = detail::level_for<P>(order);
    const auto at = mm.tables.reach(a, l);
    if (!at.slot || !at.reached(l)) return {};
    if (detail::fits_level<P>(order)) return detail::in_table<P>(at);
    entry e = at.slot->read();
    if (e.is_none()) {
        frame<P>* fresh = mm.tables.new_table();
        if (!fresh) return {};
        {
            word_guard lock(at.lock());
            e = at.slot->read();
            if (e.is_none()) {
                e = entry::hugepd(mm.phys.number(fresh), order);
                at.slot->set(e);
                fresh = nullptr;
            }
        }
        if (fresh) mm.tables.free_now(fresh);
    }
    return e.is_hugepd() ? detail::in_hugepd(mm, e, l, a) : huge_place{};
}

/// Effects: calls visit(place, address) for each slot of the hugetlb VMA v in [from, to) that is not empty, without
/// its lock. Requires: from and to are borders of its pages.
template <class P, class Visit>
void each_huge(space<P>& mm, const vma& v, vaddr from, vaddr to, Visit visit) {
    using geo = geometry<P::p4d_folded>;
    const std::uint64_t size = page_size << v.huge_order;
    const level l = detail::level_for<P>(v.huge_order);
    for (vaddr a = from; a < to;) {
        const auto above = mm.tables.find(a, l);
        if (!above.reached(l)) {  // no table: on to what the next entry up there spans
            a = align_down(a, geo::span(above.at)) + geo::span(above.at);
            continue;
        }
        const huge_place at = find_huge(mm, a, v.huge_order);
        if (at.slot && !at.slot->read().is_none()) visit(at, a);
        a += size;
    }
}

/// Effects: the entries of the hugetlb VMA v get what its new access flags say; a private one becomes writable by
/// the next write fault only. Requires: the mmap lock for writing.
template <class P>
void protect_huge(space<P>& mm, const vma& v) {
    each_huge(mm, v, v.start, v.end, [&](const huge_place& at, vaddr) {
        word_guard lock(at.lock());
        entry e = at.slot->read();
        if (!e.is_leaf()) return at.slot->set(detail::reprotect_absent(v, e));
        e = e.as_said_by(v);
        e = v.has(vm::shared) && v.has(vm::write) && !e.has(eb::uffd_wp) ? e.with(eb::writable) : e.without(eb::writable);
        at.slot->set(e);
    });
}

}  // namespace pinfold::mm
