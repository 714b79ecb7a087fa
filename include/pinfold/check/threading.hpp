// SPDX-License-Identifier: BSL-1.0
// Threads as a large program asks for them (mm/threading.hpp), explored: its words are found_word, its locks wait in one
// step and sleep until they can have what they wait for, so that waiting is no loop. Outside an exploration, and before its
// threads begin, all of it is plain and for one thread.
#pragma once

#include <array>
#include <cstdint>

#include "explore.hpp"
#include "found_atomic.hpp"

namespace pinfold::check {

struct threading {
    template <class T>
    using word = found_word<T>;

    /// Synchronises: lock acquires, unlock releases; weaker than any mutex of a system is.
    class mutex {
    public:
        void lock() { taken_.await(0, 1, order::acquire); }
        [[nodiscard]] bool try_lock() {
            std::int32_t free = 0;
            return taken_.compare_exchange(free, 1, order::acquire, order::relaxed, false);
        }
        void unlock() { taken_.store(0, order::release); }

    private:
        found_atomic<std::int32_t> taken_;
    };
    /// Synchronises: as mutex. Who waits is not preferred to who comes.
    class shared_mutex {
    public:
        void lock() { held_.await(0, alone, order::acquire); }
        [[nodiscard]] bool try_lock() {
            std::int32_t free = 0;
            return held_.compare_exchange(free, alone, order::acquire, order::relaxed, false);
        }
        void unlock() { held_.store(0, order::release); }
        void lock_shared() {
            while (!try_lock_shared()) pause();
        }
        [[nodiscard]] bool try_lock_shared() {
            for (std::int32_t by = held_.load(order::relaxed); by != alone;)
                if (held_.compare_exchange(by, by + 1, order::acquire, order::relaxed, false)) return true;
            return false;
        }
        void unlock_shared() { (void)held_.fetch_add(-1, order::release); }

    private:
        static constexpr std::int32_t alone = -1;
        found_atomic<std::int32_t> held_;  ///< threads that share it
    };
    class permit {
    public:
        void take() { given_.await(1, 0, order::acquire); }
        void give() noexcept { given_.store(1, order::release); }

    private:
        found_atomic<std::int32_t> given_;
    };

    static void relax(unsigned&) noexcept { pause(); }
    static void yield() noexcept { pause(); }
    /// Effects: the loop of a lock word in one step: to look again and find it taken changes nothing.
    static void lock(word<std::int32_t>& w) noexcept { atomic_of(w).await(0, 1, order::acquire); }
    /// Returns: the bits of mask. Synchronises: with nothing.
    template <class T>
    [[nodiscard]] static T look(const word<T>& w, T mask) noexcept {
        return atomic_of(const_cast<word<T>&>(w)).look(mask);
    }
    /// Effects: sets `on`, clears `off`. Returns: what those bits were before. The loop of the product, where loads are of the
    /// newest value one step: to find that somebody was faster, and to do it again, changes nothing.
    template <class T>
    static T change(word<T>& w, T on, T off) noexcept {
        const detail::engine* const e = detail::exploring();
        if (e == nullptr || !e->old_values()) return atomic_of(w).change(on, off);
        T seen = w.load();
        for (;;) {
            const T next = (seen | on) & ~off;
            if (next == seen || w.swap_if_weak(seen, next)) return seen & (on | off);
        }
    }

    /// Returns: the T of the calling thread of the exploration. Requires: the first call for a T is before its threads
    /// begin. What an execution leaves in it is there in the next.
    template <class T>
    [[nodiscard]] static T& own() noexcept {
        return all<T>()[detail::exploring() != nullptr ? detail::engine::current->me() : main_thread];
    }
    template <class T>
    [[nodiscard]] static std::array<T, max_threads>& all() noexcept {
        static std::array<T, max_threads> of_each;
        return of_each;
    }

private:
    template <class T>
    static found_atomic<T>& atomic_of(word<T>& w) noexcept {
        static_assert(std::is_standard_layout_v<word<T>>);  // and so at the address of its only member
        return reinterpret_cast<found_atomic<T>&>(w);
    }
};

}  // namespace pinfold::check
