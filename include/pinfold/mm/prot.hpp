// SPDX-License-Identifier: BSL-1.0
// PROT_* of mmap and mprotect.
#pragma once

#include <cstdint>

#include "entry.hpp"
#include "vma.hpp"

namespace pinfold::mm {

namespace prot {
inline constexpr unsigned none = 0, read = 1, write = 2, exec = 4, rw = read | write;
}

namespace detail {

[[nodiscard]] inline std::uint64_t access_flags(unsigned p) noexcept {
    return ((p & prot::read) != 0 ? vm::read : 0) | ((p & prot::write) != 0 ? vm::write : 0) |
           ((p & prot::exec) != 0 ? vm::exec : 0);
}

/// An entry of memory that is on its way, or on a device, will not come back with more access than its VMA gives; nor
/// does it lose anything else by it: the exclusive mark it carries stays. Any other entry stays as it is.
[[nodiscard]] inline entry reprotect_absent(const vma& v, entry e) noexcept {
    if (e.kind() != entry_kind::migration && e.kind() != entry_kind::device_private) return e;
    e = e.as_said_by(v);
    return v.has(vm::write) ? e : e.without(eb::writable);
}

}  // namespace detail

}  // namespace pinfold::mm
