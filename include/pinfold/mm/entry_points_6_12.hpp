// SPDX-License-Identifier: BSL-1.0
// The public functions of linux_6_12: argument checks, implied flags, who holds the lock. Source: spec 06 §1.2.
#pragma once

#include <span>
#include <vector>

#include "fast_row.hpp"
#include "memfd_pin.hpp"
#include "walk_ranges.hpp"

namespace pinfold::mm {

/// Every function: `pages` empty = no array; else it has room for nr pages. start is rounded down to a page.
/// Returns: pages, or a negative errno. `trace`: optional report.
template <class P>
class entry_points_6_12 {
public:
    using page = frame<P>;
    using array = std::span<page*>;

    explicit entry_points_6_12(space<P>& mm) : mm_(mm) {}

    PINFOLD_DETAIL_HOT long get_user_pages_fast(vaddr start, std::int64_t nr, unsigned flags, array pages,
                                                gup_trace* trace = nullptr) {
        if (detail::asks_for_a_row<P>(start, nr, flags, plain_flags, pages, trace)) [[likely]]
            return detail::row_or_page_fast<P, false>(mm_, start & page_mask, nr, flags | foll::get | foll::unlockable, pages.data());
        return fast(start, nr, flags, foll::get, pages, trace);
    }
    long get_user_pages_fast_only(vaddr start, std::int64_t nr, unsigned flags, array pages,
                                  gup_trace* trace = nullptr) {
        return fast(start, nr, flags, foll::get | foll::fast_only, pages, trace);
    }
    PINFOLD_DETAIL_HOT long pin_user_pages_fast(vaddr start, std::int64_t nr, unsigned flags, array pages,
                                                gup_trace* trace = nullptr) {
        if (detail::asks_for_a_row<P>(start, nr, flags, plain_flags, pages, trace)) [[likely]] {
            mm_.note_pinned();
            return detail::row_or_page_fast<P, true>(mm_, start & page_mask, nr, flags | foll::pin | foll::unlockable, pages.data());
        }
        return fast(start, nr, flags, foll::pin, pages, trace);
    }
    /// The same, as runs at the end of `runs`: release each with unpin_user_page_ranges.
    PINFOLD_DETAIL_HOT long pin_user_pages_fast_ranges(vaddr start, std::int64_t nr, unsigned flags,
                                                       std::vector<pinned_run<P>>& runs) {
        if (detail::asks_for_a_leaf<P>(start, nr, flags, plain_flags)) [[likely]] {
            mm_.note_pinned();
            return detail::leaf_as_run(mm_, start & page_mask, static_cast<std::uint64_t>(nr),
                                       flags | foll::pin | foll::unlockable, runs);
        }
        return fast_ranges(start, nr, flags, runs);
    }

    /// The lock is taken around the call and not dropped inside.
    long get_user_pages(vaddr start, std::uint64_t nr, unsigned flags, array pages, gup_trace* trace = nullptr) {
        return held(start, nr, flags, foll::touch, -err::einval, pages, trace);
    }
    long pin_user_pages(vaddr start, std::uint64_t nr, unsigned flags, array pages, gup_trace* trace = nullptr) {
        return held(start, nr, flags, foll::pin, P::bad_pin_result, pages, trace);
    }
    long get_user_pages_unlocked(vaddr start, std::uint64_t nr, array pages, unsigned flags,
                                 gup_trace* trace = nullptr) {
        return managed(start, nr, flags, foll::touch | foll::unlockable, -err::einval, pages, trace);
    }
    long pin_user_pages_unlocked(vaddr start, std::uint64_t nr, array pages, unsigned flags,
                                 gup_trace* trace = nullptr) {
        return managed(start, nr, flags, foll::pin | foll::touch | foll::unlockable, P::bad_pin_result, pages, trace);
    }
    /// *locked: 1, the caller holds mm's mmap lock for reading; afterwards whether it still does. null: not dropped.
    static long get_user_pages_remote(space<P>& mm, vaddr start, std::uint64_t nr, unsigned flags, array pages,
                                      int* locked, gup_trace* trace = nullptr) {
        return remote(mm, start, nr, flags, foll::touch | foll::remote, -err::einval, pages, locked, trace);
    }
    static long pin_user_pages_remote(space<P>& mm, vaddr start, std::uint64_t nr, unsigned flags, array pages,
                                      int* locked, gup_trace* trace = nullptr) {
        return remote(mm, start, nr, flags, foll::pin | foll::touch | foll::remote, P::bad_pin_result, pages, locked,
                      trace);
    }

    /// Folios of a shmem or hugetlb file, see memfd_pin.hpp. Release with unpin_folio.
    long memfd_pin_folios(file& f, std::uint64_t start, std::uint64_t end, array folios, std::uint64_t* offset) {
        return mm::memfd_pin_folios(mm_.phys, f, start, end, folios, offset);
    }

private:
    using geo = geometry<P::p4d_folded>;
    static constexpr unsigned fast_flags = foll::write | foll::longterm | foll::force | foll::pin | foll::get |
                                           foll::fast_only | foll::nofault | foll::pci_p2pdma | foll::honor_numa_fault;
    /// Of these, what a call for a row of pages may ask for and be most simple: others bring questions about the page.
    static constexpr unsigned plain_flags =
        foll::write | foll::force | foll::nofault | foll::pci_p2pdma | foll::honor_numa_fault;

