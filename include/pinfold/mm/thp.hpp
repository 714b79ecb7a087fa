// SPDX-License-Identifier: BSL-1.0
// Huge pmd entries: when a fault may make one, and splitting the *entry* into 512 ptes, which can always be done,
// pinned or not. Source: spec 02 §6 §8, spec 10 §12.
#pragma once

#include "race_point.hpp"
#include "space.hpp"

namespace pinfold::mm {

/// Returns: the page an entry maps and counts; null for special, devmap and non-leaf entries.
template <class P>
[[nodiscard]] frame<P>* normal_page(const physical<P>& phys, entry e) noexcept {
    if (!e.is_leaf() || e.has(eb::special) || e.has(eb::devmap)) return nullptr;
    return phys.at(e.number());
}

/// Returns: whether the machine's setting and the VMA's advice want huge pages there.
template <class P>
[[nodiscard]] bool wants_huge(const space<P>& mm, const vma& v) noexcept {
    if (mm.phys.thp == thp_mode::never || v.has(vm::nohugepage)) return false;
    return mm.phys.thp == thp_mode::always || v.has(vm::hugepage);
}

/// Returns: whether a fault at `a` may map an anonymous huge page.
template <class P>
[[nodiscard]] bool thp_suitable(const space<P>& mm, const vma& v, vaddr a) noexcept {
    if (!wants_huge(mm, v)) return false;
    const vaddr begin = align_down(a, pmd_size);
    return begin >= v.start && begin + pmd_size <= v.end;
}

/// Returns: whether an entry above the ptes stands for a huge page: it maps one, or one that is on its way elsewhere.
[[nodiscard]] inline bool is_huge(entry e) noexcept { return e.is_leaf() || e.kind() == entry_kind::migration; }

/// Returns: whether a split keeps the memory mapped. A huge entry of a file is dropped instead and faulted again.
template <class P>
[[nodiscard]] bool splits_to_ptes(space<P>& mm, entry e) noexcept {
    if (e.has(eb::devmap)) return false;
    const frame<P>* head = mm.phys.head(mm.phys.at(e.number()));
    return head->is_anon() || mm.phys.is_huge_zero(head);
}

/// Effects: one anonymous pmd, or the huge zero pmd, becomes a table of 512 ptes with the pmd's bits. One
/// reference and one mapping become 512; the exclusive mark goes to every sub-page. One on its way goes on in pieces.
/// Where the VMA is locked, the folio is so no more: ptes may go one by one, and then not all of it is there.
/// Requires: the pmd lock; the entry is such a one. Source: spec 02 §6, spec 10 §2 §3.
template <class P>
void split_pmd_locked(space<P>& mm, const typename space<P>::place& at, const vma* v) {
    physical<P>& phys = mm.phys;
    const entry e = at.slot->take_for_a_while();
    P::races::at(race_point::entry_taken);
    frame<P>* head = phys.at(e.number());
    frame<P>* table = mm.tables.withdraw(at.table);
    entry_slot* pte = mm.tables.slots(table);
    if (e.kind() == entry_kind::migration) {
        for (std::uint64_t i = 0; i < pages_per_pmd; ++i) pte[i].set(e.at(e.number() + i));
    } else if (phys.is_huge_zero(head)) {
        const std::uint64_t kept = e.raw & (entry::bit(eb::protnone) | entry::bit(eb::keyed) | entry::bit(eb::uffd_wp));
        const entry zero = entry::leaf(phys.number(phys.zero_page()), kept | entry::bit(eb::special));
        for (std::size_t i = 0; i < table_entries; ++i) pte[i].set(zero);
    } else {
        phys.hold(head, holder::entry, pages_per_pmd - 1);
        if (e.has(eb::dirty)) head->set(pg::dirty);
        if (v) munlock_unmapped(*v, head);
        const bool exclusive = head->is(pg::exclusive);
        for (std::uint64_t i = 0; i < pages_per_pmd; ++i) {
            frame<P>* sub = phys.nth(head, i);
            if (exclusive && i != 0) sub->set(pg::exclusive);
            sub->mapcount.adjust(1);
            pte[i].set(e.at(e.number() + i));
        }
        head->large.adjust(pages_per_pmd - 1);
        head->entire.adjust(-1);
    }
    at.slot->set(entry::table(phys.number(table)));
}

/// Effects: a pmd that maps a file's folio goes; ptes are to come. Requires: `lock`, that of the pmd, which is
/// released; the entry is such a leaf.
template <class P>
void drop_file_pmd(space<P>& mm, const typename space<P>::place& at, word_guard& lock) {
    const entry e = at.slot->take();
    frame<P>* head = mm.phys.head(mm.phys.at(e.number()));
    if (e.has(eb::dirty)) head->set(pg::dirty);
    unmap_huge(head);
    lock.release();
    word64::full_fence();  // the flush
    mm.phys.drop(head, holder::entry);
}

}  // namespace pinfold::mm
