// SPDX-License-Identifier: BSL-1.0
// A file: its size, the pages of it that are cached, the blocks behind them, and who maps it. Knows frame numbers,
// not descriptors; pagecache.hpp does the counting. Source: spec 07 §4, spec 10 §4.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "dax_inode.hpp"
#include "vma_tree.hpp"

namespace pinfold::mm {

enum class file_kind : unsigned char { ext4, tmpfs, tmpfs_huge, memfd, hugetlb_2m, hugetlb_1g, hugetlb, fsdax, devdax, secret,
                                       driver };

/// fallocate: holes (the size stays); blocks that read zero; the range cut out; blocks for what has none.
enum class file_change : unsigned char { punch, zero, collapse, alloc };

class file {
public:
    struct cached {
        pfn first;
        unsigned order;
    };
    using block = std::array<unsigned char, page_size>;

    file(file_kind k, std::uint64_t bytes, unsigned order = 0)
        : kind(k), huge_order(order != 0 ? order : k == file_kind::hugetlb_2m ? 9U : k == file_kind::hugetlb_1g ? 18U : 0U),
          size(bytes) {}
    file(const file&) = delete;
    file& operator=(const file&) = delete;

    [[nodiscard]] bool is_shmem() const noexcept {
        return kind == file_kind::tmpfs || kind == file_kind::tmpfs_huge || kind == file_kind::memfd;
    }
    [[nodiscard]] vma_kind mapped_as() const noexcept {
        switch (kind) {
            case file_kind::ext4: return vma_kind::file;
            case file_kind::hugetlb_2m:
            case file_kind::hugetlb_1g:
            case file_kind::hugetlb: return vma_kind::hugetlb;
            case file_kind::fsdax: return vma_kind::fsdax;
            case file_kind::devdax: return vma_kind::devdax;
            case file_kind::secret: return vma_kind::secretmem;
            case file_kind::driver: return vma_kind::driver;
            default: return vma_kind::shmem;
        }
    }
    /// Returns: pages below the end, the last one partial perhaps.
    [[nodiscard]] std::uint64_t pages() const noexcept { return (size + page_size - 1) >> page_shift; }

    // Everything below: requires `lock`.

    /// Returns: the cached folio that covers page `index`, or null.
    [[nodiscard]] const std::pair<const std::uint64_t, cached>* find(std::uint64_t index) const {
        auto it = cache.upper_bound(index);
        if (it == cache.begin()) return nullptr;
        --it;
        return index < it->first + (std::uint64_t{1} << it->second.order) ? &*it : nullptr;
    }
    /// Effects: v is asked after all that begin with the same page: a walk sees a parent before the child that copies
    /// from it.
    void attach(vma& v) noexcept { mappings.insert(v); }
    void detach(vma& v) noexcept { mappings.erase(v); }

    /// Effects: new pages of places [from, to) come from `node`; a later word beats an earlier one.
    void bind(std::uint64_t from, std::uint64_t to, signed char node) { bound.push_back({from, to, node}); }
    /// Returns: the node for place `index`, -1 for any.
    [[nodiscard]] int node_of(std::uint64_t index) const noexcept {
        for (auto b = bound.rbegin(); b != bound.rend(); ++b)
            if (index >= b->from && index < b->to) return b->node;
        return -1;
    }

    [[nodiscard]] bool is_hugetlb() const noexcept { return huge_order != 0; }
    /// Returns: whether nobody can reach the contents any more.
    [[nodiscard]] bool is_forsaken() const noexcept { return closed && mappings.empty(); }
    /// Whether what is not cached yet is memory of zeros: there is nothing behind it to be read.
    [[nodiscard]] bool starts_as_zeros() const noexcept { return is_shmem() || kind == file_kind::secret; }

    const file_kind kind;
    const unsigned huge_order;                          ///< hugetlb: the order of its pages; else 0
    bool raw = false;                                   ///< driver: its memory has no page descriptors
    bool closed = false;                                ///< unlinked, and no handle is left
    std::uint64_t size;  ///< bytes
    mutex lock;
    std::map<std::uint64_t, cached> cache;              ///< by page offset
    std::map<std::uint64_t, block> blocks;              ///< what is on disk; absent: a hole
    struct read_window {
        std::uint64_t start = 0, size = 0, ahead = 0;
    };
    read_window window{};                               ///< what was read ahead last (readaround.hpp)
    wait_queue written;                                 ///< who waits for a page under writeback
    sleeping_mutex io;                                  ///< held by whoever writes to it or changes its length; outside all
    std::set<std::uint64_t> promised;                   ///< hugetlb: huge pages reserved for it or in it
    vma_tree<&vma::in_file> mappings;
    struct binding {
        std::uint64_t from, to;
        signed char node;
    };
    std::vector<binding> bound;                         ///< shmem: mbind
    std::unique_ptr<dax_inode> dax{};                   ///< of files whose pages are the device's own
};

}  // namespace pinfold::mm
