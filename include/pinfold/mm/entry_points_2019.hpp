// SPDX-License-Identifier: BSL-1.0
// The public functions of foll_pin_2019, names of the v2 series, semantics with the review applied.
// Source: spec 06 §1.1, spec 05 §7.
#pragma once

#include <span>
#include <vector>

#include "fast_row.hpp"
#include "walk_ranges.hpp"

namespace pinfold::mm {

/// Every function: `pages` empty = no array, else it has room for nr pages; `vmas` likewise.
/// Returns: pages, or a negative errno.
template <class P>
class entry_points_2019 {
public:
    using page = frame<P>;
    using array = std::span<page*>;
    using vma_array = std::span<vma*>;

    explicit entry_points_2019(space<P>& mm) : mm_(mm) {}

    /// GET is implied; PIN overrides it, and only inside: a caller's PIN belongs to pin_user_pages_fast.
    PINFOLD_DETAIL_HOT long get_user_pages_fast(vaddr start, std::int64_t nr, unsigned flags, array pages,
                                                gup_trace* trace = nullptr) {
        if ((flags & foll::pin) != 0) return refuse(warn_id::api_pin_at_get, flags, trace, pin_at_get);
        if (detail::asks_for_a_row<P>(start, nr, flags, foll::write, pages, trace)) [[likely]]
            return detail::row_or_page_fast<P, false>(mm_, start & page_mask, nr, flags, pages.data());
        return fast(start, nr, flags, pages, trace);
    }
    PINFOLD_DETAIL_HOT long pin_user_pages_fast(vaddr start, std::int64_t nr, unsigned flags, array pages,
                                                gup_trace* trace = nullptr) {
        if ((flags & foll::get) != 0) return refuse(warn_id::api_get_at_pin, flags, trace, get_at_pin);
        if (detail::asks_for_a_row<P>(start, nr, flags, foll::write, pages, trace)) [[likely]]
            return detail::row_or_page_fast<P, true>(mm_, start & page_mask, nr, flags | foll::pin, pages.data());
        return fast(start, nr, flags | foll::pin, pages, trace);
    }
    /// The same, as runs at the end of `runs`: release each with unpin_user_page_ranges.
    PINFOLD_DETAIL_HOT long pin_user_pages_fast_ranges(vaddr start, std::int64_t nr, unsigned flags,
                                                       std::vector<pinned_run<P>>& runs) {
        if ((flags & foll::get) != 0) return refuse(warn_id::api_get_at_pin, flags, nullptr, get_at_pin);
        if (detail::asks_for_a_leaf<P>(start, nr, flags, foll::write)) [[likely]]
            return detail::leaf_as_run(mm_, start & page_mask, static_cast<std::uint64_t>(nr), flags | foll::pin, runs);
        return fast_ranges(start, nr, flags, runs);
    }
    long pin_longterm_pages_fast(vaddr start, std::int64_t nr, unsigned flags, array pages,
                                 gup_trace* trace = nullptr) {
        if ((flags & foll::get) != 0) return refuse(warn_id::api_get_at_pin, flags, trace, get_at_pin);
        return fast(start, nr, flags | foll::pin | foll::longterm, pages, trace);
    }
    /// __get_user_pages_fast: the fast part alone; never an error.
    long get_user_pages_fast_only(vaddr start, std::int64_t nr, unsigned flags, array pages,
                                  gup_trace* trace = nullptr) {
        start &= page_mask;
        const vaddr end = start + (static_cast<std::uint64_t>(nr) << page_shift);
        if (nr <= 0 || end <= start || end > geo::user_end) return 0;
        return static_cast<long>(fast_part(mm_, start, end, flags & foll::write, pages.data(), trace));
    }

