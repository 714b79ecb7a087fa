// SPDX-License-Identifier: BSL-1.0
// An atomic integer whose every access is a step of the explorer. Outside an exploration it is a plain integer.
#pragma once

#include <cstdint>
#include <type_traits>

#include "../word/boost_word.hpp"
#include "engine.hpp"

namespace pinfold::check {

[[nodiscard]] constexpr order to_order(boost::memory_order o) noexcept {
    switch (o) {
        case boost::memory_order_relaxed: return order::relaxed;
        case boost::memory_order_acquire:
        case boost::memory_order_consume: return order::acquire;
        case boost::memory_order_release: return order::release;
        case boost::memory_order_acq_rel: return order::acq_rel;
        case boost::memory_order_seq_cst: break;
    }
    return order::seq_cst;
}

/// A fence of the exploration; nothing outside one.
inline void fence(order o) {
    if (auto* const e = detail::engine::current; e != nullptr && e->active())
        e->fence(o);
}

/// The part of boost::atomic<T> that words use, T a signed or unsigned integer, bool or enumeration.
/// An object made before an execution starts every execution with the value it had then.
/// Sequentially consistent loads and stores count as acquire and release (see memory.hpp).
template <class T>
class atomic {
    static_assert(std::is_integral_v<T> || std::is_enum_v<T>, "pinfold: an explored atomic holds an integer");

public:
    using value_type = T;

    constexpr atomic() noexcept : atomic(T{}) {}
    constexpr explicit atomic(T v) noexcept : value_(v) {
        if (!std::is_constant_evaluated() && explored()) locate(false);
    }
    atomic(const atomic&) = delete;
    atomic& operator=(const atomic&) = delete;
    constexpr ~atomic() {
        if (!std::is_constant_evaluated() && explored() && stamp_ == engine()->stamp()) engine()->remove_location(id_);
    }

    T load(order o) const {
        if (!explored()) return value_;
        return from(engine()->visible({.what = act::load, .where = where(), .success = o, .bits = bits}).before);
    }
    void store(T v, order o) {
        if (!explored()) return void(value_ = v);
        (void)engine()->visible({.what = act::store, .where = where(), .success = o, .bits = bits, .value = to(v)});
    }
    T fetch_add(T n, order o) {
        if (!explored()) {
            const T before = value_;
            value_ = from(wrapped_sum(to(value_), to(n), bits));
            return before;
        }
        return from(
            engine()->visible({.what = act::add, .where = where(), .success = o, .bits = bits, .value = to(n)}).before);
    }
    T fetch_sub(T n, order o) { return fetch_add(from(negated(to(n))), o); }
    bool compare_exchange(T& expected, T desired, order success, order failure, bool weak) {
        if (!explored()) {
            if (value_ != expected) return expected = value_, false;
            return value_ = desired, true;
        }
        const effect e = engine()->visible({.what = act::swap_if, .where = where(), .success = success, .failure = failure,
                                           .bits = bits, .value = to(desired), .expected = to(expected), .weak = weak});
        if (!e.swapped) expected = from(e.before);
        return e.swapped;
    }
    /// Effects: sleeps while the newest value is `expected`, until somebody calls wake() after that was looked at.
    void park_while(T expected) const {
        if (!explored()) return;
        const effect e = engine()->visible({.what = act::park, .where = where(), .expected = to(expected)});
        if (e.before == to(expected)) (void)engine()->visible({.what = act::woken, .where = where(), .value = e.after});
    }
    void wake() const {
        if (explored()) (void)engine()->visible({.what = act::wake, .where = where()});
    }

    // The names Boost.Atomic uses.
    T load(boost::memory_order o) const { return load(to_order(o)); }
    void store(T v, boost::memory_order o) { store(v, to_order(o)); }
    T fetch_add(T n, boost::memory_order o) { return fetch_add(n, to_order(o)); }
    T fetch_sub(T n, boost::memory_order o) { return fetch_sub(n, to_order(o)); }
    T add(T n, boost::memory_order o) { return from(wrapped_sum(to(fetch_add(n, o)), to(n), bits)); }
    T sub(T n, boost::memory_order o) { return from(wrapped_sum(to(fetch_sub(n, o)), negated(to(n)), bits)); }
    void opaque_add(T n, boost::memory_order o) { (void)fetch_add(n, o); }
    void opaque_sub(T n, boost::memory_order o) { (void)fetch_sub(n, o); }
    bool sub_and_test(T n, boost::memory_order o) { return sub(n, o) != T{}; }
    bool compare_exchange_strong(T& e, T d, boost::memory_order s, boost::memory_order f) {
        return compare_exchange(e, d, to_order(s), to_order(f), false);
    }
    bool compare_exchange_weak(T& e, T d, boost::memory_order s, boost::memory_order f) {
        return compare_exchange(e, d, to_order(s), to_order(f), true);
    }

private:
    static constexpr unsigned bits = sizeof(T) * 8;
    static detail::engine* engine() noexcept { return detail::engine::current; }
    static bool explored() noexcept { return engine() != nullptr && engine()->active(); }
    static constexpr std::int64_t to(T v) noexcept { return wrapped_sum(static_cast<std::int64_t>(v), 0, bits); }
    static constexpr T from(std::int64_t v) noexcept { return static_cast<T>(v); }

    /// Requires: explored().
    std::uint32_t where() const {
        if (stamp_ != engine()->stamp()) locate(true);
        return id_;
    }
    void locate(bool older_than_the_execution) const {
        id_ = engine()->add_location(this, to(value_), older_than_the_execution);
        stamp_ = engine()->stamp();
    }

    T value_{};
    mutable std::uint32_t id_ = 0;
    mutable std::uint64_t stamp_ = 0;
};

}  // namespace pinfold::check
