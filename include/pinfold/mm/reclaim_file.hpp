// SPDX-License-Identifier: BSL-1.0
// Reclaim of one page of a file that nothing maps any more: clean ones are dropped, pages of shmem are written to the
// file's own place in swap, dirty pages of a filesystem wait for its writeback. Source: spec 07 §8.
#pragma once

#include <mutex>

#include "pagecache.hpp"

namespace pinfold::mm {

/// Effects: the page leaves the cache if nobody but the cache and the isolator holds it. Returns: whether it did.
/// Requires: the page lock, unmapped.
template <class P>
[[nodiscard]] bool reclaim_file_page(physical<P>& phys, frame<P>* head) {
    file* f = head->template owner_as<file>();
    if (!f) return false;
    std::lock_guard guard(f->lock);
    if (head->is(pg::dirty) && !f->is_shmem()) {
        head->set(pg::readahead);  // "reclaim it when it is written", which is the same bit
        return false;
    }
    if (head->is(pg::writeback)) return false;
    if (head->clear(pg::buffers)) phys.drop(head, holder::buffers);  // first of all, whoever else holds the page
    const std::int64_t due = 1 + static_cast<std::int64_t>(cache_units(head));
    if (head->count.refs() != due) return false;  // unmapped and under the cache's lock: nobody new comes
    if (head->is(pg::dirty)) {
        for (std::uint64_t k = 0; k < head->pages(); ++k)
            phys.data.copy_out(phys.number(head) + k, f->blocks[head->index + k].data());
    }
    const auto it = f->cache.find(head->index);
    if (it == f->cache.end()) return false;
    cache_remove_locked(phys, *f, it);
    return true;
}

}  // namespace pinfold::mm
