// SPDX-License-Identifier: BSL-1.0
// Soft-dirty bits: which pages a process has written since it, or somebody else, last asked for a clean slate. Entries
// are write-protected, so that the next write leaves its mark. Source: spec 07 §7 §16.
#pragma once

#include <mutex>

#include "each_leaf.hpp"

namespace pinfold::mm {

namespace detail {

/// Whether write-protecting the entry would part the process from a device: the next write would copy a page that, for
/// all that is known, is pinned. Then the mark stays.
template <class P>
[[nodiscard]] bool stays_soft_dirty(space<P>& mm, const vma& v, entry e) {
    if constexpr (!P::soft_dirty_spares_pinned) return false;
    if (!v.is_cow() || !e.has(eb::writable) || mm.has_pinned.load() == 0) return false;
    frame<P>* page = normal_page(mm.phys, e);
    return page && static_cast<bool>(physical<P>::ops::maybe_pinned(page));
}

}  // namespace detail

/// Effects: nothing has been written since (clear_refs 4), but for what is pinned.
template <class P>
void clear_soft_dirty(space<P>& mm) {
    const std::unique_lock lock(mm.mmap_lock);
    for (auto& one : mm.vmas()) {
        vma& v = one.second;
        v.flags |= vm::soft_clean;
        if (v.is_hugetlb() || v.has(vm::pfnmap)) continue;
        each_entry(mm, v.start, v.end, [&](const auto& at, vaddr, std::uint64_t) {
            if (detail::stays_soft_dirty(mm, v, at.slot->read())) return;
            update_entry(*at.slot, [](entry e) {
                return e.is_leaf() ? e.without(eb::soft_dirty).without(eb::writable) : e.without(eb::soft_dirty);
            });
        });
    }
    word64::full_fence();  // the flush
}

/// Returns: whether the page at `a` counts as written since (pagemap bit 55): also what has been mapped since.
template <class P>
[[nodiscard]] bool is_soft_dirty(space<P>& mm, vaddr a) {
    const std::shared_lock lock(mm.mmap_lock);
    const vma* v = mm.find(a);
    if (!v) return false;
    if (!v->has(vm::soft_clean)) return true;
    const entry e = mm.tables.find(a, level::pte).slot->read();
    return !e.is_table() && e.has(eb::soft_dirty);
}

}  // namespace pinfold::mm
