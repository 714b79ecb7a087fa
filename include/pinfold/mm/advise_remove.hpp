// SPDX-License-Identifier: BSL-1.0
// MADV_REMOVE: a hole in the file behind a shared mapping. May wait, as punching does; the mmap lock is not held then.
// Source: spec 10 §15 §16.
#pragma once

#include <algorithm>
#include <shared_mutex>

#include "file_calls.hpp"
#include "space.hpp"

namespace pinfold::mm {

/// Returns: 0 or a negative errno; -ENOMEM too where there was a hole, and the rest was done.
/// Requires: the mmap lock is not held; nobody ends the files of the range meanwhile.
template <class P>
[[nodiscard]] int remove_from_files(space<P>& mm, vaddr a, vaddr end) {
    int missing = 0;
    while (a < end) {
        file* f = nullptr;
        std::uint64_t offset = 0, len = 0;
        {
            std::shared_lock lock(mm.mmap_lock);
            const vma* v = mm.find_next(a);
            if (!v || v->start >= end) return -err::enomem;
            if (v->start > a) missing = -err::enomem;
            if (v->has(vm::locked) || !v->source) return -err::einval;
            if (!v->has(vm::shared) || !v->has(vm::maywrite)) return -err::eacces;
            a = std::max(a, v->start);
            f = v->source;
            offset = v->page_offset(a) << page_shift;
            len = std::min(end, v->end) - a;
        }
        if (const int error = change_file(mm.phys, *f, file_change::punch, offset, len)) return error;
        a += len;
    }
    return missing;
}

}  // namespace pinfold::mm
