// SPDX-License-Identifier: BSL-1.0
// Emptying a range of frames: what is movable goes elsewhere, and nobody is given frames of the range meanwhile. CMA
// allocation, memory offlining. Source: spec 07 §1 §11.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "migrate_list.hpp"

namespace pinfold::mm {

/// For a scope, the largest blocks around [first, last) are isolated: their free frames are handed out to nobody, and
/// what is freed in them stays. Afterwards they are of the type they were, unless keep() was called.
/// Requires: the range lies in one zone.
template <class P>
class isolated_blocks {
public:
    isolated_blocks(physical<P>& phys, pfn first, pfn last)
        : phys_(phys), first_{align_down(first.n, max_block)}, last_{align_up(last.n, max_block)} {
        for (pfn n = first_; n < last_; n = n + max_block) {
            before_.push_back(phys.types.of(n));
            phys.zone_of(n).retype(n, n + max_block, migrate_type::isolate);
        }
    }
    isolated_blocks(const isolated_blocks&) = delete;
    isolated_blocks& operator=(const isolated_blocks&) = delete;
    ~isolated_blocks() {
        for (std::size_t k = 0; k < before_.size(); ++k) {
            const pfn n = first_ + k * max_block;
            phys_.zone_of(n).retype(n, n + max_block, before_[k]);
        }
    }
    void keep() noexcept { before_.clear(); }

private:
    physical<P>& phys_;
    pfn first_, last_;
    std::vector<migrate_type> before_;
};

namespace detail {

/// Isolates every folio with a page in the range that is on a list.
template <class P>
[[nodiscard]] std::vector<frame<P>*> isolate_range(physical<P>& phys, pfn first, pfn last) {
    std::vector<frame<P>*> found;
    for (pfn n = first; n < last;) {
        frame<P>* f = phys.at(n);
        if (f->is(pg::buddy)) {
            n = n + (std::uint64_t{1} << f->order());
            continue;
        }
        n = n + 1;
        if (!phys.try_get_met(f)) continue;            // free, or on its way to be
        frame<P>* head = phys.head(f);                // stable while it is held
        phys.note(head, holder::temporary, 1);
        if (isolate(phys, head)) found.push_back(head);
        if (const pfn end = phys.number(head) + head->pages(); n < end) n = end;
        phys.drop(head, holder::temporary);
    }
    return found;
}

inline constexpr int evacuation_rounds = 5;

}  // namespace detail

/// Effects: what stands in [first, last) and can move goes to where `where` says. Returns: 0, all of it is free now;
/// -EBUSY, somebody holds a page, or it is of a kind that never moves: what has moved stays where it is.
/// Requires: the range is isolated, or somebody may be given frames of it at once.
template <class P>
[[nodiscard]] int evacuate(physical<P>& phys, pfn first, pfn last, const request& where = {}) {
    for (int round = 0; round < detail::evacuation_rounds; ++round) {
        phys.lru_drain_all();
        auto list = detail::isolate_range(phys, first, last);
        (void)migrate_pages(phys, list, where);
        put_back_all(phys, list);
        if (phys.zone_of(first).is_free(first, last)) return 0;
    }
    return -err::ebusy;
}

/// Effects: hands out exactly these frames, emptied if need be: one page of order 0 each (holder: hand-out).
/// Returns: 0 or -EBUSY. Source: spec 07 §1 CMA.
template <class P>
[[nodiscard]] int take_frames(physical<P>& phys, pfn first, pfn last) {
    const isolated_blocks<P> alone(phys, first, last);
    if (const int error = evacuate(phys, first, last)) return error;
    if (!phys.zone_of(first).take_range(first, last)) return -err::ebusy;
    phys.adopt(first, last);
    return 0;
}

/// What cma_alloc gives: frames in a row, or why not.
struct cma_frames {
    pfn first;
    std::uint64_t pages = 0;
    int error = 0;
};

/// Effects: n frames in a row of a CMA area, aligned to their number if that is a power of two. A window that somebody
/// pins into is left for the next one. Returns: -ENOMEM where no window can be emptied.
template <class P>
[[nodiscard]] cma_frames cma_alloc(physical<P>& phys, std::uint64_t n) {
    cma_frames got{{}, n, -err::enomem};
    phys.each_zone([&](zone<P>& z) {
        for (pfn at = z.first(); n != 0 && at + n <= z.last() && got.error != 0;) {
            bool whole = true;
            for (pfn k = at; k < at + n; k = k + (n < pages_per_pmd ? n : pages_per_pmd))
                whole = whole && phys.types.of(k) == migrate_type::cma;
            if (whole && phys.types.of(at + (n - 1)) == migrate_type::cma && take_frames(phys, at, at + n) == 0) got = {at, n, 0};
            at = at + n;
        }
    });
    return got;
}
/// Effects: gives such frames back.
template <class P>
void cma_release(physical<P>& phys, const cma_frames& f) {
    for (pfn n = f.first; n < f.first + f.pages; n = n + 1) phys.drop(phys.at(n), holder::hand_out);
}

/// Effects: memory that is going to be taken out of the machine: emptied, and never handed out again.
/// Returns: 0 or -EBUSY, and it stays. Requires: multiples of the largest block, in one zone.
template <class P>
[[nodiscard]] int offline_frames(physical<P>& phys, pfn first, pfn last) {
    isolated_blocks<P> alone(phys, first, last);
    if (const int error = evacuate(phys, first, last)) return error;
    alone.keep();
    return 0;
}

}  // namespace pinfold::mm
