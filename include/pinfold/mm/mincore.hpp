// SPDX-License-Identifier: BSL-1.0
// mincore: which pages are in memory. Of files, those in the cache, mapped or not. Source: spec 10 §10.
#pragma once

#include <algorithm>
#include <shared_mutex>

#include "error.hpp"
#include "hugetlb_entry.hpp"
#include "space.hpp"
#include "swap_cache.hpp"

namespace pinfold::mm {

namespace detail {

/// Returns: whether the file has the page at hand that an empty entry at `a` stands for.
template <class P>
[[nodiscard]] bool is_cached_for(physical<P>& phys, const vma& v, vaddr a) {
    if (!v.source || v.is_dax() || v.is_hugetlb() || v.source->raw) return false;
    std::lock_guard cache(v.source->lock);
    const auto* c = v.source->find(v.page_offset(a));
    return c && phys.at(c->second.first)->is(pg::uptodate);
}

}  // namespace detail

/// Returns: pages of the range that are in memory; -EINVAL, a is not page aligned; -ENOMEM, a hole.
template <class P>
[[nodiscard]] long pages_in_core(space<P>& mm, vaddr a, std::uint64_t len) {
    if ((a & ~page_mask) != 0) return -err::einval;
    const vaddr end = a + align_up(len, page_size);
    if (end < a) return -err::enomem;
    long present = 0;
    std::shared_lock lock(mm.mmap_lock);
    for (; a < end; a += page_size) {
        const vma* v = mm.find(a);
        if (!v) return -err::enomem;
        const entry e = find_leaf(mm, a).slot->read();
        bool there = false;
        switch (e.kind()) {
            case entry_kind::swap: {
                frame<P>* page = swap_cache_get(mm.phys, slot_of(e));
                there = page != nullptr;
                if (page) mm.phys.drop(mm.phys.head(page), holder::temporary);
                break;
            }
            case entry_kind::leaf:
            case entry_kind::migration:
            case entry_kind::hwpoison:
            case entry_kind::device_private: there = true; break;
            default: there = detail::is_cached_for(mm.phys, *v, a); break;
        }
        present += there;
    }
    return present;
}

}  // namespace pinfold::mm
