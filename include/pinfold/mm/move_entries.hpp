// SPDX-License-Identifier: BSL-1.0
// Entries on their way from one range of a space to another: counts, letters and marks stay as they are, so a pin
// stays valid for the moved address. Source: spec 07 §7, spec 10 §9.
#pragma once

#include <algorithm>
#include <mutex>
#include <optional>

#include "hugetlb_entry.hpp"
#include "zap.hpp"
#include "vma.hpp"

namespace pinfold::mm {

namespace detail {

/// Both page-table locks of a move, lower address first; one lock when it is one table.
class two_tables {
public:
    two_tables(word32& a, word32& b) noexcept : first_(&a < &b ? a : b) {
        if (&a != &b) second_.emplace(&a < &b ? b : a);
    }

private:
    word_guard first_;
    std::optional<word_guard> second_;
};

/// The locks of rmap walks that could meet an entry in neither of its two places.
class rmap_locks {
public:
    explicit rmap_locks(const vma& v) {
        if (v.source) file_ = std::unique_lock(v.source->lock);
        if (anon_rmap* a = v.anon()) anon_ = std::unique_lock(a->lock);
    }

private:
    std::unique_lock<mutex> file_;
    std::unique_lock<spin_lock> anon_;
};

[[nodiscard]] inline entry moved(entry e, bool keeps_watch) noexcept {
    if (keeps_watch) return e;
    return e.kind() == entry_kind::marker ? entry{} : e.without(eb::uffd_wp);  // a mark of nothing is no entry
}

/// Moves a whole huge pmd with its spare table. Requires: nothing at `to`. Returns: whether it was one.
template <class P>
[[nodiscard]] bool move_pmd(space<P>& mm, const typename space<P>::place& from, const typename space<P>::place& to,
                            bool keeps_watch) {
    const two_tables lock(from.lock(), to.lock());
    if (from.slot->read().is_table() || !to.slot->read().is_none()) return false;
    const entry e = from.slot->take();
    if (e.is_none()) return true;
    const frame<P>* head = is_huge(e) ? mm.phys.head(mm.phys.at(e.number())) : nullptr;
    if (!head || head->is_anon() || mm.phys.is_huge_zero(head)) {
        frame<P>* spare = mm.tables.withdraw(from.table);
        mm.tables.deposit(to.table, spare);
    }
    to.slot->set(moved(e, keeps_watch));
    return true;
}

}  // namespace detail

/// Effects: the entries of v in [from, from + len) appear at `to`. Returns: bytes moved; less than len when memory is
/// out. Requires: the mmap lock for writing, nothing mapped in the new range, its VMA attached to the same rmaps.
template <class P>
[[nodiscard]] std::uint64_t move_entries(space<P>& mm, const vma& v, vaddr from, vaddr to, std::uint64_t len,
                                         bool keeps_watch) {
    using geo = geometry<P::p4d_folded>;
    std::uint64_t done = 0;
    while (done < len) {
        const vaddr a = from + done, b = to + done;
        const auto pmd = mm.tables.find(a, level::pmd);
        if (!pmd.reached(level::pmd) || pmd.slot->read().is_none()) {  // nothing there: on to the next entry
            const std::uint64_t span = geo::span(pmd.at);
            done += std::min(len - done, span - (a & (span - 1)));
            continue;
        }
        if (!pmd.slot->read().is_table()) {
            if (((a | b) & (pmd_size - 1)) == 0 && len - done >= pmd_size) {
                const auto dest = mm.tables.reach(b, level::pmd);
                if (!dest.slot) return done;
                const detail::rmap_locks rmaps(v);
                if (detail::move_pmd(mm, pmd, dest, keeps_watch)) {
                    done += pmd_size;
                    continue;
                }
            }
            unsigned spins = 0;
            if (!split_or_drop_pmd(mm, a)) relax(spins);  // on its way elsewhere: look again
            continue;
        }
        const auto dest = mm.tables.reach(b, level::pte);
        if (!dest.slot) return done;
        const std::uint64_t room = pmd_size - std::max(a & (pmd_size - 1), b & (pmd_size - 1));
        const std::uint64_t n = std::min(len - done, room);
        const auto src = mm.tables.find(a, level::pte);
        const detail::rmap_locks rmaps(v);
        const detail::two_tables lock(src.lock(), dest.lock());
        for (std::uint64_t k = 0; k < n >> page_shift; ++k)
            if (const entry e = src.slot[k].take(); !e.is_none()) dest.slot[k].set(detail::moved(e, keeps_watch));
        done += n;
    }
    word64::full_fence();  // the flush of the old range
    return done;
}

/// The same for hugetlb, whose entries are never split; nobody watches them where they are now.
template <class P>
[[nodiscard]] std::uint64_t move_huge_entries(space<P>& mm, const vma& v, vaddr from, vaddr to, std::uint64_t len) {
    bool failed = false;
    each_huge(mm, v, from, from + len, [&](const huge_place& at, vaddr a) {
        const huge_place dest = failed ? huge_place{} : reach_huge(mm, to + (a - from), v.huge_order);
        failed = !dest.slot;
        if (failed) return;
        const detail::rmap_locks rmaps(v);
        const detail::two_tables lock(at.lock(), dest.lock());
        if (const entry e = at.slot->take(); !e.is_none()) dest.slot->set(detail::moved(e, false));
    });
    word64::full_fence();
    return failed ? 0 : len;
}

}  // namespace pinfold::mm
