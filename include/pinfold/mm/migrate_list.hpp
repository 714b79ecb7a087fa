// SPDX-License-Identifier: BSL-1.0
// Moving a list of isolated folios: what fails for the moment is tried again, what finds no room in one piece goes in
// pieces. Source: spec 07 §11 B6 step 10.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "migrate.hpp"
#include "thp_split.hpp"

namespace pinfold::mm {

inline constexpr int migrate_passes = 10;

namespace detail {

/// Effects: a large folio becomes base pages; those that are mapped or cached are isolated and go to `pieces`.
/// Returns: false, it stays as it was: somebody holds it. Requires: isolated.
template <class P>
[[nodiscard]] bool split_isolated(physical<P>& phys, frame<P>* head, std::vector<frame<P>*>& pieces) {
    if (!head->is(pg::large) || head->is(pg::hugetlb)) return false;
    lock_page(head);
    const bool split = split_folio(phys, head, head, [&](frame<P>* piece) {
        if ((folio_mapcount(piece) != 0 || !piece->is_anon()) && isolate(phys, piece)) pieces.push_back(piece);
    }) == 0;
    unlock_page(head);
    if (split) pieces.push_back(head);
    return split;
}

/// Whether only part of a large folio is mapped: it goes in pieces, so that the rest of it can be free.
template <class P>
[[nodiscard]] bool is_partly_mapped(const physical<P>& phys, frame<P>* head) noexcept {
    if (!head->is(pg::large) || head->is(pg::hugetlb) || !head->is_anon() || head->entire.load() != 0) return false;
    for (std::uint64_t k = 0; k < head->pages(); ++k)
        if (phys.nth(head, k)->mapcount.load() == 0) return true;
    return false;
}

}  // namespace detail

/// What became of a list.
struct migrated {
    std::uint64_t failed = 0;  ///< folios that did not move; one that was split counts as one
    int error = 0;             ///< -ENOMEM: there was no room for some of them

    [[nodiscard]] bool all() const noexcept { return failed == 0; }
};

/// Effects: moves the isolated folios in `list` to places as `where` says. What does not move stays in the list, still
/// isolated; its entries are as they were. Requires: no page-table, rmap or page lock.
template <class P>
[[nodiscard]] migrated migrate_pages(physical<P>& phys, std::vector<frame<P>*>& list, const request& where,
                                     migrate_mode mode = migrate_mode::sync) {
    migrated result;
    std::vector<frame<P>*> stuck, pieces;
    const auto go_in_pieces = [&](frame<P>* head) { return detail::split_isolated(phys, head, pieces); };
    for (int pass = 0; pass < migrate_passes && !list.empty(); ++pass) {
        std::vector<frame<P>*> again;
        for (frame<P>* head : list) {
            if (detail::is_partly_mapped(phys, head) && go_in_pieces(head)) continue;
            frame<P>* fresh = detail::destination_for(phys, head, where);
            if (!fresh) {
                if (go_in_pieces(head)) continue;
                result.error = -err::enomem;
                stuck.push_back(head);
                continue;
            }
            switch (move_folio(phys, head, fresh, mode)) {
                case 0: break;
                case -err::eagain: again.push_back(head); break;
                default: stuck.push_back(head); break;
            }
        }
        list = std::move(again);
    }
    stuck.insert(stuck.end(), list.begin(), list.end());
    result.failed = stuck.size();
    if (!pieces.empty()) {
        const migrated rest = migrate_pages(phys, pieces, where, mode);
        result.failed += rest.failed != 0 ? 1 : 0;
        if (rest.error != 0) result.error = rest.error;
        stuck.insert(stuck.end(), pieces.begin(), pieces.end());
    }
    list = std::move(stuck);
    return result;
}

/// Effects: what a list still has goes back where it came from.
template <class P>
void put_back_all(physical<P>& phys, std::vector<frame<P>*>& list) {
    for (frame<P>* head : list) put_back(phys, head);
    list.clear();
}

}  // namespace pinfold::mm