    long get_user_pages(vaddr start, std::uint64_t nr, unsigned flags, array pages, gup_trace* trace = nullptr,
                        vma_array vmas = {}) {
        if ((flags & foll::pin) != 0) return refuse(warn_id::api_pin_at_get, flags, trace, pin_at_get);
        return held(start, nr, flags | foll::touch, pages, trace, vmas);
    }
    long pin_user_pages(vaddr start, std::uint64_t nr, unsigned flags, array pages, gup_trace* trace = nullptr,
                        vma_array vmas = {}) {
        if ((flags & foll::get) != 0) return refuse(warn_id::api_get_at_pin, flags, trace, get_at_pin);
        return held(start, nr, flags | foll::pin, pages, trace, vmas);
    }
    long pin_longterm_pages(vaddr start, std::uint64_t nr, unsigned flags, array pages, gup_trace* trace = nullptr,
                            vma_array vmas = {}) {
        if ((flags & foll::get) != 0) return refuse(warn_id::api_get_at_pin, flags, trace, get_at_pin);
        return held(start, nr, flags | foll::pin | foll::longterm, pages, trace, vmas);
    }
    long get_user_pages_unlocked(vaddr start, std::uint64_t nr, array pages, unsigned flags,
                                 gup_trace* trace = nullptr) {
        if ((flags & foll::longterm) != 0) return refuse(warn_id::api_longterm, flags, trace, no_longterm);
        if ((flags & foll::pin) != 0) return refuse(warn_id::api_pin_at_get, flags, trace, pin_at_get);
        if (lacks_array(pages, nr, flags)) return -err::einval;
        if constexpr (P::gup_grows_stacks) grow_stacks(mm_, start & page_mask, (start & page_mask) + (nr << page_shift));
        int locked = 0;
        return slow_locked(mm_, start & page_mask, nr, flags | foll::touch, target(pages, trace, {}), &locked);
    }
    /// *locked: 1, the caller holds the mmap lock for reading; afterwards whether it still does.
    long get_user_pages_locked(vaddr start, std::uint64_t nr, unsigned flags, array pages, int* locked,
                               gup_trace* trace = nullptr) {
        if ((flags & foll::longterm) != 0) return refuse(warn_id::api_longterm, flags, trace, no_longterm);
        if ((flags & foll::pin) != 0) return refuse(warn_id::api_pin_at_get, flags, trace, pin_at_get);
        if (lacks_array(pages, nr, flags)) return -err::einval;
        return slow_locked(mm_, start & page_mask, nr, flags | foll::touch, target(pages, trace, {}), locked);
    }
    static long get_user_pages_remote(space<P>& mm, vaddr start, std::uint64_t nr, unsigned flags, array pages,
                                      int* locked, gup_trace* trace = nullptr) {
        entry_points_2019 self(mm);
        if ((flags & foll::pin) != 0) return self.refuse(warn_id::api_pin_at_get, flags, trace, pin_at_get);
        if ((flags & foll::longterm) != 0) return self.refuse(warn_id::api_longterm, flags, trace, no_longterm);
        if (lacks_array(pages, nr, flags)) return -err::einval;
        return slow_locked(mm, start & page_mask, nr, flags | foll::touch | foll::remote, target(pages, trace, {}),
                           locked);
    }
    static long pin_user_pages_remote(space<P>& mm, vaddr start, std::uint64_t nr, unsigned flags, array pages,
                                      int* locked, gup_trace* trace = nullptr) {
        entry_points_2019 self(mm);
        if ((flags & foll::get) != 0) return self.refuse(warn_id::api_get_at_pin, flags, trace, get_at_pin);
        if ((flags & foll::longterm) != 0) return self.refuse(warn_id::api_longterm, flags, trace, no_longterm);
        if (lacks_array(pages, nr, flags | foll::pin)) return -err::einval;
        return slow_locked(mm, start & page_mask, nr, flags | foll::pin | foll::touch | foll::remote,
                           target(pages, trace, {}), locked);
    }
    /// The name either honours long-term or does not exist (DEF-19): it cannot, so it refuses.
    static long pin_longterm_pages_remote(space<P>&, vaddr, std::uint64_t, unsigned, array, int*) {
        return -err::eopnotsupp;
    }
    /// One lookup, no fault. Requires: the mmap lock. PIN is refused: one WARN, null.
    [[nodiscard]] lookup<P> follow_page(vma& v, vaddr a, unsigned flags, gup_trace* trace = nullptr) {
        if ((flags & foll::pin) != 0) {
            mm_.phys.warn.emit(warn_id::follow_page_pin, static_cast<std::int64_t>(flags));
            return {};
        }
        return follow_page_mask(mm_, v, a, flags, trace);
    }

private:
    using geo = geometry<P::p4d_folded>;
    /// What may be said at a fast entry: GET is implied and may not be; PIN, which overrides it, the functions add.
    static constexpr unsigned fast_flags = foll::write | foll::longterm | foll::pin;
    static constexpr rule pin_at_get{"06-1.pin", "FOLL_PIN is set by the pin functions, not by callers"};
    static constexpr rule get_at_pin{"06-1.get", "GET and PIN exclude each other in one call"};
    static constexpr rule no_longterm{"06-1.longterm", "this entry cannot honour FOLL_LONGTERM"};

