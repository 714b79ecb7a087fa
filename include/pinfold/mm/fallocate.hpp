// SPDX-License-Identifier: BSL-1.0
// fallocate on cached files. A filesystem can punch, zero, cut out and allocate; memory files can punch and allocate.
// Source: spec 07 §13 B13, spec 10 §15.
#pragma once

#include "error.hpp"
#include "truncate.hpp"

namespace pinfold::mm {

namespace detail {

/// The pages wholly in a range of bytes.
struct whole_pages {
    std::uint64_t first, last;

    whole_pages(std::uint64_t from, std::uint64_t to) noexcept
        : first(align_up(from, page_size) >> page_shift), last(to >> page_shift) {}
    [[nodiscard]] bool any() const noexcept { return first < last; }
};

/// Effects: the blocks that [from, to) covers partly read zero there. Requires: f.lock.
template <class P>
void zero_edges(physical<P>& phys, file& f, std::uint64_t from, std::uint64_t to) {
    if (from >> page_shift == (to - 1) >> page_shift) {
        if (to - from != page_size) zero_block_part(phys, f, from, to);
        return;
    }
    if ((from & ~page_mask) != 0) zero_block_part(phys, f, from, align_up(from, page_size));
    if ((to & ~page_mask) != 0) zero_block_part(phys, f, to & page_mask, to);
}

/// Effects: pages of [from, to) that have no block get one of zeros.
inline void allocate_blocks(file& f, std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t i = from >> page_shift; i << page_shift < to; ++i) f.blocks.try_emplace(i);
}

template <class P>
[[nodiscard]] int punch_ext4(physical<P>& phys, file& f, std::uint64_t from, std::uint64_t to) {
    write_back(phys, f, from >> page_shift, ((to - 1) >> page_shift) + 1);
    cache_lock cache(f.lock);
    if (from >= f.size) return 0;
    if (to > f.size) to = (f.size & page_mask) + page_size;
    const whole_pages whole(from, to);
    if (whole.any()) {
        remove_cached(phys, f, cache, whole.first, whole.last, false);
        forget_blocks(f, whole.first, whole.last);
    }
    zero_edges(phys, f, from, to);
    return 0;
}

template <class P>
[[nodiscard]] int zero_ext4(physical<P>& phys, file& f, std::uint64_t from, std::uint64_t to) {
    cache_lock cache(f.lock);
    const whole_pages whole(from, to);
    if (whole.any()) {
        remove_cached(phys, f, cache, whole.first, whole.last, false);
        forget_blocks(f, whole.first, whole.last);
    }
    allocate_blocks(f, from, to);
    f.size = std::max(f.size, to);
    zero_edges(phys, f, from, to);
    return 0;
}

/// What follows the range moves down; nothing of it stays in the cache, whoever holds it.
template <class P>
[[nodiscard]] int collapse_ext4(physical<P>& phys, file& f, std::uint64_t from, std::uint64_t to) {
    const std::uint64_t first = from >> page_shift, n = (to - from) >> page_shift;
    cache_lock cache(f.lock);
    if (((from | to) & ~page_mask) != 0 || to >= f.size) return -err::einval;
    cache.unlock();
    write_back(phys, f, first + n);
    cache.lock();
    remove_cached(phys, f, cache, first, all_pages, true, [&](const frame<P>* page, std::uint64_t index) {
        if (page->is(pg::dirty)) read_page(phys, page, f.blocks[index]);  // written again since
    });
    forget_blocks(f, first, first + n);
    std::map<std::uint64_t, file::block> blocks;
    for (auto& [index, b] : f.blocks) blocks.emplace(index < first ? index : index - n, b);
    f.blocks = std::move(blocks);
    f.size -= to - from;
    return 0;
}

template <class P>
[[nodiscard]] int punch_shmem(physical<P>& phys, file& f, std::uint64_t from, std::uint64_t to) {
    cache_lock cache(f.lock);
    const whole_pages whole(from, to);
    if (whole.any()) unmap_file_pages<P>(f, whole.first, whole.last - whole.first, false);
    cut_shmem_folio(phys, f, cache, from, from, to);
    cut_shmem_folio(phys, f, cache, to - 1, from, to);
    if (!whole.any()) return 0;
    remove_cached(phys, f, cache, whole.first, whole.last, false);
    forget_blocks(f, whole.first, whole.last);
    return 0;
}

/// Pages that are allocated and not written: dirty, so that they stay, and not valid before they are used.
template <class P>
[[nodiscard]] int allocate_shmem(physical<P>& phys, file& f, std::uint64_t from, std::uint64_t to) {
    std::lock_guard cache(f.lock);
    for (std::uint64_t i = from >> page_shift; i << page_shift < to; ++i) {
        frame<P>* page = nullptr;
        if (const auto* c = f.find(i)) {
            page = phys.at(c->second.first);
        } else {
            const bool swapped = f.blocks.count(i) != 0;
            frame<P>* fresh = shmem_add_locked(phys, f, i);
            if (!fresh) return -err::enospc;
            page = phys.head(fresh);
            phys.lru_add(page);
            if (!swapped) page->clear(pg::uptodate);
        }
        page->set(pg::dirty);
    }
    f.size = std::max(f.size, to);
    return 0;
}

}  // namespace detail

template <class P>
[[nodiscard]] int fallocate_cached(physical<P>& phys, file& f, file_change what, std::uint64_t offset, std::uint64_t len) {
    const std::uint64_t end = offset + len;
    std::lock_guard io(f.io);
    if (f.is_shmem()) {
        if (what == file_change::punch) return detail::punch_shmem(phys, f, offset, end);
        if (what == file_change::alloc) return detail::allocate_shmem(phys, f, offset, end);
        return -err::eopnotsupp;
    }
    switch (what) {
        case file_change::punch: return detail::punch_ext4(phys, f, offset, end);
        case file_change::zero: return detail::zero_ext4(phys, f, offset, end);
        case file_change::collapse: return detail::collapse_ext4(phys, f, offset, end);
        case file_change::alloc: break;
    }
    std::lock_guard cache(f.lock);
    detail::allocate_blocks(f, offset, end);
    f.size = std::max(f.size, end);
    return 0;
}

}  // namespace pinfold::mm
