// SPDX-License-Identifier: BSL-1.0
// One mapping of an address space: its range, flags and what is behind it. Source: spec 07 §3.
#pragma once

#include <cstdint>
#include <memory>

#include "geometry.hpp"
#include "lock.hpp"

namespace pinfold::mm {

class file;
class anon_rmap;
class space_base;
class hugetlb_promise;
class uffd_context;

/// VM_* flags.
namespace vm {
inline constexpr std::uint64_t read = 1U << 0, write = 1U << 1, exec = 1U << 2, shared = 1U << 3, mayread = 1U << 4,
                               maywrite = 1U << 5, mayexec = 1U << 6, mayshare = 1U << 7, growsdown = 1U << 8,
                               pfnmap = 1U << 9, io = 1U << 10, mixedmap = 1U << 11, locked = 1U << 12,
                               lockonfault = 1U << 13, hugetlb = 1U << 14, hugepage = 1U << 15,
                               nohugepage = 1U << 16, dontcopy = 1U << 17, wipeonfork = 1U << 18,
                               noreserve = 1U << 19, mergeable = 1U << 20, uffd_missing = 1U << 21,
                               uffd_wp = 1U << 22, shadow_stack = 1U << 23, soft_clean = 1U << 24, sync = 1U << 30;
inline constexpr std::uint64_t access = read | write | exec;
}  // namespace vm

enum class vma_kind : unsigned char { anon, file, shmem, hugetlb, fsdax, devdax, driver, secretmem, gate };

/// The flags of a mapping. They change under the mmap lock for writing; walks from pages to entries hold none and read
/// them all the same. Synchronises: with nothing; what such a walk asks for never changes, or is advice.
class vma_flags {
public:
    vma_flags() = default;
    vma_flags(const vma_flags& o) noexcept : bits_(o) {}
    vma_flags& operator=(const vma_flags& o) noexcept { return *this = static_cast<std::uint64_t>(o); }
    vma_flags& operator=(std::uint64_t f) noexcept {
        __atomic_store_n(&bits_, f, __ATOMIC_RELAXED);
        return *this;
    }
    vma_flags& operator|=(std::uint64_t f) noexcept { return *this = *this | f; }
    vma_flags& operator&=(std::uint64_t f) noexcept { return *this = *this & f; }
    operator std::uint64_t() const noexcept { return __atomic_load_n(&bits_, __ATOMIC_RELAXED); }

private:
    std::uint64_t bits_ = 0;  // no word of the MM: nothing is ordered by it
};

struct vma;

/// Where a VMA stands in a tree of those that show the same thing: vma_tree.hpp.
struct vma_links {
    vma* left = nullptr;
    vma* right = nullptr;
    std::uint64_t reach = 0;  ///< the page behind the last one of all below
    std::uint64_t turn = 0;   ///< which one it was to come
};

struct vma {
    vaddr start = 0;
    vaddr end = 0;
    vma_flags flags;
    std::uint64_t pgoff = 0;  ///< page offset of `start` in the file; anonymous: in its own numbering
    vma_kind kind = vma_kind::anon;
    bool keyed = false;       ///< execute-only: a protection key denies data access
    signed char node = -1;    ///< mbind
    file* source = nullptr;
    space_base* owner = nullptr;
    unsigned char huge_order = 0;               ///< hugetlb: the order of its pages
    std::shared_ptr<uffd_context> watcher;      ///< the userfaultfd that is told of its faults
    std::shared_ptr<hugetlb_promise> promised;  ///< private hugetlb: what is reserved for it, if it is the owner
    word32 stolen_from;                         ///< hugetlb: a page was taken away for the owner (spec 07 B10)
    pointer_word anon_;  ///< anon_rmap*, once it had an anonymous page
    vma_links in_family;               ///< its place among the VMAs of its anon_rmap
    vma_links in_file;                 ///< and among those of its file

    /// Effects: this VMA is what `o` is, in the place it has itself: all but its range, trees, owner and anon_rmap.
    void take_nature_of(const vma& o) {
        flags = o.flags;
        pgoff = o.pgoff;
        kind = o.kind;
        keyed = o.keyed;
        node = o.node;
        source = o.source;
        huge_order = o.huge_order;
        promised = o.promised;
        watcher = o.watcher;
        stolen_from.store(o.stolen_from.load());
    }

    [[nodiscard]] anon_rmap* anon() const noexcept { return reinterpret_cast<anon_rmap*>(anon_.load_acquire()); }
    [[nodiscard]] bool has(std::uint64_t f) const noexcept { return (flags & f) != 0; }
    [[nodiscard]] bool holds(vaddr a) const noexcept { return a >= start && a < end; }
    [[nodiscard]] std::uint64_t pages() const noexcept { return (end - start) >> page_shift; }
    [[nodiscard]] std::uint64_t page_offset(vaddr a) const noexcept { return pgoff + ((a - start) >> page_shift); }
    [[nodiscard]] vaddr address_of(std::uint64_t offset) const noexcept {
        return start + ((offset - pgoff) << page_shift);
    }

    [[nodiscard]] bool is_hugetlb() const noexcept { return kind == vma_kind::hugetlb; }
    [[nodiscard]] bool is_dax() const noexcept { return kind == vma_kind::fsdax || kind == vma_kind::devdax; }
    /// Whether `a` may become a border of the mapping: huge pages and units of a device are not cut.
    [[nodiscard]] bool may_split(vaddr a) const noexcept {
        return (a & ((page_size << huge_order) - 1)) == 0;
    }
    [[nodiscard]] bool is_anonymous() const noexcept { return kind == vma_kind::anon; }
    /// A private mapping that could be written: pages in it are copied on write (spec 07 §3).
    [[nodiscard]] bool is_cow() const noexcept { return (flags & (vm::shared | vm::maywrite)) == vm::maywrite; }
    /// Whether the slow path refuses pages of it that an entry alone would not tell: the fast walk cannot know.
    [[nodiscard]] bool is_guarded() const noexcept {
        return has(vm::io | vm::pfnmap) || (kind == vma_kind::fsdax && !has(vm::shared)) || (is_accessible() && !has(vm::read));
    }
    [[nodiscard]] bool is_accessible() const noexcept { return has(vm::access); }
    /// Writes must be told to a filesystem before they happen (page_mkwrite).
    [[nodiscard]] bool tracks_dirty() const noexcept {
        return (kind == vma_kind::file || kind == vma_kind::fsdax) && has(vm::shared) && has(vm::write);
    }
    /// The first write to a clean page is a fault: a filesystem hears of it, or a userfaultfd that protects shared memory.
    [[nodiscard]] bool notes_writes() const noexcept {
        return tracks_dirty() || (has(vm::shared) && has(vm::write) && has(vm::uffd_wp));
    }
};

}  // namespace pinfold::mm
