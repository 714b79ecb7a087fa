// SPDX-License-Identifier: BSL-1.0
// FP-HUGETLB-RANGE, foll_pin_2019: gup fills the slots of a whole hugetlb mapping in one walk, one unit per sub-page,
// without letting go of the entry's lock inside a huge page. Source: spec 04 FP-HUGETLB-RANGE.
#pragma once

#include <algorithm>

#include "fault.hpp"
#include "grab.hpp"
#include "hugetlb_entry.hpp"
#include "trace.hpp"

namespace pinfold::mm {

/// Where the walk stands; both sides of the loop in gup_slow.hpp read and write it.
struct range_position {
    vaddr at = 0;
    std::uint64_t filled = 0;  ///< slots, of this call
    std::uint64_t left = 0;
};

namespace detail {

template <class P>
class huge_range {
public:
    huge_range(space<P>& mm, vma& v, unsigned flags, frame<P>** pages, vma** vmas, gup_trace* trace)
        : mm_(mm), phys_(mm.phys), v_(v), flags_(flags), pages_(pages), vmas_(vmas), trace_(trace) {}

    /// fault_in(vaddr) -> 0, or a negative errno, as the loop's own.
    /// Effects: goes on until the VMA or the request ends, or something fails. Returns: 0 or a negative errno;
    /// -EBUSY: the fault wants to be asked again, the lock may be gone.
    template <class FaultIn>
    [[nodiscard]] int run(range_position& pos, FaultIn fault_in) {
        while (pos.at < v_.end && pos.left != 0) {
            if (mm_.fatal_signal.load() != 0) return -err::efault;
            const vaddr base = align_down(pos.at, page_size << v_.huge_order);
            const huge_place at = find_huge(mm_, base, v_.huge_order);
            const bool absent = !at.slot || at.slot->read().is_empty();
            if (absent && wants(foll::dump) && !in_cache(pos.at)) return -err::efault;
            if (!absent) {
                word_guard lock(at.lock());
                const entry e = at.slot->read();
                if (e.is_leaf() && (!wants(foll::write) || e.has(eb::writable))) {
                    if (const int error = fill(at, e, pos)) return error;
                    continue;
                }
            }
            if (const int error = fault_in(pos.at)) return error;
        }
        return 0;
    }

private:
    [[nodiscard]] bool wants(unsigned f) const noexcept { return (flags_ & f) != 0; }
    [[nodiscard]] bool in_cache(vaddr a) {
        std::lock_guard guard(v_.source->lock);
        return v_.source->find(v_.page_offset(a)) != nullptr;
    }

    /// The slots of one huge page. Requires: its lock.
    [[nodiscard]] int fill(const huge_place& at, entry e, range_position& pos) {
        frame<P>* const head = phys_.at(e.number());
        const std::uint64_t unit = std::uint64_t{1} << v_.huge_order;
        const std::uint64_t first = (pos.at & ((page_size << v_.huge_order) - 1)) >> page_shift;
        const std::uint64_t in_vma = (v_.end - pos.at) >> page_shift;
        const std::uint64_t n = std::min({unit - first, in_vma, pos.left});
        std::uint64_t done = 0;
        int error = 0;
        if (!pages_ && !vmas_) done = n;  // nothing to write: the rest of the page at once, no counts
        for (; done < n; ++done) {
            if (pages_) {
                frame<P>* const page = phys_.nth(head, first + done);  // by frame number (DEF-21)
                error = grab_stable(phys_, page, 1, flags_);
                if (error == -err::enomem)  // cannot fail: the lock keeps the entry; but each sub-page adds a unit to the head
                    phys_.warn.emit(warn_id::hugetlb_range_grab, phys_.head(head)->count.refs());
                if (error != 0) break;
                pages_[pos.filled + done] = page;
            }
            if (vmas_) vmas_[pos.filled + done] = &v_;
        }
        if (trace_) [[unlikely]] {
            const bool refused = error != 0;
            trace_->add({path_id::fp_hugetlb_range, at.at, pos.at, done, pages_ ? units_of(head, done, flags_) : 0,
                         -error, refused ? overflowed.id : "", refused ? overflowed.text : "", 0,
                         refused ? phys_.head(head)->count.refs() : 0, refused ? 1 : 0});
        }
        pos.at += done << page_shift;
        pos.filled += done;
        pos.left -= done;
        return error;
    }

    space<P>& mm_;
    physical<P>& phys_;
    vma& v_;
    unsigned flags_;
    frame<P>** pages_;
    vma** vmas_;
    gup_trace* trace_;
};

}  // namespace detail

}  // namespace pinfold::mm
