// SPDX-License-Identifier: BSL-1.0
// mmap and munmap on one space; the other calls that change mappings start here. Source: spec 07 §7 B17.
#pragma once

#include <algorithm>
#include <optional>
#include <shared_mutex>

#include "advise.hpp"
#include "dax_map.hpp"
#include "hugetlb_file.hpp"
#include "mlock.hpp"
#include "mprotect.hpp"
#include "mremap.hpp"
#include "profile.hpp"
#include "result.hpp"

namespace pinfold::mm {

enum class map_kind : unsigned char { anon, file, pfnmap, mixedmap };

/// What mmap is asked for.
struct mapping {
    unsigned prot = prot::rw;
    bool shared = false;
    map_kind kind = map_kind::anon;
    file* source = nullptr;          ///< implies kind file
    std::uint64_t offset = 0;        ///< bytes, a multiple of the page size
    std::optional<vaddr> at{};       ///< exactly there
    bool replace = false;            ///< with at: what is there goes (MAP_FIXED); else -EEXIST
    bool huge = false;               ///< as madvise(hugepage)
    unsigned huge_order = 0;         ///< anonymous hugetlb memory of pages of this order (MAP_HUGETLB)
    bool locked = false;
    bool noreserve = false;
    bool growsdown = false;          ///< a stack: an access below it makes it longer (MAP_GROWSDOWN)
    bool sync = false;               ///< MAP_SHARED_VALIDATE | MAP_SYNC
    bool populate = false;
    bool io = false;                 ///< pfnmap: VM_IO too
    int node = -1;                   ///< mbind
};

namespace detail {

inline void describe(vma& v, const mapping& m, vaddr start, std::uint64_t len, file* source) {
    v.start = start;
    v.end = start + len;
    v.flags = access_flags(m.prot) | vm::mayread | vm::maywrite | vm::mayexec;
    if (m.shared) v.flags |= vm::shared | vm::mayshare;
    if (m.huge) v.flags |= vm::hugepage;
    if (m.locked) v.flags |= vm::locked;
    if (m.noreserve) v.flags |= vm::noreserve;
    if (m.growsdown) v.flags |= vm::growsdown;
    if (m.sync) v.flags |= vm::sync;
    v.node = static_cast<signed char>(m.node);
    v.pgoff = start >> page_shift;
    if (source) {
        v.source = source;
        v.kind = source->mapped_as();
        v.huge_order = static_cast<unsigned char>(source->kind == file_kind::devdax ? source->dax->align_order
                                                                                   : source->huge_order);
        if (v.is_hugetlb()) v.flags = (v.flags & ~(vm::locked | vm::hugepage)) | vm::hugetlb;
        v.pgoff = m.offset >> page_shift;
        if (source->raw) v.flags |= vm::pfnmap | vm::io;
    } else if (m.kind == map_kind::pfnmap || m.kind == map_kind::mixedmap) {
        v.kind = vma_kind::driver;
        v.flags |= m.kind == map_kind::pfnmap ? vm::pfnmap | vm::io : vm::mixedmap | (m.io ? vm::io : 0);
    }
}

}  // namespace detail

/// The operations. Results: 0 or a negative errno.
template <class P>
class mappings {
public:
    using geo = geometry<P::p4d_folded>;

    explicit mappings(space<P>& mm) : mm_(mm) {}

    result<vaddr> map(std::uint64_t len, const mapping& m, file* source) {
        const std::uint64_t unit = page_size << (source ? source->huge_order : 0);
        if (len != 0 && align_up(len, unit) == 0) return {0, -err::enomem};
        len = align_up(len, unit);
        if (len == 0 || (m.offset & (unit - 1)) != 0) return {0, -err::einval};
        if (m.growsdown && (source || m.shared)) return {0, -err::einval};
        if (source && source->kind == file_kind::secret && !m.shared) return {0, -err::einval};
        if (source && source->is_hugetlb() && (!mm_.phys.hugetlb.of(source->huge_order) || !can_map_huge<P>(source->huge_order)))
            return {0, -err::einval};
        std::unique_lock lock(mm_.mmap_lock);
        vaddr a = 0;
        if (m.at) {
            a = *m.at;
            if (len > geo::user_end || a > geo::user_end - len) return {0, -err::enomem};
            if ((a & (unit - 1)) != 0) return {0, -err::einval};
            if (m.replace && !(may_cut(mm_, a) && may_cut(mm_, a + len))) return {0, -err::einval};
            if (m.replace) unmap_range(mm_, a, a + len);
            else if (!mm_.is_free(a, len)) return {0, -err::eexist};
        } else {
            // Room for huge pages where they are wanted.
            const std::uint64_t room = m.huge && len >= pmd_size ? pmd_size : unit;
            a = mm_.find_free(len, std::max(room, dax_unit(source)));
            if (a == 0) return {0, -err::enomem};
        }
        vma fresh;
        detail::describe(fresh, m, a, len, source);
        fresh.keyed = P::execute_only_keys && m.prot == prot::exec;
        if (const int error = check_dax_mapping(mm_.phys, fresh)) return {0, error};
        if (fresh.is_hugetlb() && !attach_huge(fresh)) return {0, -err::enomem};
        mm_.insert(fresh);
        return {a, 0};
    }

    int unmap(vaddr a, std::uint64_t len) {
        len = align_up(len, page_size);
        if ((a & ~page_mask) != 0 || len == 0 || a + len < a || a + len > geo::user_end) return -err::einval;
        std::unique_lock lock(mm_.mmap_lock);
        if (!may_cut(mm_, a) || !may_cut(mm_, a + len)) return -err::einval;
        unmap_range(mm_, a, a + len);
        return 0;
    }

    int protect(vaddr a, std::uint64_t len, unsigned p) { return mm::protect(mm_, a, len, p); }

    int advise(vaddr a, std::uint64_t len, advice what) { return mm::advise(mm_, a, len, what); }
    int lock_range(vaddr a, std::uint64_t len, bool on, bool on_fault = false) { return mm::lock_range(mm_, a, len, on, on_fault); }
    int prefault(vaddr a, vaddr end) { return mm::prefault(mm_, a, end); }

    /// Effects: everything goes (exit).
    void clear() {
        std::unique_lock lock(mm_.mmap_lock);
        unmap_range(mm_, 0, geo::user_end);
    }

private:
    /// A mapping of huge pages gets its promise; a writable one makes the file as long as itself.
    [[nodiscard]] bool attach_huge(vma& v) {
        if (!promise_mapping(mm_.phys, v)) return false;
        std::lock_guard guard(v.source->lock);
        const std::uint64_t end = (v.pgoff + v.pages()) << page_shift;
        if (v.has(vm::write) && v.source->size < end) v.source->size = end;
        return true;
    }
    space<P>& mm_;
};

}  // namespace pinfold::mm
