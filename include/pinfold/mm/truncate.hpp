// SPDX-License-Identifier: BSL-1.0
// Parts of a cached file go away: its end, a hole in it, or all of it with the last way to reach it. Pages leave the
// cache and every mapping at once; those somebody holds live on, detached. What is covered partly is zeroed in place.
// Source: spec 07 §13 B13, spec 10 §12 §15.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <mutex>

#include "page_lock.hpp"
#include "readaround.hpp"
#include "thp_split.hpp"
#include "unmap_file.hpp"
#include "writeback.hpp"

namespace pinfold::mm {

inline constexpr std::uint64_t all_pages = std::uint64_t{1} << (64 - page_shift);

using cache_lock = std::unique_lock<mutex>;  ///< of a file; what takes one may drop it and take it again

namespace detail {

/// Effects: waits until nobody has the page lock. Requires: nothing but a file's lock, which is dropped meanwhile.
template <class P>
void wait_for_page(physical<P>& phys, frame<P>* head, cache_lock& cache) {
    phys.hold(head, holder::temporary);
    cache.unlock();
    lock_page(head);
    unlock_page(head);
    phys.drop(head, holder::temporary);
    cache.lock();
}

/// Effects: bytes [from, to) of cached pages read zero.
template <class P>
void zero_cached(physical<P>& phys, file& f, std::uint64_t from, std::uint64_t to) {
    while (from < to) {
        const std::uint64_t stop = std::min(to, (from & page_mask) + page_size);
        if (const auto* c = f.find(from >> page_shift)) {
            const pfn n = c->second.first + ((from >> page_shift) - c->first);
            phys.data.fill(*phys.at(n), n, 0, from & ~page_mask, stop - (from & page_mask));
        }
        from = stop;
    }
}

/// Effects: the folio of a memory file at byte `at`, if [from, to) covers it partly, reads zero there, and comes apart
/// if it is large and nobody holds it. Requires: the file's lock; it may be dropped on the way.
template <class P>
void cut_shmem_folio(physical<P>& phys, file& f, cache_lock& cache, std::uint64_t at, std::uint64_t from, std::uint64_t to) {
    const std::uint64_t index = at >> page_shift;
    const bool whole = from <= index << page_shift && to >= (index + 1) << page_shift;
    if (!whole && !f.find(index) && f.blocks.count(index) != 0 && !read_one(phys, f, index)) return;  // back from swap
    const auto* c = f.find(index);
    if (!c) return;
    const std::uint64_t begin = c->first << page_shift, end = begin + (page_size << c->second.order);
    if (from <= begin && to >= end) return;
    frame<P>* head = phys.at(c->second.first);
    head->set(pg::dirty);
    zero_cached(phys, f, std::max(from, begin), std::min(to, end));
    if (!head->is(pg::large)) return;
    phys.hold(head, holder::temporary);
    cache.unlock();
    phys.lru_drain_all();
    lock_page(head);
    (void)split_folio(phys, head, head);
    unlock_page(head);
    phys.drop(head, holder::temporary);
    cache.lock();
}

/// Effects: bytes [from, to) of one block of a filesystem read zero. The page is brought in for it, and gets buffers.
/// Requires: f.lock.
template <class P>
void zero_block_part(physical<P>& phys, file& f, std::uint64_t from, std::uint64_t to) {
    const std::uint64_t index = from >> page_shift;
    const bool hole = f.blocks.count(index) == 0;
    if (!f.find(index) && (hole || !read_one(phys, f, index))) return;
    frame<P>* head = phys.at(f.find(index)->second.first);
    attach_buffers(phys, head);
    if (hole && !head->is(pg::dirty)) return;  // zeros already
    zero_cached(phys, f, from, to);
    head->set(pg::dirty);
}

}  // namespace detail

/// Effects: pages of [first, last), but not folios that reach beyond, are in no cache and no mapping; private copies
/// stay unless even_cows. leaving(page*, index) is called for each that goes. Requires: the file's lock, in `cache`,
/// which may be dropped on the way and is held from the last page's going on; no other lock.
template <class P, class Leaving>
void remove_cached(physical<P>& phys, file& f, cache_lock& cache, std::uint64_t first, std::uint64_t last, bool even_cows,
                   Leaving leaving) {
    for (bool again = true; again;) {
        again = false;
        unmap_file_pages<P>(f, first, last - first, even_cows);
        for (auto it = f.cache.lower_bound(first); it != f.cache.end() && it->first < last;) {
            frame<P>* head = phys.at(it->second.first);
            const auto here = it++;
            if (here->first + head->pages() > last) continue;
            if (head->is(pg::writeback) || !try_lock_page(head)) {
                if (head->is(pg::writeback)) {
                    phys.hold(head, holder::temporary);
                    f.written.wait(cache, [&] { return !head->is(pg::writeback); });
                    phys.drop(head, holder::temporary);
                } else {
                    detail::wait_for_page(phys, head, cache);
                }
                again = true;  // it may have been mapped again meanwhile
                break;
            }
            phys.hold(head, holder::temporary);  // the lock is given back to a page that is still there
            leaving(head, here->first);
            cache_remove_locked(phys, f, here);
            unlock_page(head);
            phys.drop(head, holder::temporary);
        }
    }
}
template <class P>
void remove_cached(physical<P>& phys, file& f, cache_lock& cache, std::uint64_t first, std::uint64_t last, bool even_cows) {
    remove_cached(phys, f, cache, first, last, even_cows, [](const frame<P>*, std::uint64_t) {});
}

/// Effects: what is behind the pages of [first, last), on disk or in swap, is forgotten. Requires: f.lock.
inline void forget_blocks(file& f, std::uint64_t first, std::uint64_t last) {
    if (first < last) f.blocks.erase(f.blocks.lower_bound(first), f.blocks.lower_bound(last));
}

/// ftruncate of a cached file, longer or shorter.
template <class P>
[[nodiscard]] int truncate_cached(physical<P>& phys, file& f, std::uint64_t size) {
    std::lock_guard io(f.io);
    cache_lock cache(f.lock);
    const std::uint64_t before = f.size;
    f.size = size;
    if (size > before || (size == before && f.is_shmem())) return 0;
    const std::uint64_t first = f.pages();
    if (f.is_shmem()) detail::cut_shmem_folio(phys, f, cache, size, size, ~std::uint64_t{0});
    remove_cached(phys, f, cache, first, all_pages, true);
    forget_blocks(f, first, all_pages);
    if (!f.is_shmem() && (size & ~page_mask) != 0) {
        detail::zero_cached(phys, f, size, align_up(size, page_size));
        detail::zero_block_part(phys, f, size, align_up(size, page_size));
    }
    return 0;
}

/// Effects: if nobody can reach f any more, its pages and blocks go. Call after the last handle is closed and after a
/// mapping has gone.
template <class P>
void forsake_cached(physical<P>& phys, file& f) {
    cache_lock cache(f.lock);
    if (!f.is_forsaken() || f.is_hugetlb() || f.dax || f.kind == file_kind::driver) return;
    remove_cached(phys, f, cache, 0, all_pages, true);
    f.blocks.clear();
}

}  // namespace pinfold::mm
