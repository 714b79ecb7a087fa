// SPDX-License-Identifier: BSL-1.0
// What a fault is asked and what it answers.
#pragma once

#include <cstdint>

namespace pinfold::mm {

enum class fault_result : unsigned char {
    ok,
    sigsegv,
    sigbus,
    oom,
    hwpoison,
    retry,  ///< the mmap lock was dropped (unless retry_nowait); try again with `tried`
};

/// FAULT_FLAG_* of a fault.
namespace ff {
inline constexpr unsigned write = 1, unshare = 2, remote = 4, allow_retry = 8, retry_nowait = 16, tried = 32,
                          killable = 64, interruptible = 128, user = 256;
}

}  // namespace pinfold::mm
