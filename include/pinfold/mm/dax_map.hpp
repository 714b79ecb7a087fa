// SPDX-License-Identifier: BSL-1.0
// What mmap asks of a DAX mapping before it exists. Source: spec 10 §16 §22.
#pragma once

#include "error.hpp"
#include "file.hpp"
#include "physical.hpp"
#include "vma.hpp"

namespace pinfold::mm {

/// Bytes that address and length of a mapping of `f` must be multiples of, where a device wants more than a page.
[[nodiscard]] inline std::uint64_t dax_unit(const file* f) noexcept {
    return f && f->kind == file_kind::devdax ? page_size << f->dax->align_order : page_size;
}

/// Returns: 0, or a negative errno. v: described, not inserted yet. A device is mapped shared and in whole units;
/// its file offset is not looked at. MAP_SYNC needs a device that is synchronous.
template <class P>
[[nodiscard]] int check_dax_mapping(const physical<P>& phys, const vma& v) noexcept {
    if (v.has(vm::sync) && v.kind != vma_kind::devdax && !(v.kind == vma_kind::fsdax && phys.dax_sync))
        return -err::eopnotsupp;
    if (v.kind != vma_kind::devdax) return 0;
    return v.has(vm::shared) && ((v.start | v.end) & (dax_unit(v.source) - 1)) == 0 ? 0 : -err::einval;
}

}  // namespace pinfold::mm
