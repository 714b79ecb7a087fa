// SPDX-License-Identifier: BSL-1.0
// Filling holes of watched memory: a page with given contents, or the zero page, where nothing is. Source: spec 10 §18.
#pragma once

#include <cstdint>
#include <mutex>
#include <shared_mutex>

#include "uffd_fault.hpp"
#include "uffd_fill_huge.hpp"

namespace pinfold::mm {

namespace detail {

/// The entry of a page that was filled in: dirty in any case; writable where the memory is and nobody watches writes.
[[nodiscard]] inline entry filled_entry(pfn n, const vma& v, bool protect) noexcept {
    entry e = entry::leaf(n, base_bits(v)).with(eb::dirty);
    if (protect && v.has(vm::uffd_wp)) return e.with(eb::uffd_wp);
    return v.has(vm::write) ? e.with(eb::writable) : e;
}

template <class P>
void write_page(physical<P>& phys, frame<P>* page, const unsigned char* from) {
    if (from) phys.data.copy_in(*page, phys.number(page), from);
}

/// One page of private memory, of a file's too: an anonymous page, or, `from` null, the zero page. Returns: 0 or a negative errno.
template <class P>
[[nodiscard]] int fill_anon(space<P>& mm, vma& v, vaddr a, const unsigned char* from, bool protect) {
    physical<P>& phys = mm.phys;
    if (mm.tables.find(a, level::pmd).slot->read().is_leaf()) return -err::eexist;
    const auto at = mm.tables.reach(a, level::pte);
    if (!at.slot) return -err::enomem;
    if (!at.reached(level::pte)) return -err::eexist;
    mm.anon_of(v);
    frame<P>* page = from ? phys.alloc({.node = v.node}) : nullptr;
    if (from && !page) return -err::enomem;
    if (page) {
        write_page(phys, page, from);
        make_anon(mm, v, a, page);
    }
    bool there = false;
    {
        word_guard lock(at.lock());
        there = !at.slot->read().is_none();
        if (!there && page) {
            map_pte(page, page);
            phys.pass(page, holder::hand_out, holder::entry);
            phys.lru_add(page);
            at.slot->set(filled_entry(phys.number(page), v, protect));
        } else if (!there) {
            at.slot->set(entry::leaf(phys.number(phys.zero_page()), base_bits(v) | entry::bit(eb::special)));
        }
    }
    if (there && page) phys.drop(page, holder::hand_out);
    return there ? -err::eexist : 0;
}

/// One page of shared memory: into the file and into the entry.
template <class P>
[[nodiscard]] int fill_shmem(space<P>& mm, vma& v, vaddr a, const unsigned char* from, bool protect) {
    physical<P>& phys = mm.phys;
    file& f = *v.source;
    const std::uint64_t index = v.page_offset(a);
    const auto at = mm.tables.reach(a, level::pte);
    if (!at.slot) return -err::enomem;
    if (!at.reached(level::pte)) return -err::eexist;
    const std::lock_guard cache(f.lock);
    if (index >= f.pages()) return -err::efault;
    if (f.find(index)) return -err::eexist;
    if (!at.slot->read().is_empty()) return -err::eexist;
    frame<P>* page = cache_add_locked(phys, f, index);
    if (!page) return -err::enomem;
    write_page(phys, page, from);
    phys.lru_add(page);
    word_guard lock(at.lock());  // under the file's lock: nobody can have mapped the page before
    if (!at.slot->read().is_empty()) return -err::eexist;
    phys.hold(page, holder::entry);
    map_pte(page, page);
    mlock_mapped(v, page);
    at.slot->set(filled_entry(phys.number(page), v, protect));
    return 0;
}

/// Effects: fills the pages of [to, to + len) until one cannot be. Returns: bytes, or why not even the first could.
template <class P>
[[nodiscard]] long fill_range(space<P>& mm, vaddr to, std::uint64_t len, const unsigned char* from, bool protect) {
    if (((to | len) & ~page_mask) != 0 || len == 0 || to + len < to) return -err::einval;
    const std::shared_lock lock(mm.mmap_lock);
    vma* v = mm.find(to);
    if (!v || !v->watcher || to + len > v->end) return -err::enoent;
    const std::uint64_t unit = page_size << v->huge_order;
    if (((to | len) & (unit - 1)) != 0 || (v->is_hugetlb() && !from)) return -err::einval;  // huge pages: whole, and never zero
    int error = 0;
    std::uint64_t done = 0;
    for (; done < len; done += unit) {
        const unsigned char* bytes = from ? from + done : nullptr;
        error = v->is_hugetlb() ? fill_huge(mm, *v, to + done, bytes, protect)
                : v->has(vm::shared) ? fill_shmem(mm, *v, to + done, bytes, protect) : fill_anon(mm, *v, to + done, bytes, protect);
        if (error != 0) break;
    }
    return done != 0 ? static_cast<long>(done) : error;
}

}  // namespace detail

}  // namespace pinfold::mm