    long refuse(warn_id site, unsigned flags, gup_trace* trace, rule why) {
        mm_.phys.warn.emit(site, static_cast<std::int64_t>(flags));
        if (trace) trace->add({path_id::entry_point, level::pte, 0, 0, 0, err::einval, why.id, why.text, 0, 0, 0});
        return -err::einval;
    }
    static gup_target<P> target(array pages, gup_trace* trace, vma_array vmas) noexcept {
        return {pages.empty() ? nullptr : pages.data(), vmas.empty() ? nullptr : vmas.data(), trace};
    }
    /// Units that nobody could give back: a caller's GET or PIN without a place to put the pages (DEF-09).
    static bool lacks_array(array pages, std::uint64_t nr, unsigned flags) noexcept {
        return !pages.data() && (flags & (foll::get | foll::pin)) != 0 && nr != 0;
    }
    [[gnu::noinline]] long fast(vaddr start, std::int64_t nr, unsigned flags, array pages, gup_trace* trace) {
        return fast_checked(start, nr, flags, trace, [&](vaddr from, vaddr to, unsigned f) {
            return fast_then_slow(mm_, from, to, f, target(pages, trace, {}));
        });
    }
    [[gnu::noinline]] long fast_ranges(vaddr start, std::int64_t nr, unsigned flags, std::vector<pinned_run<P>>& runs) {
        return fast_checked(start, nr, flags | foll::pin, nullptr, [&](vaddr from, vaddr to, unsigned f) {
            return fast_then_slow_ranges(mm_, from, to, f, runs);
        });
    }
    /// go(start, end, flags): the walk.
    template <class Go>
    long fast_checked(vaddr start, std::int64_t nr, unsigned flags, gup_trace* trace, Go go) {
        if ((flags & ~fast_flags) != 0)
            return refuse(warn_id::api_fast_flags, flags, trace, {"05-7.1", "the fast entry does not take this flag"});
        start &= page_mask;
        const vaddr end = start + (static_cast<std::uint64_t>(nr) << page_shift);
        if (end <= start) return 0;
        if (end > geo::user_end) return -err::efault;
        return go(start, end, flags);
    }
    long held(vaddr start, std::uint64_t nr, unsigned flags, array pages, gup_trace* trace, vma_array vmas) {
        if (lacks_array(pages, nr, flags)) return -err::einval;
        if constexpr (P::gup_grows_stacks) grow_stacks(mm_, start & page_mask, (start & page_mask) + (nr << page_shift));
        std::shared_lock lock(mm_.mmap_lock);
        return longterm_locked(mm_, start & page_mask, nr, flags, target(pages, trace, vmas), nullptr);
    }

    space<P>& mm_;
};

}  // namespace pinfold::mm
