// SPDX-License-Identifier: BSL-1.0
// msync: what was written through shared mappings of a range goes on record. Source: spec 07 §10, spec 10 §15.
#pragma once

#include <algorithm>
#include <shared_mutex>

#include "file_calls.hpp"
#include "space.hpp"

namespace pinfold::mm {

enum class sync_mode : unsigned char { sync, async, invalidate };

/// Returns: 0 or a negative errno; -ENOMEM too where there was a hole, and the rest was done.
/// Requires: the mmap lock is not held; nobody ends the files of the range meanwhile.
template <class P>
[[nodiscard]] int sync_range(space<P>& mm, vaddr a, std::uint64_t len, sync_mode mode) {
    if ((a & ~page_mask) != 0) return -err::einval;
    const vaddr end = a + align_up(len, page_size);
    if (end < a) return -err::enomem;
    int missing = 0;
    while (a < end) {
        file* f = nullptr;
        std::uint64_t first = 0, last = 0;
        {
            std::shared_lock lock(mm.mmap_lock);
            const vma* v = mm.find_next(a);
            if (!v || v->start >= end) return -err::enomem;
            if (v->start > a) missing = -err::enomem;
            if (mode == sync_mode::invalidate && v->has(vm::locked)) return -err::ebusy;
            a = std::max(a, v->start);
            const vaddr stop = std::min(end, v->end);
            if (mode == sync_mode::sync && v->has(vm::shared)) f = v->source;
            first = v->page_offset(a);
            last = first + ((stop - a) >> page_shift);
            a = stop;
        }
        if (f)
            if (const int error = sync_file(mm.phys, *f, first, last)) return error;
    }
    return missing;
}

}  // namespace pinfold::mm
