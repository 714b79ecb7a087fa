// SPDX-License-Identifier: BSL-1.0
// NUMA balancing: entries are made inaccessible so that the next access tells who uses the page; the page then moves to
// where that one runs, if nobody holds it. Source: spec 07 §7 §16, B18.
#pragma once

#include <cstdint>
#include <shared_mutex>

#include "each_leaf.hpp"
#include "fault_types.hpp"
#include "migrate.hpp"
#include "prot.hpp"

namespace pinfold::mm {

/// The node all processors are on.
inline constexpr int processors_node = 0;

namespace detail {

/// Whether the scan leaves the entry alone. Source: spec 07 §7.
template <class P>
[[nodiscard]] bool is_spared(physical<P>& phys, const vma& v, frame<P>* page) {
    frame<P>* head = phys.head(page);
    if (head->is_ksm() || phys.is_huge_zero(head) || head->zone() == zone_kind::device) return true;
    if constexpr (P::numa_marks_all) return false;
    return v.is_cow() && (page_mapcount(page, head) > 1 || physical<P>::ops::maybe_pinned(head));
}

}  // namespace detail

/// Effects: entries in [a, a + len) that a scan marks are inaccessible until the next fault. Returns: how many.
template <class P>
std::uint64_t mark_for_hints(space<P>& mm, vaddr a, std::uint64_t len) {
    std::uint64_t marked = 0;
    const std::shared_lock lock(mm.mmap_lock);
    for (vma* v = mm.find_next(a); v && v->start < a + len; v = mm.find_next(v->end)) {
        if (!v->is_accessible() || v->is_hugetlb() || v->is_dax() || v->has(vm::mixedmap | vm::pfnmap)) continue;
        each_leaf(mm, v->start < a ? a : v->start, v->end < a + len ? v->end : a + len,
                  [&](const auto& at, vaddr, std::uint64_t) {
                      frame<P>* page = normal_page(mm.phys, at.slot->read());
                      if (!page || detail::is_spared(mm.phys, *v, page)) return;
                      // 2019 remembers in the entry that it was writable; 6.12 finds out again (exclusive pages).
                      update_entry(*at.slot, [](entry e) {
                          return P::numa_marks_all ? e.with(eb::protnone) : e.with(eb::protnone).without(eb::writable);
                      });
                      ++marked;
                  });
    }
    word64::full_fence();  // the flush
    return marked;
}

/// The access to such an entry: it is what it was, and the page is moved if it stands on another node; a page that
/// somebody holds or pins is not, by its count. Requires: the mmap lock, `e` was read from the slot.
template <class P>
[[nodiscard]] fault_result numa_hint_fault(space<P>& mm, const vma& v, const typename space<P>::place& at, entry e) {
    physical<P>& phys = mm.phys;
    frame<P>* head = nullptr;
    {
        word_guard lock(at.lock());
        if (at.slot->read() != e) return fault_result::ok;  // the walk looks again
        entry now = e.without(eb::protnone).with(eb::young);
        frame<P>* page = normal_page(phys, e);
        if constexpr (P::anon_exclusive) {
            const bool whole = at.at == level::pmd;
            if (v.has(vm::write) && !e.has(eb::uffd_wp) && page && phys.is_anonymous(page) &&
                (whole ? phys.head(page) : page)->is(pg::exclusive))
                now = now.with(eb::writable);
        }
        at.slot->set(now);
        const int wanted = v.node >= 0 ? v.node : processors_node;
        if (page && static_cast<int>(phys.head(page)->node()) != wanted) {
            head = phys.head(page);
            phys.hold(head, holder::temporary);
        }
    }
    if (!head) return fault_result::ok;
    if (!head->is(pg::lru)) phys.lru_drain();
    const bool taken = folio_mapcount(head) == 1 && isolate(phys, head);
    phys.drop(head, holder::temporary);
    const int wanted = v.node >= 0 ? v.node : processors_node;
    if (taken) (void)migrate_folio(phys, head, {.node = wanted, .exact = true}, migrate_mode::async);
    return fault_result::ok;
}

}  // namespace pinfold::mm
