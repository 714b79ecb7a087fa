// SPDX-License-Identifier: BSL-1.0
// The entries of a folio that is on its way: migration entries while it is, then entries of the new place, or, when it
// stays, of the old one again, with all their letters and marks. Source: spec 07 B6 steps 4 and 9.
#pragma once

#include <cstdint>

#include "pagecache.hpp"
#include "race_point.hpp"
#include "rmap_walk.hpp"

namespace pinfold::mm {

namespace detail {

/// References of a folio that nobody maps and nobody holds: the cache's and those of private data.
template <class P>
[[nodiscard]] std::int64_t unmapped_count(const frame<P>* head) noexcept {
    std::int64_t n = 0;
    if (!head->is_anon() && head->mapping.load() != 0) n += static_cast<std::int64_t>(cache_units(head));
    if (head->is(pg::swapcache)) n += static_cast<std::int64_t>(head->pages());
    if (head->is(pg::buffers)) ++n;
    return n;
}

/// What the counts must be if nobody but the mappings, the cache and the isolator holds the folio (spec 02 §6).
template <class P>
[[nodiscard]] std::int64_t expected_count(const frame<P>* head) noexcept {
    return unmapped_count(head) + folio_mapcount(head);
}

/// The bits an entry keeps on its way.
inline constexpr std::uint64_t travelling_bits = 0xfff0 & ~entry::bit(eb::user);

/// When the dirtiness of an entry goes to the page: whoever moves pages between memory saves it first, so that an
/// attempt that fails on a pin has left the page dirty (NR-7); who moves them to a device looks at the pin first, and
/// so does everybody with a huge pmd.
enum class dirty_is_saved : unsigned char { first, after_the_pin_test };

template <class P>
struct migration_unmapper {
    physical<P>& phys;
    frame<P>* head;
    dirty_is_saved when;
    std::uint64_t gone = 0;
    bool refused = false;

    /// One slot, under its lock. `whole`: its entry maps the whole folio. k: the sub-page it should show.
    void operator()(entry_slot& slot, bool whole, std::uint64_t k) {
        if (refused) return;
        const entry e = slot.read();
        const bool mapped = e.is_leaf() ? !e.has(eb::special) : e.kind() == entry_kind::device_private;
        if (!mapped || e.number() != phys.number(head) + k) return;
        frame<P>* page = phys.nth(head, k);
        const entry saved = slot.take_for_a_while();  // not there, and flushed: a fast pin that is not counted yet will not happen
        P::races::at(race_point::entry_taken);
        const bool huge_pmd = whole && !head->is(pg::hugetlb);
        if (when == dirty_is_saved::first && !huge_pmd && saved.has(eb::dirty)) head->set(pg::dirty);
        bool exclusive = false;
        if constexpr (P::anon_exclusive) {
            exclusive = head->is_anon() && page->is(pg::exclusive);
            if (exclusive) {
                word64::full_fence();
                if (e.is_leaf() && physical<P>::ops::maybe_pinned(head)) {
                    slot.set(saved);
                    refused = true;
                    return;
                }
                page->clear(pg::exclusive);
                word64::full_fence();
            }
        }
        if (saved.has(eb::dirty)) head->set(pg::dirty);
        std::uint64_t bits = saved.raw & travelling_bits;
        if (exclusive) bits |= entry::bit(eb::exclusive);
        slot.set(entry::make(entry_kind::migration, e.number(), bits));
        if (whole) unmap_huge(head);
        else unmap_pte(page, head);
        ++gone;
    }
};

/// Step 4: entries become migration entries. Returns: false when a pinned exclusive page put one back.
/// Requires: the page lock, a reference.
template <class P>
[[nodiscard]] bool unmap_for_migration(physical<P>& phys, frame<P>* head,
                                       dirty_is_saved when = dirty_is_saved::first) {
    migration_unmapper<P> unmap{phys, head, when};
    if (head->is(pg::hugetlb)) {
        each_huge_slot(phys, head, [&](space<P>&, entry_slot& slot) { unmap(slot, true, 0); });
    } else {
        each_slot(phys, head, [&](space<P>&, const typename space<P>::place& at, std::uint64_t k, const vma&) {
            unmap(*at.slot, at.at == level::pmd, k);
        });
    }
    if (unmap.gone != 0) phys.drop(head, holder::entry, unmap.gone);
    return !unmap.refused;
}

/// Step 9 for one slot, under its lock. Returns: whether it had an entry of the folio.
template <class P>
bool restore_entry(physical<P>& phys, entry_slot& slot, bool whole, pfn expected, frame<P>* to, std::uint64_t k) {
    const entry e = slot.read();
    if (e.kind() != entry_kind::migration || e.number() != expected) return false;
    frame<P>* page = phys.nth(to, k);
    phys.hold(to, holder::entry);
    if (whole) map_huge(to);
    else map_pte(page, to);
    if (e.has(eb::exclusive)) page->set(pg::exclusive);
    if (is_device(to, device_type::private_memory)) {
        constexpr std::uint64_t kept = entry::bit(eb::writable) | entry::bit(eb::protnone) | entry::bit(eb::keyed) | entry::bit(eb::guarded);
        slot.set(entry::make(entry_kind::device_private, phys.number(page), e.raw & kept));
        return true;
    }
    const std::uint64_t bits = (e.raw & travelling_bits & ~entry::bit(eb::exclusive)) | entry::bit(eb::user);
    slot.set(entry::make(entry_kind::leaf, phys.number(page), bits));
    return true;
}

/// Step 9: migration entries of `old` point to `to`. `walk` says where to look: what belongs to the rmap of the folio.
/// Where memory was locked meanwhile, what arrives is marked so.
template <class P>
void restore_entries(physical<P>& phys, frame<P>* walk, frame<P>* old, frame<P>* to) {
    const pfn first = phys.number(old);
    if (walk->is(pg::hugetlb)) {
        each_huge_slot(phys, walk,
                       [&](space<P>&, entry_slot& slot) { restore_entry(phys, slot, true, first, to, 0); });
        return;
    }
    each_slot(phys, walk, [&](space<P>&, const typename space<P>::place& at, std::uint64_t k, const vma& v) {
        if (restore_entry(phys, *at.slot, at.at == level::pmd, first + k, to, k)) mlock_mapped(v, to);
    });
}

}  // namespace detail

}  // namespace pinfold::mm
