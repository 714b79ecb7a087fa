// SPDX-License-Identifier: BSL-1.0
// read and write of cached files, byte by byte: through the same pages the mappings show. Source: spec 10 §4 §15.
#pragma once

#include <algorithm>
#include <mutex>

#include "error.hpp"
#include "readaround.hpp"
#include "shmem_cache.hpp"

namespace pinfold::mm {

inline constexpr int end_of_file = -1;

namespace detail {

/// Returns: the page at `index` for reading; null: a hole of a memory file, which stays one, or memory is out.
/// Requires: f.lock.
template <class P>
[[nodiscard]] frame<P>* page_to_read(physical<P>& phys, file& f, std::uint64_t index) {
    if (const auto* c = f.find(index)) {
        frame<P>* head = phys.at(c->second.first);
        if (!f.is_shmem() && head->is(pg::readahead)) read_on(phys, f, index, head, 1);
        return phys.nth(head, index - c->first);
    }
    if (f.is_shmem() && f.blocks.count(index) == 0) return nullptr;
    return read_one(phys, f, index);
}

}  // namespace detail

/// pread of one byte. Returns: the byte; end_of_file; -ENOMEM.
template <class P>
[[nodiscard]] int read_cached(physical<P>& phys, file& f, std::uint64_t offset) {
    std::lock_guard guard(f.lock);
    if (offset >= f.size) return end_of_file;
    const frame<P>* page = detail::page_to_read(phys, f, offset >> page_shift);
    if (page) return phys.data.load(phys.number(page), offset & ~page_mask);
    return f.is_shmem() ? 0 : -err::enomem;
}

/// pwrite of one byte. Effects: the page is cached and dirty, with buffers where a filesystem is behind it; the file
/// ends there or later. Returns: 0, -ENOMEM or -ENOSPC.
template <class P>
[[nodiscard]] int write_cached(physical<P>& phys, file& f, std::uint64_t offset, unsigned char value) {
    std::lock_guard io(f.io);
    std::lock_guard guard(f.lock);
    const std::uint64_t index = offset >> page_shift;
    if (!f.find(index)) {
        frame<P>* fresh = f.is_shmem() ? shmem_add_locked(phys, f, index) : cache_add_locked(phys, f, index);
        if (!fresh) return f.is_shmem() ? -err::enospc : -err::enomem;
        phys.lru_add(phys.head(fresh));
    }
    const auto* c = f.find(index);
    frame<P>* head = phys.at(c->second.first);
    frame<P>* page = phys.nth(head, index - c->first);
    if (!f.is_shmem()) attach_buffers(phys, head);
    head->change(frame<P>::bit(pg::dirty) | frame<P>::bit(pg::uptodate), 0);
    phys.data.store(*page, phys.number(page), offset & ~page_mask, value);
    f.size = std::max(f.size, offset + 1);
    return 0;
}

}  // namespace pinfold::mm
