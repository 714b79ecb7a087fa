// SPDX-License-Identifier: BSL-1.0
// Faults on hugetlb mappings: a page from the file's cache or from the pool. Private pages are anonymous, shared ones
// enter the cache; there is no zero page and no base page to fall back to: an empty pool is SIGBUS.
// Source: spec 07 B9, spec 10 §2 §4 §13.
#pragma once

#include <mutex>

#include "hugetlb_cow.hpp"
#include "pagecache.hpp"

namespace pinfold::mm {

/// Effects: a fresh page enters the cache of f at huge page `index`. Requires: f.lock; nothing is there.
template <class P>
void cache_add_huge_locked(physical<P>& phys, file& f, std::uint64_t index, frame<P>* head) {
    const std::uint64_t units = cache_units(head);
    if (units > 1) phys.hold(head, holder::page_cache, units - 1);
    phys.pass(head, holder::hand_out, holder::page_cache);
    head->index = index << f.huge_order;
    head->set_owner(&f, owner::none_or_file);
    head->change(frame<P>::bit(pg::uptodate) | frame<P>::bit(pg::dirty), 0);
    f.cache.emplace(index << f.huge_order, file::cached{phys.number(head), f.huge_order});
}

/// Effects: huge page `index` of f is there, against the file's promise for that place if it has one, on `node` (-1:
/// any). One step under f.lock: whoever empties the file meanwhile finds the promise or the page, never neither.
/// Requires: f.lock, the fault mutex of the place, nothing there. Returns: null when the pool is empty.
template <class P>
[[nodiscard]] frame<P>* fill_huge_locked(physical<P>& phys, file& f, std::uint64_t index, int node) {
    frame<P>* head = phys.hugetlb.of(f.huge_order)->take(f.promised.count(index) != 0, node);
    if (!head) return nullptr;
    f.promised.insert(index);
    cache_add_huge_locked(phys, f, index, head);
    return head;
}

namespace detail {

/// The page for a place nothing is mapped at, with one reference. fresh: from the pool, holder hand-out, not in any
/// cache; else the file's, holder temporary. Requires: the fault mutex of the place.
template <class P>
struct missing_huge {
    frame<P>* head = nullptr;
    bool fresh = false;
    fault_result why = fault_result::ok;
};
template <class P>
[[nodiscard]] missing_huge<P> find_or_take_huge(space<P>& mm, const vma& v, vaddr base) {
    physical<P>& phys = mm.phys;
    file& f = *v.source;
    const std::uint64_t index = huge_index(v, base);
    if (v.stolen_from.load() != 0) return {nullptr, false, fault_result::sigbus};  // never looks like lost data
    {
        std::lock_guard guard(f.lock);
        if (v.page_offset(base) >= f.pages()) return {nullptr, false, fault_result::sigbus};
        frame<P>* head = nullptr;
        if (const auto* c = f.find(v.page_offset(base))) head = phys.at(c->second.first);
        else if (v.has(vm::shared)) head = fill_huge_locked(phys, f, index, v.node);
        if (head) {
            phys.hold(head, holder::temporary);
            return {head, false, head->is(pg::hwpoison) ? fault_result::hwpoison : fault_result::ok};
        }
        if (v.has(vm::shared)) return {nullptr, false, fault_result::sigbus};
    }
    frame<P>* head = take_huge_page(phys, v, index, true);
    return {head, true, head ? fault_result::ok : fault_result::sigbus};
}

/// `was`: what is in the place: nothing, or a marker, over which the page comes in protected.
template <class P>
[[nodiscard]] fault_result missing_huge_fault(space<P>& mm, vma& v, vaddr base, unsigned flags, const huge_place& at,
                                              entry was) {
    physical<P>& phys = mm.phys;
    const missing_huge<P> got = find_or_take_huge(mm, v, base);
    if (got.why != fault_result::ok) {
        if (got.head) phys.drop(got.head, holder::temporary);
        return got.why;
    }
    frame<P>* head = got.head;
    const holder mine = got.fresh ? holder::hand_out : holder::temporary;
    if (got.fresh) make_huge_anon(mm, v, base, head);
    entry e = entry::leaf(phys.number(head), base_bits(v));
    if (v.has(vm::shared) && v.has(vm::write)) e = e.with(eb::writable).with(eb::dirty);
    const bool watched = !was.is_none() && v.has(vm::uffd_wp);
    if (watched) e = e.without(eb::writable).with(eb::uffd_wp);
    bool mapped = false;
    {
        word_guard lock(at.lock());
        if (at.slot->read() == was) {
            map_huge(head);
            phys.pass(head, mine, holder::entry);
            at.slot->set(e);
            mapped = true;
        }
    }
    if (!mapped) {  // the fault mutex keeps other faults out, not who marks the place
        if (got.fresh) return_huge_page(phys, v, huge_index(v, base), head);
        else phys.drop(head, holder::temporary);
        return fault_result::ok;
    }
    if (watched && (flags & ff::write) != 0) return fault_result::ok;  // look again
    if ((flags & (ff::write | ff::unshare)) != 0 && !e.has(eb::writable)) return wp_huge_page(mm, v, base, flags, at, e);
    return fault_result::ok;
}

}  // namespace detail

/// Requires: the mmap lock for reading; v is a hugetlb VMA and holds `a`.
template <class P>
[[nodiscard]] fault_result hugetlb_fault(space<P>& mm, vma& v, vaddr a, unsigned flags) {
    const vaddr base = align_down(a, page_size << v.huge_order);
    const huge_place at = reach_huge(mm, base, v.huge_order);
    if (!at.slot) return fault_result::oom;
    std::unique_lock place(mm.phys.hugetlb.fault_mutex(v.source, huge_index(v, base)));
    const entry e = at.slot->read();
    switch (e.kind()) {
        case entry_kind::none:
        case entry_kind::marker: return detail::missing_huge_fault(mm, v, base, flags, at, e);
        case entry_kind::leaf:
            if ((flags & ff::write) != 0 && v.has(vm::uffd_wp) && e.has(eb::uffd_wp)) return fault_result::ok;  // look again
            if ((flags & (ff::write | ff::unshare)) != 0 && !e.has(eb::writable))
                return wp_huge_page(mm, v, base, flags, at, e);
            return fault_result::ok;
        case entry_kind::hwpoison: return fault_result::hwpoison;
        case entry_kind::migration:  // a short time: whoever moves the page holds no lock that this thread has
            place.unlock();
            wait_while(*at.slot, e);
            return fault_result::ok;
        default: return fault_result::sigbus;
    }
}

}  // namespace pinfold::mm
