// SPDX-License-Identifier: BSL-1.0
// Files on persistent memory: made, read, written, synced, grown, shortened, punched, shared (reflink), and let go.
// Whoever takes pages away waits first until nobody holds one. Source: spec 03 §6, spec 07 B12, spec 10 §15 §16.
#pragma once

#include <cstdint>

#include "dax.hpp"
#include "devmap.hpp"
#include "error.hpp"

namespace pinfold::mm {

/// A filesystem over a whole device.
template <class P>
class dax_filesystem {
public:
    /// Requires: the frames belong to no device yet.
    dax_filesystem(physical<P>& phys, pfn first, std::uint64_t pages)
        : blocks(first, pages), device(create_pagemap(phys, device_type::fsdax, first, pages, 0, callbacks()).map) {}

    dax_blocks blocks;
    dev_pagemap<P>* const device;

private:
    static device_callbacks<P> callbacks() {
        device_callbacks<P> c;
        // 2019 has the filesystem wake the waiters; here the release does, in every profile.
        if (P::devices::needs_free(device_type::fsdax)) c.page_free = [](frame<P>*) {};
        return c;
    }
};

namespace detail {

/// Effects: the page of the file gets a block, zeroed unless it has been written. Requires: f.lock.
template <class P>
[[nodiscard]] dax_block* dax_block_for(physical<P>& phys, file& f, std::uint64_t index) {
    dax_inode& node = *f.dax;
    auto it = node.blocks.find(index);
    if (it == node.blocks.end()) {
        if (node.take_block(index, false) == pfn{}) return nullptr;
        it = node.blocks.find(index);
    }
    if (!it->second.written) {
        phys.data.zero(*phys.at(it->second.frame), it->second.frame);
        it->second.written = true;
        node.metadata_dirty = true;
    }
    return &it->second;
}

/// Effects: the blocks of [first, last) are given back. Requires: f.lock, no entries there.
inline void dax_free_blocks(dax_inode& node, std::uint64_t first, std::uint64_t last) {
    auto it = node.blocks.lower_bound(first);
    while (it != node.blocks.end() && it->first < last) {
        node.space().give(it->second.frame);
        it = node.blocks.erase(it);
    }
}

/// Effects: bytes [from, to) of one page read zero, if it has a written block. Requires: f.lock.
template <class P>
void dax_zero_bytes(physical<P>& phys, file& f, std::uint64_t from, std::uint64_t to) {
    if (from == to) return;
    const dax_block* b = f.dax->find_block(from >> page_shift);
    if (!b || !b->written) return;
    const std::uint64_t base = from & page_mask;
    phys.data.fill(*phys.at(b->frame), b->frame, 0, from - base, to - base);
}

}  // namespace detail

/// Effects: every page below the end has a written block; files of 2 MiB and more have aligned ones. The bytes of
/// page k are (k & 0x7f) + 1. Returns: 0 or -ENOSPC. Requires: a fresh file.
template <class P>
[[nodiscard]] int dax_fill(physical<P>& phys, file& f) {
    std::lock_guard guard(f.lock);
    dax_inode& node = *f.dax;
    for (std::uint64_t k = 0; k + pages_per_pmd <= f.pages(); k += pages_per_pmd) {
        const pfn base = node.space().take_huge();
        for (std::uint64_t i = 0; base != pfn{} && i < pages_per_pmd; ++i) node.blocks[k + i] = {base + i, false};
    }
    for (std::uint64_t k = 0; k < f.pages(); ++k) {
        const dax_block* b = detail::dax_block_for(phys, f, k);
        if (!b) return -err::enospc;
        const std::uint64_t rest = f.size - (k << page_shift);
        phys.data.fill(*phys.at(b->frame), b->frame, static_cast<unsigned char>((k & 0x7f) + 1), 0,
                       rest < page_size ? rest : page_size);
    }
    node.metadata_dirty = false;
    return 0;
}

/// Returns: the byte, or -1 (end_of_file) at and beyond the end. Holes read zero. Waits while the file is being cut.
template <class P>
[[nodiscard]] int dax_read(physical<P>& phys, file& f, std::uint64_t offset) {
    std::lock_guard io(f.dax->io);
    std::lock_guard guard(f.lock);
    if (offset >= f.size) return -1;
    const dax_block* b = f.dax->find_block(offset >> page_shift);
    return b && b->written ? phys.data.load(b->frame, offset & ~page_mask) : 0;
}

/// Effects: writes one byte, past every cache; a hole gets a block first, and no mapping shows the zero page of it
/// any more. Returns: 0 or -ENOSPC.
template <class P>
[[nodiscard]] int dax_write(physical<P>& phys, file& f, std::uint64_t offset, unsigned char value) {
    std::lock_guard io(f.dax->io);
    std::lock_guard guard(f.lock);
    const std::uint64_t index = offset >> page_shift;
    const dax_block* b = f.dax->find_block(index);
    const bool fresh = !b || !b->written;
    b = detail::dax_block_for(phys, f, index);
    if (!b) return -err::enospc;
    if (fresh)
        if (const auto it = f.dax->find_entry(index); it != f.dax->entries.end() && it->second.zero) {
            unmap_file_pages<P>(f, it->first, std::uint64_t{1} << it->second.order, false);
            f.dax->entries.erase(it);
        }
    phys.data.store(*phys.at(b->frame), b->frame, offset & ~page_mask, value);
    if (offset >= f.size) f.size = offset + 1;
    return 0;
}

/// fsync, msync. Effects: entries written since the last sync are write-protected and clean again, pinned or not;
/// the dirty tags go. Pages [first, last).
template <class P>
void dax_sync(physical<P>& phys, file& f, std::uint64_t first = 0, std::uint64_t last = ~std::uint64_t{0}) {
    (void)phys;
    std::lock_guard guard(f.lock);
    for (auto& entry_at : f.dax->entries) {
        const std::uint64_t index = entry_at.first;
        auto& e = entry_at.second;
        const std::uint64_t n = std::uint64_t{1} << e.order;
        if (!e.dirty || index + n <= first || index >= last) continue;
        f.mappings.each_overlapping(index, n, [&](vma& v) {
            if (!v.has(vm::shared)) return;
            auto& mm = *static_cast<space<P>*>(v.owner);
            const std::uint64_t begin = index > v.pgoff ? index : v.pgoff;
            for (vaddr a = v.address_of(begin); a < v.end && v.page_offset(a) < index + n; a += page_size) {
                const auto at = mm.tables.find(a, level::pte);
                word_guard lock(at.lock());
                for (entry x = at.slot->read(); x.is_leaf() && (x.has(eb::writable) || x.has(eb::dirty));
                     x = at.slot->read())
                    if (at.slot->swap(x, x.without(eb::writable).without(eb::dirty))) break;
            }
        });
        e.dirty = false;
    }
    f.dax->metadata_dirty = false;
}

namespace detail {

/// Effects: calls change() while nobody holds a page of the file, nobody maps one, and nobody can come to. Waits for
/// that; the lock for faults is dropped while it waits, the one for reads and writes is kept.
/// Returns: what change() returns, or -EINTR.
template <class P, class Change>
[[nodiscard]] int dax_when_idle(physical<P>& phys, file& f, Change change) {
    dax_inode& node = *f.dax;
    std::lock_guard invalidate(node.invalidate);
    if (const int error = dax_break_layouts(phys, f, node.invalidate)) return error;
    std::lock_guard guard(f.lock);
    return change();
}

}  // namespace detail

/// ftruncate, longer or shorter.
template <class P>
[[nodiscard]] int dax_truncate(physical<P>& phys, file& f, std::uint64_t size) {
    std::lock_guard io(f.dax->io);
    return detail::dax_when_idle(phys, f, [&] {
        const bool shorter = size < f.size;
        f.size = size;
        if (!shorter) return 0;
        const std::uint64_t first = f.pages();
        unmap_file_pages<P>(f, first, ~std::uint64_t{0}, true);
        dax_remove_entries(phys, f, first, ~std::uint64_t{0});
        detail::dax_free_blocks(*f.dax, first, ~std::uint64_t{0});
        detail::dax_zero_bytes(phys, f, size, align_up(size, page_size));
        return 0;
    });
}

/// fallocate. punch: holes, the size stays. zero: allocated blocks that read zero. collapse: the range is cut out
/// and what follows moves down. alloc: blocks for what has none; this alone waits for nobody.
template <class P>
[[nodiscard]] int dax_fallocate(physical<P>& phys, file& f, file_change what, std::uint64_t offset, std::uint64_t len) {
    if (len == 0) return -err::einval;
    dax_inode& node = *f.dax;
    std::lock_guard io(node.io);
    const std::uint64_t end = offset + len;
    const auto allocate = [&] {
        for (std::uint64_t i = offset >> page_shift; i << page_shift < end; ++i)
            if (!node.find_block(i) && node.take_block(i, false) == pfn{}) return -err::enospc;
        if (end > f.size) f.size = end;
        return 0;
    };
    if (what == file_change::alloc) {
        std::lock_guard guard(f.lock);
        return allocate();
    }
    if (what == file_change::punch && offset >= f.size) return 0;
    if (what == file_change::collapse && ((offset | len) & ~page_mask || end >= f.size)) return -err::einval;
    return detail::dax_when_idle(phys, f, [&] {
        if (what == file_change::collapse) {
            const std::uint64_t from = offset >> page_shift, n = len >> page_shift;
            unmap_file_pages<P>(f, from, ~std::uint64_t{0}, true);
            dax_remove_entries(phys, f, from, ~std::uint64_t{0});
            detail::dax_free_blocks(node, from, from + n);
            for (auto it = node.blocks.lower_bound(from + n); it != node.blocks.end(); it = node.blocks.erase(it))
                node.blocks[it->first - n] = it->second;
            f.size -= len;
            return 0;
        }
        const std::uint64_t first = align_up(offset, page_size) >> page_shift, last = end >> page_shift;
        if (first > last) {  // inside one page
            detail::dax_zero_bytes(phys, f, offset, end);
        } else {
            unmap_file_pages<P>(f, first, last - first, false);
            dax_remove_entries(phys, f, first, last);
            detail::dax_zero_bytes(phys, f, offset, first << page_shift);
            detail::dax_zero_bytes(phys, f, last << page_shift, end);
            if (what == file_change::punch) {
                detail::dax_free_blocks(node, first, last);
            } else {
                for (auto it = node.blocks.lower_bound(first); it != node.blocks.end() && it->first < last; ++it)
                    it->second.written = false;
            }
        }
        return what == file_change::zero ? allocate() : 0;
    });
}

/// Effects: `copy`, an empty file of the same filesystem, shares the blocks of f; a write through either makes a
/// copy of the block (dax_fault.hpp). Waits for nobody: entries of f that are writable become read-only.
template <class P>
void dax_reflink(physical<P>& phys, file& f, file& copy) {
    dax_sync(phys, f);
    std::scoped_lock guard(f.lock, copy.lock);
    for (const auto& [index, b] : f.dax->blocks) {
        f.dax->space().share(b.frame);
        copy.dax->blocks[index] = b;
    }
    copy.size = f.size;
}

/// Effects: the last handle and mapping of an unlinked file are gone: its entries and blocks go at once, whoever
/// holds a page; WARN:DAX:busy-entry says so, and the page stays with its holder (NR-2).
template <class P>
void dax_forsake(physical<P>& phys, file& f) {
    std::lock_guard guard(f.lock);
    if (!f.is_forsaken() || f.kind != file_kind::fsdax) return;
    dax_remove_entries(phys, f, 0, ~std::uint64_t{0});
    detail::dax_free_blocks(*f.dax, 0, ~std::uint64_t{0});
}

}  // namespace pinfold::mm
