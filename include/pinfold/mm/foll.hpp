// SPDX-License-Identifier: BSL-1.0
// FOLL_* flags, with the numbers of Linux 6.12; those only 2019 has follow behind. Source: spec 04 §0.
#pragma once

#include <cstdint>

namespace pinfold::mm::foll {

inline constexpr unsigned write = 1U << 0, get = 1U << 1, dump = 1U << 2, force = 1U << 3, nowait = 1U << 4,
                          nofault = 1U << 5, hwpoison = 1U << 6, anon = 1U << 7, longterm = 1U << 8,
                          split_pmd = 1U << 9, pci_p2pdma = 1U << 10, interruptible = 1U << 11,
                          honor_numa_fault = 1U << 12;
/// Not for callers.
inline constexpr unsigned touch = 1U << 16, tried = 1U << 17, remote = 1U << 18, pin = 1U << 19,
                          fast_only = 1U << 20, unlockable = 1U << 21, madv_populate = 1U << 22;
inline constexpr unsigned internal = touch | tried | remote | pin | fast_only | unlockable | madv_populate;
/// foll_pin_2019 only.
inline constexpr unsigned split = 1U << 24, migration = 1U << 25, populate = 1U << 26, mlock = 1U << 27,
                          cow = 1U << 28;

}  // namespace pinfold::mm::foll
