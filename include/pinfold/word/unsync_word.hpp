// SPDX-License-Identifier: BSL-1.0
// The count word for one thread. Danger: two threads that touch it race.
#pragma once

#include "../core/config.hpp"
#include "word.hpp"

namespace pinfold {

/// A count word that is a plain integer. Synchronises: with nothing.
template <class T>
class unsync_word {
public:
    using value_type = T;

    constexpr unsync_word() noexcept = default;
    constexpr explicit unsync_word(T v) noexcept : value_(v) {}
    unsync_word(const unsync_word&) = delete;
    unsync_word& operator=(const unsync_word&) = delete;

    constexpr T load() const noexcept { return value_; }
    constexpr T load_acquire() const noexcept { return value_; }
    constexpr void store(T v) noexcept { value_ = v; }
    constexpr void publish(T v) noexcept { value_ = v; }
    constexpr void publish_add(T n) noexcept { adjust(n); }
    constexpr void adjust(T n) noexcept { value_ = detail::wrap_add(value_, n); }
    constexpr void adjust_sub(T n) noexcept { value_ = detail::wrap_sub(value_, n); }
    constexpr bool hold(T n) noexcept { return adjust(n), value_ < 0; }
    constexpr bool grab(T n) noexcept { return adjust(n), value_ < 0; }
    constexpr T fetch_grab(T n) noexcept {
        const T before = value_;
        adjust(n);
        return before;
    }
    constexpr bool drop(T n) noexcept { return adjust_sub(n), value_ == 0; }
    constexpr T drop_fetch(T n) noexcept { return adjust_sub(n), value_; }
    constexpr bool swap_if(T& expected, T desired) noexcept {
        if (value_ != expected) {
            expected = value_;
            return false;
        }
        value_ = desired;
        return true;
    }
    constexpr bool swap_if_weak(T& expected, T desired) noexcept { return swap_if(expected, desired); }

    static constexpr void rmw_fence() noexcept {}
    static constexpr void full_fence() noexcept {}

private:
    T value_ = 0;
};

}  // namespace pinfold
