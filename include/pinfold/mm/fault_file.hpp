// SPDX-License-Identifier: BSL-1.0
// Faults on mappings of files that live in the page cache. Source: spec 07 §4, spec 10 §2 §4.
#pragma once

#include <algorithm>

#include "cow.hpp"
#include "fault_anon.hpp"
#include "race_point.hpp"
#include "readaround.hpp"
#include "shmem_cache.hpp"

namespace pinfold::mm {

/// Bits of an entry that a read fault installs: writable at once where no filesystem wants to hear of the write.
[[nodiscard]] inline std::uint64_t file_read_bits(const vma& v) noexcept {
    const bool writable = v.has(vm::shared) && v.has(vm::write) && !v.notes_writes();
    return base_bits(v) | (writable ? entry::bit(eb::writable) : 0);
}

/// Effects: maps what a read of this kind may map of the 16-page window around `a`: cached, uptodate, below the
/// end, no read-ahead mark. Nothing is brought in.
template <class P>
void fault_around(space<P>& mm, vma& v, vaddr a, const typename space<P>::place& at) {
    physical<P>& phys = mm.phys;
    const std::uint64_t window = fault_around_pages * page_size;
    const vaddr from = std::max({align_down(a, window), v.start, align_down(a, pmd_size)});
    const vaddr to = std::min(align_down(a, window) + window, v.end);
    std::lock_guard cache(v.source->lock);
    word_guard lock(at.lock());
    for (vaddr b = from; b < to; b += page_size) {
        const std::uint64_t index = v.page_offset(b);
        if (index >= v.source->pages()) break;
        entry_slot& slot = mm.tables.slots(at.table)[space<P>::geo::index(b, level::pte)];
        if (!slot.read().is_none()) continue;
        const auto* c = v.source->find(index);
        if (!c) continue;
        frame<P>* head = phys.at(c->second.first);
        frame<P>* page = phys.nth(head, index - c->first);
        if (head->is(pg::readahead) || !head->is(pg::uptodate) || page->is(pg::hwpoison)) continue;
        phys.hold(head, holder::entry);
        map_pte(page, head);
        mlock_mapped(v, head);
        slot.set(entry::leaf(phys.number(page), file_read_bits(v)));
    }
}

/// Returns: the page of the file at `a` with a reference (holder: temporary); null with *why when there is none.
template <class P>
[[nodiscard]] frame<P>* file_page(space<P>& mm, vma& v, vaddr a, unsigned flags, fault_result& why) {
    physical<P>& phys = mm.phys;
    file& f = *v.source;
    const std::uint64_t index = v.page_offset(a);
    {
        std::lock_guard cache(f.lock);
        if (index >= f.pages()) return why = fault_result::sigbus, nullptr;
    }
    const bool waits_unlocked = (flags & ff::allow_retry) != 0 && (flags & (ff::tried | ff::retry_nowait)) == 0;
    const auto started_over = [&]() -> frame<P>* {  // the read is waited for without the lock
        mm.mmap_lock.unlock_shared();
        return why = fault_result::retry, nullptr;
    };
    if (frame<P>* page = cache_get(phys, f, index)) {
        frame<P>* head = phys.head(page);
        if (!head->is(pg::uptodate)) head->set(pg::uptodate);  // allocated, and used now for the first time
        if (!head->is(pg::readahead)) return page;
        {
            std::lock_guard cache(f.lock);
            read_on(phys, f, index, head, read_around_pages);
        }
        if (!waits_unlocked) return page;
        phys.drop(head, holder::temporary);
        return started_over();
    }
    if (f.kind == file_kind::driver) return why = fault_result::sigbus, nullptr;  // it has nothing there
    if (f.starts_as_zeros()) {  // a hole: a new page, for readers too
        std::lock_guard cache(f.lock);
        if (!f.find(index)) {
            frame<P>* page = shmem_add_locked(phys, f, index, v.has(vm::hugepage));
            if (!page) return why = fault_result::oom, nullptr;
            phys.lru_add(phys.head(page));
        }
    } else {
        if (!read_around(phys, f, index)) return why = fault_result::oom, nullptr;
        if (waits_unlocked) return started_over();
    }
    frame<P>* page = cache_get(phys, f, index);
    if (!page) why = fault_result::sigbus;
    else page->clear(pg::readahead);
    return page;
}

/// Effects: where a large folio of a memory file lies wholly in the mapping, and in one table with nothing in it yet,
/// one fault maps all its pages. Returns: whether it did. Requires: the pte lock; a reference of head, which stays.
template <class P>
[[nodiscard]] bool map_whole_folio(physical<P>& phys, const vma& v, vaddr a, const typename space<P>::place& at,
                                   frame<P>* page, entry e) {
    frame<P>* head = phys.head(page);
    if (!P::faults_map_folios || v.kind != vma_kind::shmem || v.has(vm::uffd_missing | vm::uffd_wp) || !head->is(pg::large))
        return false;
    const std::uint64_t n = head->pages(), before = phys.index_in_folio(page);
    const vaddr first = a - (before << page_shift), last = first + (n << page_shift);
    if (first > a || first < v.start || last > v.end || align_down(first, pmd_size) != align_down(last - 1, pmd_size))
        return false;
    entry_slot* const slot = at.slot - before;
    for (std::uint64_t k = 0; k < n; ++k)
        if (!slot[k].read().is_none()) return false;
    phys.hold(head, holder::entry, n);
    for (std::uint64_t k = 0; k < n; ++k) {
        map_pte(phys.nth(head, k), head);
        slot[k].set(e.at(phys.number(head) + k));
    }
    mlock_mapped(v, head);
    return true;
}

/// `was`: what is in the place: nothing, or a marker that it was write-protected while it was empty. Over a marker the
/// page comes in protected, a private copy too.
template <class P>
[[nodiscard]] fault_result file_fault(space<P>& mm, vma& v, vaddr a, unsigned flags,
                                      const typename space<P>::place& at, entry was = {}) {
    physical<P>& phys = mm.phys;
    const bool write = (flags & ff::write) != 0;
    const bool neighbours = v.kind == vma_kind::file || v.kind == vma_kind::shmem;
    const auto as_watched = [&](entry e) { return was.is_none() ? e : e.without(eb::writable).with(eb::uffd_wp); };
    if (!write && neighbours && !v.has(vm::uffd_wp)) {
        fault_around(mm, v, a, at);
        if (!at.slot->read().is_none()) return fault_result::ok;
    }
    fault_result why = fault_result::ok;
    frame<P>* page = file_page(mm, v, a, flags, why);
    if (!page) return why;
    frame<P>* head = phys.head(page);
    P::races::at(race_point::page_found);
    // What is mapped, or copied, is cached, below the end, and has not failed: whoever takes it out of there has looked
    // for mappings before. Requires: the file's lock.
    const auto is_sound = [&] {
        const auto* c = v.source->find(v.page_offset(a));
        return c && c->second.first == phys.number(head) && v.page_offset(a) < v.source->pages() && !page->is(pg::hwpoison);
    };
    const auto not_mapped = [&] {  // the walk looks again, unless the page has failed
        const bool failed = page->is(pg::hwpoison);
        phys.drop(head, holder::temporary);
        return failed ? fault_result::hwpoison : fault_result::ok;
    };

    if (write && !v.has(vm::shared)) {  // private: the file's page stays as it is
        frame<P>* fresh = phys.alloc({.node = v.node});
        if (!fresh) {
            phys.drop(head, holder::temporary);
            return fault_result::oom;
        }
        phys.data.copy(*fresh, phys.number(fresh), *page, phys.number(page));
        make_anon(mm, v, a, fresh);
        {
            std::lock_guard cache(v.source->lock);  // the end of a file takes the copies behind it, too
            word_guard lock(at.lock());
            if (is_sound() && at.slot->read() == was) {
                map_pte(fresh, fresh);
                phys.pass(fresh, holder::hand_out, holder::entry);
                phys.lru_add(fresh);
                at.slot->set(as_watched(detail::made_writable(entry::leaf(phys.number(fresh), base_bits(v)), v)));
                fresh = nullptr;
            }
        }
        if (fresh) {
            phys.drop(fresh, holder::hand_out);
            return not_mapped();
        }
        phys.drop(head, holder::temporary);
        return fault_result::ok;
    }

    std::lock_guard cache(v.source->lock);
    const bool sound = is_sound();
    word_guard lock(at.lock());
    if (!sound || at.slot->read() != was) {
        lock.release();
        return not_mapped();
    }
    if (write) page_mkwrite(phys, v, head);
    const entry plain = entry::leaf(phys.number(page), file_read_bits(v));
    const entry e = as_watched(write ? detail::made_writable(plain, v) : plain);
    if (map_whole_folio(phys, v, a, at, page, e)) {
        lock.release();
        phys.drop(head, holder::temporary);
        return fault_result::ok;
    }
    map_pte(page, head);
    mlock_mapped(v, head);
    phys.pass(head, holder::temporary, holder::entry);
    at.slot->set(e);
    return fault_result::ok;
}

}  // namespace pinfold::mm
