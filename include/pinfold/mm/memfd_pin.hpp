// SPDX-License-Identifier: BSL-1.0
// memfd_pin_folios: the folios of a range of a shmem or hugetlb file, one long-term pin each, whatever maps them.
// Missing ones are made. Source: spec 06 §8, spec 10 §19.
#pragma once

#include <span>

#include "hugetlb_file.hpp"
#include "longterm.hpp"
#include "shmem_cache.hpp"

namespace pinfold::mm {

namespace detail {

/// Returns: the folio at page `index` of f with a reference (holder: temporary); null: no memory, no huge page.
template <class P>
[[nodiscard]] frame<P>* folio_of_memfd(physical<P>& phys, file& f, std::uint64_t index) {
    if (f.is_hugetlb()) return cached_huge_page(phys, f, index >> f.huge_order, true);
    if (frame<P>* page = cache_get(phys, f, index)) return phys.head(page);
    {
        std::lock_guard guard(f.lock);
        if (!f.find(index))
            if (frame<P>* fresh = shmem_add_locked(phys, f, index)) phys.lru_add(phys.head(fresh));  // only the cache holds it
    }
    frame<P>* page = cache_get(phys, f, index);
    return page ? phys.head(page) : nullptr;
}

/// One pass. Returns: folios pinned, or a negative errno with nothing held.
template <class P>
[[nodiscard]] long pin_folios_once(physical<P>& phys, file& f, std::uint64_t first, std::uint64_t last,
                                   std::span<frame<P>*> folios, std::uint64_t& first_of_folio) {
    std::size_t n = 0;
    for (std::uint64_t index = first; index <= last && n < folios.size();) {
        frame<P>* head = folio_of_memfd(phys, f, index);
        const int error = head ? grab_stable(phys, head, 1, foll::pin | foll::longterm) : -err::enomem;
        const std::uint64_t begin = head ? head->index : 0;
        if (head) phys.drop(head, holder::temporary);
        if (error != 0) {
            release_all(phys, folios.data(), static_cast<long>(n), foll::pin);
            return error;
        }
        if (n == 0) first_of_folio = begin;
        folios[n++] = head;
        index = begin + head->pages();
    }
    return static_cast<long>(n);
}

}  // namespace detail

/// start and end: bytes, inclusive. At most folios.size() folios. *offset: of start in the first folio.
/// Returns: folios pinned, each once, or a negative errno with nothing held.
template <class P>
[[nodiscard]] long memfd_pin_folios(physical<P>& phys, file& f, std::uint64_t start, std::uint64_t end,
                                    std::span<frame<P>*> folios, std::uint64_t* offset) {
    {
        std::lock_guard guard(f.lock);
        if (start > end || folios.empty() || end >= f.size || !(f.is_shmem() || f.is_hugetlb())) return -err::einval;
    }
    const pin_scope scope(true);
    for (int round = 0; round < P::longterm_retries; ++round) {
        std::uint64_t begin = 0;
        const long n = detail::pin_folios_once<P>(phys, f, start >> page_shift, end >> page_shift, folios, begin);
        if (n <= 0) return n;
        const int moved = detail::check_and_migrate(phys, folios.data(), n, foll::pin | foll::longterm);
        if (moved == 0) {
            *offset = start - (begin << page_shift);
            return n;
        }
        if (moved != -err::eagain) return moved;
    }
    return -err::enomem;
}

}  // namespace pinfold::mm
