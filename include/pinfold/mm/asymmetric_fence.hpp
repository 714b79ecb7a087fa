// SPDX-License-Identifier: BSL-1.0
// A full fence in two halves: many threads take the light one often, and it costs them nothing; who must be ordered with
// all of them takes the heavy one, seldom.
#pragma once

#include <cstdlib>

#include "lock.hpp"

#if defined(__linux__) && !PINFOLD_MM_EXPLORED
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace pinfold::mm {

/// Of a light fence in one thread and a heavy one in another, one comes before the other: what precedes the first is
/// seen by what follows the second, as with two full fences. Two light ones order nothing.
/// Linux: the heavy one is membarrier(2), private expedited. Where that is refused, and elsewhere, both are full.
/// Requires: the objects with static storage are made before a second thread takes one.
class asymmetric_fence {
public:
    static void light() noexcept {
        __asm__ volatile("" ::: "memory");
        if (!asymmetric) [[unlikely]] word64::full_fence();
    }
    static void heavy() noexcept {
        word64::full_fence();
        if (asymmetric) interrupt_others();
    }

private:
#if defined(__linux__) && !PINFOLD_MM_EXPLORED
    static bool call(int command) noexcept { return ::syscall(SYS_membarrier, command, 0, 0) == 0; }
    static bool enlist() noexcept { return call(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED); }
    static void interrupt_others() noexcept {
        while (!call(MEMBARRIER_CMD_PRIVATE_EXPEDITED))  // a child process is not enlisted
            if (!enlist()) std::abort();  // light fences were taken: there is no other way to be right
    }
    static inline const bool asymmetric = enlist();
#else
    static void interrupt_others() noexcept {}
    static constexpr bool asymmetric = false;
#endif
};

}  // namespace pinfold::mm
