// SPDX-License-Identifier: BSL-1.0
// From a folio to every slot that may hold an entry of it, in all address spaces. Source: spec 07 §18.
#pragma once

#include <cstdint>
#include <mutex>
#include <type_traits>

#include "file.hpp"
#include "function_ref.hpp"
#include "hugetlb_entry.hpp"
#include "ksm_node.hpp"
#include "space.hpp"

namespace pinfold::mm {

namespace detail {

/// What is called for a slot, with the place of the sub-page in the folio.
template <class P>
using slot_visitor = function_ref<void(space<P>&, const typename space<P>::place&, std::uint64_t, const vma&)>;

/// Visits every slot that might hold an entry of the folio, under its page-table lock. Huge: the pmd slots as well as
/// the ptes.
template <class P>
void each_slot_in(vma& v, vaddr a, std::uint64_t pages, slot_visitor<P> visit) {
    auto& mm = *static_cast<space<P>*>(v.owner);
    if (a % pmd_size == 0 && pages == pages_per_pmd) {
        const auto at = mm.tables.find(a, level::pmd);
        if (!at.reached(level::pmd)) return;
        word_guard lock(at.lock());
        if (!at.slot->read().is_table()) {
            visit(mm, at, 0, v);
            return;
        }
    }
    for (std::uint64_t k = 0; k < pages; ++k) {
        if (!v.holds(a + (k << page_shift))) continue;
        const auto at = mm.tables.find(a + (k << page_shift), level::pte);
        if (!at.reached(level::pte)) continue;
        word_guard lock(at.lock());
        visit(mm, at, k, v);
    }
}

template <class P>
void each_slot(physical<P>&, frame<P>* head, std::type_identity_t<slot_visitor<P>> visit) {
    const std::uint64_t n = head->pages();
    if (head->is_ksm()) {
        auto* node = head->template owner_as<ksm_node>();
        if (!node) return;  // about to be undone
        std::lock_guard guard(node->lock);
        for (const ksm_node::place& p : node->places) {
            std::lock_guard family(p.family->lock);
            p.family->each_overlapping(p.index, 1, [&](vma& v, vaddr a) { each_slot_in<P>(v, a, 1, visit); });
        }
    } else if (head->is_anon()) {
        auto* rmap = head->template owner_as<anon_rmap>();
        std::lock_guard guard(rmap->lock);
        rmap->each_overlapping(head->index, n, [&](vma& v, vaddr a) { each_slot_in<P>(v, a, n, visit); });
    } else if (file* f = head->template owner_as<file>()) {
        std::lock_guard guard(f->lock);
        f->mappings.each_overlapping(head->index, n,
                                     [&](vma& v) { each_slot_in<P>(v, v.address_of(head->index), n, visit); });
    }
}

/// The same for a huge page of a pool, which one slot of its size maps: visit(space&, entry_slot&).
template <class P, class Visit>
void each_huge_slot(physical<P>&, frame<P>* head, Visit visit) {
    const auto look = [&](vma& v, vaddr a) {
        auto& mm = *static_cast<space<P>*>(v.owner);
        const huge_place at = v.is_hugetlb() ? find_huge(mm, a, v.huge_order) : huge_place{};
        if (!at.slot) return;
        word_guard lock(at.lock());
        visit(mm, *at.slot);
    };
    if (head->is_anon()) {
        auto* rmap = head->template owner_as<anon_rmap>();
        std::lock_guard guard(rmap->lock);
        rmap->each_overlapping(head->index, head->pages(), look);
    } else if (file* f = head->template owner_as<file>()) {
        std::lock_guard guard(f->lock);
        f->mappings.each_overlapping(head->index, head->pages(), [&](vma& v) { look(v, v.address_of(head->index)); });
    }
}

}  // namespace detail

}  // namespace pinfold::mm
