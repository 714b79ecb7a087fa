// SPDX-License-Identifier: BSL-1.0
// FP-SPLIT and FP-SPLIT-PMD: a lookup that wants base pages makes them, of the page (FOLL_SPLIT, 2019) or of its huge
// entry only (FOLL_SPLIT_PMD). Source: spec 04 FP-SPLIT.
#pragma once

#include "grab.hpp"
#include "thp_split.hpp"
#include "zap.hpp"

namespace pinfold::mm {

namespace detail {

/// Effects: the folio of `head` falls into base pages. The temporary reference is a plain one, independent of GET and
/// PIN. Returns: 0; -ENOMEM, not even that one could be had; or the error of the split. Requires: `lock`, the lock of
/// an entry that maps it; it is dropped on the way.
template <class P>
[[nodiscard]] int split_locked_page(physical<P>& phys, frame<P>* head, word_guard& lock) {
    if (!physical<P>::ops::try_get_held(held::assumed(), head, 1)) {
        warn_refused(phys, head, errc::overflow, false);
        return -err::enomem;
    }
    phys.note(head, holder::temporary, 1);
    lock.release();
    lock_page(head);
    const int error = split_folio(phys, head, head);
    unlock_page(head);
    phys.drop(head, holder::temporary);
    return error;
}

/// Effects: the huge entry at `a` becomes ptes, or, where a file is behind it, room for ptes. Returns: 0 or a negative
/// errno. Requires: the mmap lock for reading, no page-table lock.
template <class P>
[[nodiscard]] int split_huge_entry(space<P>& mm, vaddr a) {
    (void)split_or_drop_pmd(mm, a);
    const auto at = mm.tables.reach(a, level::pte);
    if (!at.slot) return -err::enomem;
    return at.reached(level::pte) ? 0 : -err::ebusy;  // somebody made it huge again
}

}  // namespace detail

/// Which of the two a lookup is to do; a profile without FOLL_SPLIT ignores that bit.
template <class P>
[[nodiscard]] constexpr bool splits_page(unsigned flags) noexcept {
    return P::lookup_flags_2019 && (flags & foll::split) != 0;
}
template <class P>
[[nodiscard]] constexpr bool splits_anything(unsigned flags) noexcept {
    return splits_page<P>(flags) || (flags & foll::split_pmd) != 0;
}

/// Effects: what is mapped huge at `a` is not any more. Returns: 0, look again, or a negative errno.
/// Requires: the mmap lock for reading, `lock`, the lock of the pmd `e` was read from; it is dropped.
template <class P>
[[nodiscard]] int split_for_lookup(space<P>& mm, entry e, vaddr a, unsigned flags, word_guard& lock) {
    frame<P>* const head = mm.phys.head(mm.phys.at(e.number()));
    if (splits_page<P>(flags) && !mm.phys.is_huge_zero(head)) return detail::split_locked_page(mm.phys, head, lock);
    lock.release();
    return detail::split_huge_entry(mm, a);
}

}  // namespace pinfold::mm
