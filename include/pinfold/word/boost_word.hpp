// SPDX-License-Identifier: BSL-1.0
// The operations of a count word on top of any Boost.Atomic integer: the one place where memory orders are
// chosen and where ThreadSanitizer is given what it can see.
#pragma once

#include <boost/atomic/fences.hpp>
#include <boost/memory_order.hpp>

#include "../core/config.hpp"
#include "word.hpp"

namespace pinfold::detail {

#if PINFOLD_DETAIL_TSAN
inline int tsan_fence_word = 0;
#endif

/// Store-load barrier. Boost's fence is a locked instruction on x86; ThreadSanitizer does not see standalone
/// fences, so there it is a read-modify-write of one word.
inline void store_load_fence() noexcept {
#if PINFOLD_DETAIL_TSAN
    __atomic_fetch_add(&tsan_fence_word, 0, __ATOMIC_SEQ_CST);
#else
    boost::atomics::atomic_thread_fence(boost::memory_order_seq_cst);
#endif
}

/// The fence behind a sequentially consistent read-modify-write: on x86 that instruction already is one.
PINFOLD_DETAIL_HOT void after_rmw_fence() noexcept {
#if (defined(__x86_64__) || defined(__i386__)) && !PINFOLD_DETAIL_TSAN
    boost::atomics::atomic_signal_fence(boost::memory_order_seq_cst);
#else
    store_load_fence();
#endif
}

/// Atomic: boost::atomic<T> or boost::ipc_atomic<T>.
/// Before Boost 1.89 the `*_and_test` and `opaque_*` forms are inline assembly that ThreadSanitizer cannot see:
/// under it plain `fetch_*` is used.
template <class Atomic, class T>
class boost_word {
public:
    using value_type = T;

    constexpr boost_word() noexcept : value_(T{0}) {}
    constexpr explicit boost_word(T v) noexcept : value_(v) {}
    boost_word(const boost_word&) = delete;
    boost_word& operator=(const boost_word&) = delete;

    PINFOLD_DETAIL_HOT T load() const noexcept { return value_.load(boost::memory_order_relaxed); }
    PINFOLD_DETAIL_HOT T load_acquire() const noexcept { return value_.load(boost::memory_order_acquire); }
    PINFOLD_DETAIL_HOT void store(T v) noexcept { value_.store(v, boost::memory_order_relaxed); }
    PINFOLD_DETAIL_HOT void publish(T v) noexcept { value_.store(v, boost::memory_order_release); }
    PINFOLD_DETAIL_HOT void publish_add(T n) noexcept { add(n, boost::memory_order_release); }
    PINFOLD_DETAIL_HOT void adjust(T n) noexcept { add(n, boost::memory_order_relaxed); }
    PINFOLD_DETAIL_HOT void adjust_sub(T n) noexcept {
#if PINFOLD_DETAIL_TSAN
        value_.fetch_sub(n, boost::memory_order_release);
#else
        value_.opaque_sub(n, boost::memory_order_release);
#endif
    }

    // `add(n) < 0` becomes `lock add; js` with g++; the other spellings become xadd.
    PINFOLD_DETAIL_HOT bool hold(T n) noexcept { return value_.add(n, boost::memory_order_relaxed) < 0; }
    PINFOLD_DETAIL_HOT bool grab(T n) noexcept { return value_.add(n, boost::memory_order_seq_cst) < 0; }
    PINFOLD_DETAIL_HOT T fetch_grab(T n) noexcept { return value_.fetch_add(n, boost::memory_order_seq_cst); }

    // `sub_and_test(n)` (true when not zero) becomes `lock sub; jcc` on every compiler, also for variable n.
    PINFOLD_DETAIL_HOT bool drop(T n) noexcept {
#if PINFOLD_DETAIL_TSAN
        return value_.fetch_sub(n, boost::memory_order_acq_rel) == n;
#else
        return !value_.sub_and_test(n, boost::memory_order_acq_rel);
#endif
    }
    PINFOLD_DETAIL_HOT T drop_fetch(T n) noexcept { return value_.sub(n, boost::memory_order_acq_rel); }

    PINFOLD_DETAIL_HOT bool swap_if(T& expected, T desired) noexcept {
        return value_.compare_exchange_strong(expected, desired, boost::memory_order_seq_cst,
                                              boost::memory_order_relaxed);
    }
    PINFOLD_DETAIL_HOT bool swap_if_weak(T& expected, T desired) noexcept {
        return value_.compare_exchange_weak(expected, desired, boost::memory_order_seq_cst,
                                            boost::memory_order_relaxed);
    }

    PINFOLD_DETAIL_HOT static void rmw_fence() noexcept { after_rmw_fence(); }
    PINFOLD_DETAIL_HOT static void full_fence() noexcept { store_load_fence(); }

private:
    PINFOLD_DETAIL_HOT void add(T n, boost::memory_order order) noexcept {
#if PINFOLD_DETAIL_TSAN
        value_.fetch_add(n, order);
#else
        value_.opaque_add(n, order);
#endif
    }

    Atomic value_;
};

}  // namespace pinfold::detail
