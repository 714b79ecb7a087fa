// SPDX-License-Identifier: BSL-1.0
// What a DAX file has beside its size: the frames its blocks are, and the entries its faults have made (order, zero
// page, dirty tag). Knows frame numbers, not descriptors. Source: spec 03 §6, spec 07 B11.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "geometry.hpp"
#include "wait.hpp"

namespace pinfold::mm {

/// The frames of a device that holds a filesystem: free, or used by so many files (reflink).
class dax_blocks {
public:
    dax_blocks(pfn first, std::uint64_t n) : first_(first), users_(n, 0) {}

    [[nodiscard]] pfn first() const noexcept { return first_; }

    /// Returns: `goal` if it is free, else some free frame; frame 0 when the device is full.
    [[nodiscard]] pfn take(pfn goal) {
        std::lock_guard guard(lock_);
        if (goal >= first_ && goal - first_ < users_.size() && users_[goal - first_] == 0) return use(goal - first_);
        for (std::uint64_t i = 0; i < users_.size(); ++i)
            if (users_[i] == 0) return use(i);
        return {};
    }
    /// Returns: the first of 512 aligned free frames, or frame 0.
    [[nodiscard]] pfn take_huge() {
        std::lock_guard guard(lock_);
        const std::uint64_t start = align_up(first_.n, pages_per_pmd) - first_.n;
        for (std::uint64_t i = start; i + pages_per_pmd <= users_.size(); i += pages_per_pmd) {
            const auto at = users_.begin() + static_cast<std::ptrdiff_t>(i);
            const auto end = at + static_cast<std::ptrdiff_t>(pages_per_pmd);
            if (std::any_of(at, end, [](std::uint16_t u) { return u != 0; })) continue;
            std::fill(at, end, std::uint16_t{1});
            return first_ + i;
        }
        return {};
    }
    void share(pfn n) {
        std::lock_guard guard(lock_);
        ++users_[n - first_];
    }
    [[nodiscard]] bool is_shared(pfn n) {
        std::lock_guard guard(lock_);
        return users_[n - first_] > 1;
    }
    /// Effects: one file less uses the frame.
    void give(pfn n) {
        std::lock_guard guard(lock_);
        --users_[n - first_];
    }

private:
    pfn use(std::uint64_t i) {
        users_[i] = 1;
        return first_ + i;
    }
    pfn first_;
    mutex lock_;
    std::vector<std::uint16_t> users_;
};

struct dax_block {
    pfn frame;
    bool written = false;  ///< allocated only (fallocate): reads as zero
};

/// One entry of the file's index tree.
struct dax_entry {
    unsigned order = 0;
    bool zero = false;   ///< a hole that was read: the zero page
    bool dirty = false;  ///< written since the last sync
    pfn first;           ///< unless zero
};

class dax_inode {
public:
    /// A file of a filesystem on `space`.
    explicit dax_inode(dax_blocks& space) : space_(&space) {}
    /// A character device: frame `first` + index, mapped in units of 2^order pages only.
    dax_inode(pfn first, unsigned order) : device_first(first), align_order(order) {}

    [[nodiscard]] dax_blocks& space() noexcept { return *space_; }
    [[nodiscard]] pfn any_frame() const noexcept { return space_ ? space_->first() : device_first; }

    // Requires: the file's lock.
    [[nodiscard]] std::map<std::uint64_t, dax_entry>::iterator find_entry(std::uint64_t index) {
        auto it = entries.upper_bound(index);
        if (it == entries.begin()) return entries.end();
        --it;
        return index < it->first + (std::uint64_t{1} << it->second.order) ? it : entries.end();
    }
    [[nodiscard]] const dax_block* find_block(std::uint64_t index) const {
        const auto it = blocks.find(index);
        return it == blocks.end() ? nullptr : &it->second;
    }
    /// Returns: a frame for page `index`, beside its neighbour's if possible; frame 0 when the device is full.
    [[nodiscard]] pfn take_block(std::uint64_t index, bool written) {
        pfn goal{};
        if (const auto* before = index != 0 ? find_block(index - 1) : nullptr) goal = before->frame + 1;
        else if (const auto* after = find_block(index + 1)) goal = after->frame - 1;
        const pfn n = space_->take(goal);
        if (n != pfn{}) {
            blocks[index] = {n, written};
            metadata_dirty = true;
        }
        return n;
    }

    const pfn device_first{};
    const unsigned align_order = 0;
    std::map<std::uint64_t, dax_block> blocks;    ///< by page offset; absent: a hole
    std::map<std::uint64_t, dax_entry> entries;   ///< by first page offset
    bool metadata_dirty = false;                  ///< blocks were allocated since the last sync (MAP_SYNC)
    shared_mutex invalidate;                 ///< shared: faults; exclusive: who takes pages away from the file
    sleeping_mutex io;                            ///< reads, writes and changes of size; held while truncation waits

private:
    dax_blocks* space_ = nullptr;
};

}  // namespace pinfold::mm
