// SPDX-License-Identifier: BSL-1.0
// Looking at an address, or at a page, without taking a reference or setting a bit. For tools and tests.
// Source: spec 10 §1 to §3.
#pragma once

#include <cstdint>
#include <optional>
#include <shared_mutex>
#include <string>

#include "hugetlb_entry.hpp"
#include "space.hpp"
#include "thp.hpp"

namespace pinfold::mm {

enum class page_kind : unsigned char { none, anon, file, shmem, ksm, hugetlb_anon, hugetlb_file, zero, huge_zero, fsdax,
                                       devdax, devpriv, kernel, nopage };
[[nodiscard]] constexpr const char* name_of(page_kind k) noexcept {
    constexpr const char* names[] = {"none", "anon",     "file",  "shmem",  "ksm",     "hugetlb_anon", "hugetlb_file",
                                     "zero", "hugezero", "fsdax", "devdax", "devpriv", "kernel",       "nopage"};
    return names[static_cast<unsigned>(k)];
}

/// The state of one page. Counts are those of its folio's head.
template <class P>
struct page_state {
    frame<P>* page = nullptr;
    pfn number;
    std::uint32_t generation = 0;      ///< with `number`: the identity of an allocation
    page_kind kind = page_kind::none;
    unsigned order = 0;
    std::uint64_t index = 0;           ///< in the folio
    std::int64_t refs = 0;
    std::optional<std::int64_t> pins;  ///< where they are counted exactly
    std::int32_t mapcount = 0;
    std::int32_t folio_mapcount = 0;
    bool maybe_pinned = false;
    unsigned node = 0;
    zone_kind zone = zone_kind::normal;
    bool cma = false;
    std::string flags;                 ///< X D T C B M, as letters
};

/// What an address shows.
template <class P>
struct observation {
    bool has_vma = false;
    level at = level::pte;         ///< of the leaf, or of the entry that is none
    entry_kind map = entry_kind::none;
    entry raw{};
    std::string letters;           ///< W D Y S V U
    page_state<P> page;
};

template <class P>
[[nodiscard]] page_kind kind_of(const physical<P>& phys, const frame<P>* head) noexcept {
    if (phys.is_zero_page(head)) return page_kind::zero;
    if (head->zone() == zone_kind::device) {
        switch (head->device()) {
            case device_type::private_memory: return page_kind::devpriv;
            case device_type::fsdax: return page_kind::fsdax;
            case device_type::generic: return page_kind::devdax;
            default: return head->is_anon() ? page_kind::anon : page_kind::kernel;
        }
    }
    if (phys.is_huge_zero(head)) return page_kind::huge_zero;
    if (head->is_ksm()) return page_kind::ksm;
    if (head->is_anon()) return head->is(pg::hugetlb) ? page_kind::hugetlb_anon : page_kind::anon;
    if (head->is(pg::hugetlb)) return page_kind::hugetlb_file;
    const file* f = head->template owner_as<file>();
    if (!f || head->owner_kind() != owner::none_or_file) return page_kind::kernel;
    return f->is_shmem() ? page_kind::shmem : page_kind::file;
}

template <class P>
[[nodiscard]] page_state<P> state_of(physical<P>& phys, frame<P>* page) {
    using ops = typename physical<P>::ops;
    frame<P>* head = phys.head(page);
    page_state<P> s;
    s.page = page;
    s.number = phys.number(page);
    s.generation = page->generation;  // its own: a sub-page stays what it is when its folio is split
    s.kind = kind_of(phys, head);
    s.order = head->order();
    s.index = phys.index_in_folio(page);
    s.refs = ops::refs(page);
    if constexpr (requires { head->count.pins(); })
        if (counts_pins_exactly(*head)) s.pins = head->count.pins();
    s.mapcount = page_mapcount(page, head);
    s.folio_mapcount = folio_mapcount(head);
    s.maybe_pinned = static_cast<bool>(ops::maybe_pinned(page));
    s.node = head->node();
    s.zone = head->zone();
    s.cma = phys.types.of(s.number) == migrate_type::cma;
    const bool exclusive = head->is(pg::hugetlb) ? head->is(pg::exclusive) : page->is(pg::exclusive);
    if (exclusive) s.flags += 'X';
    if (head->is(pg::dirty)) s.flags += 'D';
    if (head->is(pg::writeback)) s.flags += 'T';
    if (head->is(pg::swapcache)) s.flags += 'C';
    if (head->is(pg::swapbacked)) s.flags += 'B';
    if (head->is(pg::mlocked)) s.flags += 'M';
    return s;
}

/// Requires: nobody unmaps the address meanwhile.
template <class P>
[[nodiscard]] observation<P> inspect(space<P>& mm, vaddr a) {
    std::shared_lock lock(mm.mmap_lock);
    observation<P> o;
    o.has_vma = mm.find(a) != nullptr;
    const huge_place at = find_leaf(mm, a);
    o.at = at.at;
    o.raw = at.slot->read();
    o.map = o.raw.kind();
    if (o.map != entry_kind::leaf && o.map != entry_kind::device_private) return o;
    o.letters = letters(o.raw);
    const pfn n = o.raw.number() + ((a & (at.span - 1)) >> page_shift);
    frame<P>* page = mm.phys.at(n);
    const bool described = o.map != entry_kind::leaf || o.raw.has(eb::devmap) || normal_page(mm.phys, o.raw);
    if (!described && !mm.phys.is_zero_page(page)) {
        o.page.kind = page_kind::nopage;
        o.page.number = n;
        return o;
    }
    o.page = state_of(mm.phys, page);
    return o;
}

}  // namespace pinfold::mm
