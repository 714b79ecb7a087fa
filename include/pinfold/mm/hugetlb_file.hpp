// SPDX-License-Identifier: BSL-1.0
// hugetlb files as files: truncate, punch, allocate, and the end of the last way to reach them. Pinned pages leave the
// file and live on their pins; what was promised for a place without a page goes back. Source: spec 07 §13, spec 10 §13.
#pragma once

#include <algorithm>

#include "error.hpp"
#include "hugetlb_fault.hpp"

namespace pinfold::mm {

namespace detail {

/// Effects: pages and promises of [from, to), in huge pages, leave f; nothing maps them any more.
template <class P>
void remove_huge_pages(physical<P>& phys, file& f, std::uint64_t from, std::uint64_t to) {
    const unsigned order = f.huge_order;
    const auto in_pages = [order](std::uint64_t n) { return n > ~std::uint64_t{0} >> order ? ~std::uint64_t{0} : n << order; };
    {
        std::lock_guard guard(f.lock);
        unmap_huge_file<P>(f, in_pages(from), in_pages(to));
    }
    for (std::uint64_t at = from;;) {  // one by one, each behind the faults of its place
        {
            std::lock_guard guard(f.lock);
            const auto it = f.cache.lower_bound(in_pages(at));
            if (it == f.cache.end() || it->first >= in_pages(to)) break;
            at = it->first >> order;
        }
        std::lock_guard place(phys.hugetlb.fault_mutex(&f, at));
        std::lock_guard guard(f.lock);
        const auto it = f.cache.find(in_pages(at));
        if (it != f.cache.end()) {
            unmap_huge_file<P>(f, in_pages(at), in_pages(at + 1));
            cache_remove_locked(phys, f, it);
            f.promised.erase(at);  // used up by the page, which brings nothing back
        }
        ++at;
    }
    std::lock_guard guard(f.lock);
    std::int64_t unused = 0;
    for (auto it = f.promised.lower_bound(from); it != f.promised.end() && *it < to;) {
        if (f.cache.count(in_pages(*it)) != 0) {
            ++it;  // faulted in again behind our back
            continue;
        }
        it = f.promised.erase(it);
        ++unused;
    }
    if (unused != 0) phys.hugetlb.of(order)->unreserve(unused);
}

}  // namespace detail

/// Returns: 0, or -EINVAL when the size is no multiple of the page size of f.
template <class P>
int truncate_huge(physical<P>& phys, file& f, std::uint64_t size) {
    const std::uint64_t unit = page_size << f.huge_order;
    if (size % unit != 0) return -err::einval;
    {
        std::lock_guard guard(f.lock);
        const bool shrinks = size < f.size;
        f.size = size;
        if (!shrinks) return 0;
    }
    detail::remove_huge_pages(phys, f, size / unit, ~std::uint64_t{0} >> f.huge_order);
    return 0;
}

/// Effects: whole huge pages of [offset, offset + len) go; the rest of the range is zeroed in place.
template <class P>
int punch_huge(physical<P>& phys, file& f, std::uint64_t offset, std::uint64_t len) {
    const std::uint64_t unit = page_size << f.huge_order;
    const std::uint64_t end = offset + len;
    const std::uint64_t first = align_up(offset, unit), last = align_down(end, unit);
    const auto zero = [&](std::uint64_t from, std::uint64_t to) {
        std::lock_guard guard(f.lock);
        for (; from < to; from = align_down(from, page_size) + page_size) {
            const auto* c = f.find(from >> page_shift);
            if (!c) continue;
            frame<P>* page = phys.nth(phys.at(c->second.first), (from >> page_shift) - c->first);
            const std::uint64_t stop = std::min(to, align_down(from, page_size) + page_size);
            phys.data.fill(*page, phys.number(page), 0, from & ~page_mask, ((stop - 1) & ~page_mask) + 1);
        }
    };
    if (first >= last) {
        zero(offset, end);
        return 0;
    }
    zero(offset, first);
    zero(last, end);
    detail::remove_huge_pages(phys, f, first / unit, last / unit);
    return 0;
}

/// Returns: the page of f at huge page `index` with a reference (holder: temporary), taken from the pool if need be;
/// null: there is none. `promise_first`: a place nobody has reserved is reserved and then used; else the page comes
/// from what is promised to nobody.
template <class P>
[[nodiscard]] frame<P>* cached_huge_page(physical<P>& phys, file& f, std::uint64_t index, bool promise_first) {
    std::lock_guard place(phys.hugetlb.fault_mutex(&f, index));
    std::lock_guard guard(f.lock);
    frame<P>* head = nullptr;
    if (const auto* c = f.find(index << f.huge_order)) {
        head = phys.at(c->second.first);
    } else {
        if (promise_first && f.promised.count(index) == 0) {
            if (!phys.hugetlb.of(f.huge_order)->reserve(1)) return nullptr;
            f.promised.insert(index);
        }
        head = fill_huge_locked(phys, f, index, -1);
        if (!head) return nullptr;
    }
    phys.hold(head, holder::temporary);
    return head;
}

/// Effects: every place of the range gets its page; the file grows if need be (fallocate).
template <class P>
int allocate_huge(physical<P>& phys, file& f, std::uint64_t offset, std::uint64_t len, bool keep_size) {
    const std::uint64_t unit = page_size << f.huge_order;
    const std::uint64_t last = align_up(offset + len, unit) / unit;
    for (std::uint64_t i = offset / unit; i < last; ++i) {
        frame<P>* head = cached_huge_page(phys, f, i, false);
        if (!head) return -err::enospc;
        phys.drop(head, holder::temporary);
    }
    std::lock_guard guard(f.lock);
    if (!keep_size && f.size < offset + len) f.size = align_up(offset + len, unit);
    return 0;
}

/// pread of one byte: holes read as zero. Returns: the byte; -1, at or beyond the end.
template <class P>
[[nodiscard]] int read_huge(physical<P>& phys, file& f, std::uint64_t offset) {
    std::lock_guard guard(f.lock);
    if (offset >= f.size) return -1;
    const auto* c = f.find(offset >> page_shift);
    if (!c) return 0;
    return phys.data.load(c->second.first + ((offset >> page_shift) - c->first), offset & ~page_mask);
}

/// Effects: if nobody can reach f any more, its pages and promises go. Call after the last handle is closed and
/// after a mapping has gone.
template <class P>
void forsake_huge(physical<P>& phys, file& f) {
    {
        std::lock_guard guard(f.lock);
        if (!f.is_forsaken()) return;
    }
    detail::remove_huge_pages(phys, f, 0, ~std::uint64_t{0} >> f.huge_order);
}

}  // namespace pinfold::mm
