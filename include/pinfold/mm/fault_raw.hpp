// SPDX-License-Identifier: BSL-1.0
// Faults on memory without page descriptors, which a driver hands out address by address. Source: spec 07 §4.
#pragma once

#include <mutex>

#include "fault_file.hpp"

namespace pinfold::mm {

/// Effects: the memory the driver has for `a` is mapped by a special entry: no descriptor, no count. A write to a
/// private mapping comes again and gets its copy from there.
template <class P>
[[nodiscard]] fault_result raw_fault(space<P>&, vma& v, vaddr a, const typename space<P>::place& at) {
    if (!v.source) return fault_result::sigbus;  // all there was has been mapped by mmap
    pfn n{};
    {
        std::lock_guard guard(v.source->lock);
        const std::uint64_t index = v.page_offset(a);
        const auto* c = v.source->find(index);
        if (!c) return fault_result::sigbus;
        n = c->second.first + (index - c->first);
    }
    word_guard lock(at.lock());
    if (at.slot->read().is_none()) at.slot->set(entry::leaf(n, file_read_bits(v) | entry::bit(eb::special)));
    return fault_result::ok;
}

}  // namespace pinfold::mm