    static int refuse(space<P>& mm, warn_id site, unsigned flags, gup_trace* trace, rule why) {
        mm.phys.warn.emit(site, static_cast<std::int64_t>(flags));
        if (trace) trace->add({path_id::entry_point, level::pte, 0, 0, 0, err::einval, why.id, why.text, 0, 0, 0});
        return -err::einval;
    }

    /// is_valid_gup_args. Returns: 0, or -EINVAL after one WARN.
    static int check(space<P>& mm, bool pages, const int* locked, unsigned& flags, unsigned to_set, gup_trace* trace) {
        const auto bad = [&](warn_id site, rule why) { return refuse(mm, site, flags, trace, why); };
        if ((flags & foll::internal) != 0)
            return bad(warn_id::api_internal_flag, {"06-1.1", "the caller passed a flag that is internal to gup"});
        flags |= to_set;
        if (locked) {
            if (*locked != 1) return bad(warn_id::api_locked, {"06-1.2", "the lock must be held when it may be dropped"});
            flags |= foll::unlockable;
        }
        if ((flags & foll::get) != 0 && (flags & foll::pin) != 0)
            return bad(warn_id::api_get_pin, {"06-1.3", "GET and PIN exclude each other in one call"});
        if ((flags & foll::longterm) != 0 && (flags & foll::pin) == 0)
            return bad(warn_id::api_longterm_get, {"06-1.4", "FOLL_LONGTERM needs a pin"});
        if ((flags & (foll::get | foll::pin)) != 0 && !pages)
            return bad(warn_id::api_no_pages, {"06-1.5", "a reference or pin needs an array to put the pages in"});
        if ((flags & foll::longterm) != 0 && (flags & foll::pci_p2pdma) != 0)
            return bad(warn_id::api_longterm_p2pdma, {"06-1.6", "P2PDMA pages cannot be held long-term"});
        return 0;
    }
    static gup_target<P> target(array pages, gup_trace* trace) noexcept {
        return {pages.empty() ? nullptr : pages.data(), nullptr, trace};
    }

    [[gnu::noinline]] long fast(vaddr start, std::int64_t nr, unsigned flags, unsigned to_set, array pages, gup_trace* trace) {
        return fast_checked(start, nr, flags, to_set, !pages.empty(), trace, [&](vaddr from, vaddr to, unsigned f) {
            return fast_then_slow(mm_, from, to, f, target(pages, trace));
        });
    }
    [[gnu::noinline]] long fast_ranges(vaddr start, std::int64_t nr, unsigned flags, std::vector<pinned_run<P>>& runs) {
        return fast_checked(start, nr, flags, foll::pin, true, nullptr, [&](vaddr from, vaddr to, unsigned f) {
            return fast_then_slow_ranges(mm_, from, to, f, runs);
        });
    }
    /// place: whether pages can be put anywhere. go(start, end, flags): the walk.
    template <class Go>
    long fast_checked(vaddr start, std::int64_t nr_pages, unsigned flags, unsigned to_set, bool place, gup_trace* trace,
                      Go go) {
        if (const int bad = check(mm_, place || nr_pages == 0, nullptr, flags, to_set, trace)) return bad;
        if ((flags & ~fast_flags) != 0)
            return refuse(mm_, warn_id::api_fast_flags, flags, trace,
                          {"05-7.1", "the fast entry does not take this flag"});
        if ((flags & foll::pin) != 0) mm_.note_pinned();
        const int nr = static_cast<int>(nr_pages);
        if (nr == 0) return 0;  // DEF-M2
        start &= page_mask;
        const std::uint64_t len = static_cast<std::uint64_t>(static_cast<std::int64_t>(nr)) << page_shift;
        const vaddr end = start + len;
        if (end <= start || nr < 0) return -err::eoverflow;
        if (end > geo::user_end) return -err::efault;
        return go(start, end, flags | foll::unlockable);
    }

    long held(vaddr start, std::uint64_t nr, unsigned flags, unsigned to_set, long invalid, array pages,
              gup_trace* trace) {
        if (check(mm_, !pages.empty() || nr == 0, nullptr, flags, to_set, trace) != 0) return invalid;
        std::shared_lock lock(mm_.mmap_lock);
        return longterm_locked(mm_, start & page_mask, nr, flags, target(pages, trace), nullptr);
    }
    long managed(vaddr start, std::uint64_t nr, unsigned flags, unsigned to_set, long invalid, array pages,
                 gup_trace* trace) {
        if (check(mm_, !pages.empty() || nr == 0, nullptr, flags, to_set, trace) != 0) return invalid;
        if (nr == 0) return 0;
        int locked = 0;
        return longterm_locked(mm_, start & page_mask, nr, flags, target(pages, trace), &locked);
    }
    static long remote(space<P>& mm, vaddr start, std::uint64_t nr, unsigned flags, unsigned to_set, long invalid,
                       array pages, int* locked, gup_trace* trace) {
        if (check(mm, !pages.empty() || nr == 0, locked, flags, to_set, trace) != 0) return invalid;
        return longterm_locked(mm, start & page_mask, nr, flags, target(pages, trace), locked);
    }

    space<P>& mm_;
};

}  // namespace pinfold::mm
