// SPDX-License-Identifier: BSL-1.0
// PROT_* of mmap and mprotect.
#pragma once

#include <cstdint>

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

}  // namespace detail

}  // namespace pinfold::mm
