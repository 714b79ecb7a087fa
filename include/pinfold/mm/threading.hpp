// SPDX-License-Identifier: BSL-1.0
// What the MM asks of threads, in one place: words, locks, letting others run, sleeping, and what each thread has of its
// own. A program that explores the MM's own races has other threads, and so another answer to all of it.
//
// Knob: PINFOLD_MM_EXPLORED (0 or 1; default 0; the same in every file of a program). 1 takes check::threading instead:
// every word that two threads touch is a step of the interleaving explorer (check/threading.hpp).
#pragma once

#include <cstdint>

#ifndef PINFOLD_MM_EXPLORED
#define PINFOLD_MM_EXPLORED 0
#endif

#if PINFOLD_MM_EXPLORED
#include "../check/threading.hpp"
#else
#include <mutex>
#include <pthread.h>
#include <sched.h>
#include <shared_mutex>

#include "../word/atomic_word.hpp"
#endif

namespace pinfold::mm {

#if PINFOLD_MM_EXPLORED
using threading = check::threading;
#else
/// The threads of the system.
struct threading {
    template <class T>
    using word = atomic_word<T>;
    using mutex = std::mutex;
    using shared_mutex = std::shared_mutex;

    /// Effects: waits a little, so that the other of two threads on one CPU can go on.
    static void relax(unsigned& spins) noexcept {
        if (++spins > 64) sched_yield();
    }
    static void yield() noexcept { sched_yield(); }
    /// Effects: waits until w is 0; it is 1 then. Synchronises: acquire.
    static void lock(word<std::int32_t>& w) noexcept {
        for (unsigned spins = 0;; relax(spins)) {
            std::int32_t free = 0;
            if (w.load() == 0 && w.swap_if_weak(free, 1)) return;
        }
    }
    /// Returns: the bits of mask. Synchronises: with nothing.
    template <class T>
    [[nodiscard]] static T look(const word<T>& w, T mask) noexcept {
        return w.load() & mask;
    }
    /// Effects: sets `on`, clears `off`. Returns: what those bits were before. Synchronises: one sequentially consistent
    /// read-modify-write, unless that changes nothing.
    template <class T>
    static T change(word<T>& w, T on, T off) noexcept {
        T seen = w.load();
        for (;;) {
            const T next = (seen | on) & ~off;
            if (next == seen || w.swap_if_weak(seen, next)) return seen & (on | off);
        }
    }
    /// Returns: the T of the calling thread, made when it first asks.
    template <class T>
    [[nodiscard]] static T& own() noexcept {
        thread_local T value;
        return value;
    }
    /// One thread waits for it, any thread gives it; given twice before it is taken, it is one.
    class permit {  // of POSIX, as the rest here: <condition_variable> costs every includer more than all of Boost.Atomic
    public:
        permit() = default;
        permit(const permit&) = delete;
        permit& operator=(const permit&) = delete;
        ~permit() {
            pthread_cond_destroy(&changed_);
            pthread_mutex_destroy(&lock_);
        }
        void take() noexcept {
            pthread_mutex_lock(&lock_);
            while (!given_) pthread_cond_wait(&changed_, &lock_);
            given_ = false;
            pthread_mutex_unlock(&lock_);
        }
        void give() noexcept {
            pthread_mutex_lock(&lock_);
            given_ = true;
            pthread_cond_signal(&changed_);
            pthread_mutex_unlock(&lock_);
        }

    private:
        pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
        pthread_cond_t changed_ = PTHREAD_COND_INITIALIZER;
        bool given_ = false;
    };
};
#endif

using mutex = threading::mutex;
using shared_mutex = threading::shared_mutex;
using word32 = threading::word<std::int32_t>;
using word64 = threading::word<std::int64_t>;
using pointer_word = threading::word<std::intptr_t>;

}  // namespace pinfold::mm
