// SPDX-License-Identifier: BSL-1.0
// Cached pages are dropped because memory or the disk wants it so, not because the file changed: clean ones nobody
// uses, or, for the sake of direct I/O, whatever is not dirty. Source: spec 07 §13, spec 10 §15.
#pragma once

#include <iterator>
#include <mutex>

#include "error.hpp"
#include "page_lock.hpp"
#include "pagecache.hpp"
#include "unmap_file.hpp"

namespace pinfold::mm {

/// Effects: clean pages of [first, last) that only the cache holds leave it; buffers do not hold them. A pin or any
/// other reference keeps a page, with its buffers.
template <class P>
void drop_clean(physical<P>& phys, file& f, std::uint64_t first = 0, std::uint64_t last = ~std::uint64_t{0}) {
    phys.lru_drain_all();
    std::lock_guard cache(f.lock);
    for (auto it = f.cache.lower_bound(first); it != f.cache.end() && it->first < last;) {
        frame<P>* head = phys.at(it->second.first);
        const auto here = it++;
        if (head->is(pg::dirty) || head->is(pg::writeback) || head->is(pg::hugetlb)) continue;
        const std::int64_t due = static_cast<std::int64_t>(cache_units(head)) + (head->is(pg::buffers) ? 1 : 0);
        if (head->count.refs() != due || !try_lock_page(head)) continue;  // under f.lock nobody new finds it
        phys.hold(head, holder::temporary);
        cache_remove_locked(phys, f, here);
        unlock_page(head);
        phys.drop(head, holder::temporary);
    }
}

/// invalidate_inode_pages2. Effects: [first, last) is unmapped, private copies excepted, and what is clean leaves the
/// cache, pinned or not. Returns: 0, or -EBUSY when something was dirty and stays.
template <class P>
[[nodiscard]] int invalidate_for_io(physical<P>& phys, file& f, std::uint64_t first, std::uint64_t last) {
    phys.lru_drain_all();
    int busy = 0;
    std::unique_lock cache(f.lock);
    f.written.wait(cache, [&] {
        for (auto it = f.cache.lower_bound(first); it != f.cache.end() && it->first < last; ++it)
            if (phys.at(it->second.first)->is(pg::writeback)) return false;
        return true;
    });
    if (f.cache.lower_bound(first) == f.cache.lower_bound(last)) return 0;
    unmap_file_pages<P>(f, first, last - first, false);
    for (auto it = f.cache.lower_bound(first); it != f.cache.end() && it->first < last;) {
        frame<P>* head = phys.at(it->second.first);
        const auto here = it++;
        if (head->is(pg::dirty) || !try_lock_page(head)) {
            busy = -err::ebusy;
            continue;
        }
        phys.hold(head, holder::temporary);
        cache_remove_locked(phys, f, here);
        unlock_page(head);
        phys.drop(head, holder::temporary);
    }
    return busy;
}

}  // namespace pinfold::mm
