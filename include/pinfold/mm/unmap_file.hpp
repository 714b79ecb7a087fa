// SPDX-License-Identifier: BSL-1.0
// Taking a file's pages out of every address space: truncation, hole punching, DAX. Source: spec 07 B13 step 2.
#pragma once

#include <algorithm>
#include <cstdint>

#include "file.hpp"
#include "zap.hpp"

namespace pinfold::mm {

/// Effects: no entry shows pages [first, first + n) of the file any more. Private copies stay unless even_cows.
/// Requires: f.lock, which keeps every VMA of the file and its tables.
template <class P>
void unmap_file_pages(file& f, std::uint64_t first, std::uint64_t n, bool even_cows) {
    using geo = geometry<P::p4d_folded>;
    const std::uint64_t last = first + n < first ? ~std::uint64_t{0} : first + n;
    f.mappings.each_overlapping(first, n, [&](vma& v) {
        auto& mm = *static_cast<space<P>*>(v.owner);
        zap_gather<P> gather(mm);
        vaddr a = first > v.pgoff ? v.address_of(first) : v.start;
        const vaddr end = last < v.pgoff + v.pages() ? v.address_of(last) : v.end;
        while (a < end) {
            const auto at = mm.tables.find(a, level::pte);
            if (at.at == level::pte) {
                word_guard lock(at.lock());
                const entry e = at.slot->read();
                const frame<P>* page = normal_page(mm.phys, e);
                const bool own = page ? mm.phys.head(const_cast<frame<P>*>(page))->is_anon()
                                      : !e.is_leaf() && !e.is_none();
                if (!own || even_cows) zap_pte(mm, *at.slot, gather, keeps_protection(v));
                a += page_size;
                continue;
            }
            const vaddr next = align_down(a, geo::span(at.at)) + geo::span(at.at);
            if (at.slot->read().is_leaf()) {
                word_guard lock(at.lock());
                if (!at.slot->read().is_leaf()) continue;  // cut into ptes meanwhile: they are looked at
                zap_pmd(mm, at, gather);
            }
            a = next;
        }
    });
}

}  // namespace pinfold::mm
