// SPDX-License-Identifier: BSL-1.0
// MADV_WILLNEED: what is behind a range is read in before anybody touches it; no entry is made.
#pragma once

#include <algorithm>
#include <mutex>

#include "readaround.hpp"
#include "space.hpp"
#include "swap_cache.hpp"

namespace pinfold::mm {

namespace detail {

/// Pages of a filesystem, and of memory that is in swap; what was never written has nothing to be read.
template <class P>
void read_file_in(physical<P>& phys, const vma& v, vaddr from, vaddr to) {
    file& f = *v.source;
    const std::lock_guard cache(f.lock);
    const std::uint64_t last = std::min(v.page_offset(to), f.pages());
    for (std::uint64_t k = v.page_offset(from); k < last; ++k) {
        if (f.find(k) || (f.is_shmem() && f.blocks.count(k) == 0)) continue;
        if (!read_one(phys, f, k)) return;
    }
}

/// The page of one slot is cached. Returns: false when memory is out.
template <class P>
[[nodiscard]] bool read_slot_in(physical<P>& phys, const vma& v, swap_slot s) {
    frame<P>* const fresh = phys.alloc({.node = v.node});
    if (!fresh) return false;
    const bool entered = enter_swap_cache(phys, s, fresh);
    phys.drop(fresh, entered ? holder::temporary : holder::hand_out);
    return true;
}

template <class P>
void read_swap_in(space<P>& mm, const vma& v, vaddr from, vaddr to) {
    for (vaddr a = from; a < to; a += page_size) {
        const auto at = mm.tables.find(a, level::pte);
        if (!at.reached(level::pte)) continue;
        const entry e = at.slot->read();
        if (e.kind() == entry_kind::swap && !read_slot_in(mm.phys, v, slot_of(e))) return;
    }
}

}  // namespace detail

/// Requires: the mmap lock for reading; [from, to) lies in v. Returns: 0; that memory is out, nobody is told.
template <class P>
[[nodiscard]] int will_need(space<P>& mm, const vma& v, vaddr from, vaddr to) {
    if (v.kind == vma_kind::file || v.kind == vma_kind::shmem) detail::read_file_in(mm.phys, v, from, to);
    if (!v.has(vm::shared)) detail::read_swap_in(mm, v, from, to);
    return 0;
}

}  // namespace pinfold::mm
