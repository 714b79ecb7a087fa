// SPDX-License-Identifier: BSL-1.0
// The slow path: VMA by VMA, lookup by lookup, with faults in between, and the loop that drops and takes back the
// mmap lock. Source: spec 06 §4 §5.
#pragma once

#include <cstdint>

#include "fault.hpp"
#include "follow.hpp"
#include "follow_gate.hpp"
#include "hugetlb_range.hpp"
#include "vma_check.hpp"

namespace pinfold::mm {

/// Where the pages go, and what is told about them. `pages` null: fault in and count nothing.
template <class P>
struct gup_target {
    frame<P>** pages = nullptr;
    vma** vmas = nullptr;        ///< foll_pin_2019
    gup_trace* trace = nullptr;
};

namespace detail {

template <class P>
class slow_walk {
public:
    /// locked: null, the mmap lock stays held; else it may be dropped, and *locked says whether it is held.
    slow_walk(space<P>& mm, unsigned flags, gup_target<P> to, int* locked)
        : mm_(mm), phys_(mm.phys), flags_(flags), to_(to), locked_(locked), device_(phys_.pagemaps) {}

    /// Returns: pages collected, or a negative errno. 0 without an error: the lock was lost (or NOWAIT).
    [[nodiscard]] long run(vaddr start, std::uint64_t nr) {
        if (nr == 0) return 0;
        PINFOLD_ASSERT(P::steps::slots_are_counted(to_.pages != nullptr, flags_));  // DEF-09
        if constexpr (P::cow_flag)
            if ((flags_ & foll::force) == 0) flags_ |= foll::honor_numa_fault;  // FOLL_NUMA of 2019
        vma* v = nullptr;
        std::uint64_t i = 0;
        long ret = 0;
        while (i < nr && ret == 0) {
            if (!v || !v->holds(start)) {
                v = mm_.find(start);
                if (!v && phys_.gate.holds(start)) {
                    ret = take_gate(start, i);
                    if (ret != 0) break;
                    ++i;
                    start += page_size;
                    continue;
                }
                ret = check(v, start);
                if (ret != 0) break;
            }
            if constexpr (P::hugetlb_range_walk)
                if (v->is_hugetlb()) {
                    ret = fill_range(*v, start, i, nr);
                    if (lost_) break;
                    continue;
                }
            const lookup<P> got = look(*v, start, ret);
            if (ret != 0 || lost_) break;
            std::uint64_t step = 1;
            if (got.page || got.error == 0) {
                step = units(got, *v, start, nr - i);
                if (to_.pages) {
                    ret = store(got, i, step, start);
                    if (ret != 0) break;
                }
            } else if (to_.pages && P::steps::empty_slot_ends_call()) {
                ret = got.error;  // -EEXIST: never a slot that was counted and not written (INV-10)
                break;
            }
            if (to_.vmas)
                for (std::uint64_t k = 0; k < step; ++k) to_.vmas[i + k] = v;
            i += step;
            start += step << page_shift;
        }
        return i != 0 ? static_cast<long>(i) : ret;
    }

private:
    [[nodiscard]] int check(const vma* v, vaddr a) {
        if (!v) return refuse(path_id::vma_check, a, err::efault, rules::no_vma);
        const vma_verdict verdict = check_vma<P>(*v, flags_);
        if (verdict.error == 0) return 0;
        return refuse(path_id::vma_check, a, P::vma_errors_pass ? verdict.error : err::efault, verdict.why);
    }

    /// FP-GATE. Returns: 0 or why to stop. No rule for VMAs is asked: the area has only one way to be used.
    [[nodiscard]] int take_gate(vaddr a, std::uint64_t slot) {
        const lookup<P> got = follow_gate(phys_, a, flags_, to_.pages != nullptr, to_.trace);
        if (got.error != 0) return got.error;
        if (to_.pages) to_.pages[slot] = got.page;
        if (to_.vmas) to_.vmas[slot] = &phys_.gate.mapping;
        return 0;
    }

    /// FP-HUGETLB-RANGE. Returns: 0 or why to stop.
    [[nodiscard]] int fill_range(vma& v, vaddr& start, std::uint64_t& i, std::uint64_t nr) {
        range_position pos{start, i, nr - i};
        unsigned flags = flags_;
        const int error = huge_range<P>(mm_, v, flags_, to_.pages, to_.vmas, to_.trace)
                              .run(pos, [&](vaddr a) { return fault_in(v, a, flags, false); });
        start = pos.at;
        i = pos.filled;
        lost_ = error == -err::ebusy;
        return lost_ ? 0 : error;
    }

    /// Looks until something is found, faulting in between. ret: why to stop.
    lookup<P> look(vma& v, vaddr a, long& ret) {
        unsigned flags = flags_;
        for (;;) {
            if (mm_.fatal_signal.load() != 0) {
                ret = refuse(path_id::entry_point, a, P::signal_error, {"06-4.signal", "a fatal signal is pending"});
                return {};
            }
            const lookup<P> got = follow_page_mask(mm_, v, a, flags, to_.trace, &device_);
            if (got.page || got.error == -err::eexist) return got;
            if (got.error != 0 && got.error != -err::emlink) {
                ret = got.error;
                return {};
            }
            const int fault = fault_in(v, a, flags, got.error == -err::emlink);
            if (fault == -err::ebusy) {
                lost_ = true;
                return {};
            }
            if (fault == -err::enoent && !to_.pages) return {};  // locked when it is touched: on to the next
            if (fault != 0) {
                ret = fault;
                return {};
            }
        }
    }

    [[nodiscard]] int fault_in(vma& v, vaddr a, unsigned& flags, bool unshare) {
        if (P::lookup_flags_2019 && (flags & (foll::mlock | foll::populate)) == foll::mlock) return -err::enoent;
        if ((flags & foll::nofault) != 0)
            return refuse(path_id::fault, a, err::efault, {"06-4.nofault", "FOLL_NOFAULT, and the page is not there"});
        unsigned f = 0;
        if ((flags & foll::write) != 0) f |= ff::write;
        if ((flags & foll::remote) != 0) f |= ff::remote;
        if (locked_) f |= ff::allow_retry | ff::killable;
        if ((flags & foll::nowait) != 0) f |= ff::allow_retry | ff::retry_nowait;
        if ((flags & foll::tried) != 0) f |= ff::tried;
        if (unshare) f |= ff::unshare;
        switch (handle_fault(mm_, v, a, f)) {
            case fault_result::ok: break;
            case fault_result::oom:
                return refuse(path_id::fault, a, err::enomem, {"07-4.oom", "no memory for the page"});
            case fault_result::hwpoison:
                return refuse(path_id::fault, a, (flags & foll::hwpoison) != 0 ? err::ehwpoison : err::efault,
                              {"07-15", "the memory has failed"});
            case fault_result::retry:
                if (locked_ && (f & ff::retry_nowait) == 0) *locked_ = 0;
                return -err::ebusy;
            case fault_result::sigbus:
                if (v.is_hugetlb())
                    return refuse(path_id::fault, a, err::efault,
                                  {"07-B9.pool", "no huge page is left that is not promised to others, or the file ends before this place"});
                return refuse(path_id::fault, a, err::efault, {"07-4.sigbus", "nothing is behind this part of the mapping"});
            case fault_result::sigsegv:
                return refuse(path_id::fault, a, err::efault, {"07-4.sigsegv", "the mapping does not allow the access"});
        }
        // 2019: the fault has broken COW where the VMA stays read-only; a forced write may now use the dirty page.
        if constexpr (P::cow_flag)
            if ((flags & foll::write) != 0 && !v.has(vm::write)) flags |= foll::cow;
        return 0;
    }

    /// Pages of this mapping unit that the call may take at once. Source: spec 04 Part B, multi-page results.
    [[nodiscard]] std::uint64_t units(const lookup<P>& got, const vma& v, vaddr a, std::uint64_t left) const noexcept {
        if (!P::slow_batches && to_.pages) return 1;
        const std::uint64_t unit = 1 + (~(a >> page_shift) & got.mask);
        const std::uint64_t in_vma = (v.end - a) >> page_shift;
        return unit < left ? (unit < in_vma ? unit : in_vma) : (left < in_vma ? left : in_vma);
    }

    [[nodiscard]] int store(const lookup<P>& got, std::uint64_t at, std::uint64_t n, vaddr a) {
        if (n > 1) {
            // Cannot fail: one unit is held already. If it does all the same: DEF-M4.
            if (P::steps::take_rest(phys_, got.page, n, flags_) != 0) {
                ungrab(phys_, got.page, 1, flags_);
                return refuse(path_id::fp_huge_pmd, a, err::efault,
                              {"01-4.2", "the count word cannot hold the rest of the mapping unit"});
            }
            if (to_.trace) [[unlikely]] {
                trace_event& e = to_.trace->events.back();
                e.pages = n;
                e.units = units_of(got.page, n, flags_);
            }
        }
        for (std::uint64_t k = 0; k < n; ++k) to_.pages[at + k] = phys_.nth(got.page, k);
        return 0;
    }

    int refuse(path_id p, vaddr a, int error, rule why) {
        if (to_.trace) [[unlikely]]
            to_.trace->add({p, level::pte, a, 0, 0, error, why.id, why.text, 0, 0, 0});
        return -error;
    }

    space<P>& mm_;
    physical<P>& phys_;
    unsigned flags_;
    gup_target<P> to_;
    int* locked_;
    pagemap_hold<P> device_;  ///< one for the whole pass, given back at its end
    bool lost_ = false;
};

}  // namespace detail

/// __get_user_pages: one pass. Requires: the mmap lock for reading.
template <class P>
[[nodiscard]] long slow_pass(space<P>& mm, vaddr start, std::uint64_t nr, unsigned flags, gup_target<P> to,
                             int* locked) {
    return detail::slow_walk<P>(mm, flags, to, locked).run(start, nr);
}

/// __get_user_pages_locked. locked null: the lock is held and stays so. Else *locked: 1, held and may be dropped;
/// 0 (linux_6_12), taken here and released here. Source: spec 06 §5, rules L1 to L9.
template <class P>
[[nodiscard]] long slow_locked(space<P>& mm, vaddr start, std::uint64_t nr, unsigned flags, gup_target<P> to,
                               int* locked) {
    if (nr == 0) return 0;  // nothing asked: nothing taken, nothing noted
    if constexpr (P::fast_pins_are_noted)
        if ((flags & foll::pin) != 0) mm.note_pinned();                              // L2
    if (to.pages && (flags & foll::pin) == 0) flags |= foll::get;                    // L3
    if (!locked) return slow_pass(mm, start, nr, flags, to, locked);                 // L4
    bool must_unlock = false;
    if (*locked == 0) {                                                              // L1
        mm.mmap_lock.lock_shared();
        *locked = 1;
        must_unlock = true;
    }
    const auto advance = [&](std::uint64_t n) {
        start += n << page_shift;
        nr -= n;
        if (to.pages) to.pages += n;
        if (to.vmas) to.vmas += n;
    };
    long done = 0;
    for (;;) {
        long got = slow_pass(mm, start, nr, flags, to, locked);
        if (*locked != 0) {                                                          // L7
            done = done != 0 ? (got > 0 ? done + got : done) : got;
            break;
        }
        must_unlock = true;  // the caller must learn that its critical section was broken (L8)
        PINFOLD_ASSERT(got >= 0);
        done += got;
        advance(static_cast<std::uint64_t>(got));
        if (nr == 0) break;
        for (;;) {  // the page that made us wait, alone, until it is there (L5)
            if (mm.fatal_signal.load() != 0) {                                       // L6
                if (done == 0 && P::reports_nothing_done) done = -P::signal_error;
                return done;
            }
            mm.mmap_lock.lock_shared();
            *locked = 1;
            got = slow_pass(mm, start, 1, flags | foll::tried, to, locked);
            if (*locked != 0) break;
        }
        if (got != 1) {
            if (done == 0) done = got;
            break;
        }
        ++done;
        advance(1);
        if (nr == 0) break;
    }
    if (must_unlock && *locked != 0) {
        mm.mmap_lock.unlock_shared();
        *locked = 0;
    }
    if constexpr (P::reports_nothing_done)
        if (done == 0 && nr != 0 && (flags & foll::nowait) == 0) {                   // L9
            mm.phys.warn.emit(warn_id::api_nothing_done, static_cast<std::int64_t>(flags));
            return -err::efault;
        }
    return done;
}

}  // namespace pinfold::mm
