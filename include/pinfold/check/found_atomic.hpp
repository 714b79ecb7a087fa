// SPDX-License-Identifier: BSL-1.0
// An atomic integer of exactly its own size, for programs of thousands of words: in page tables, in frames that nobody
// constructs, zero-filled. Its accesses are steps of the explorer if two threads of the program touch it, which the
// exploration finds out by itself; where one thread alone does, nothing can come between and nothing is a step.
//
// What it does not see, unlike atomic.hpp: a thread that reads a word before it may know of its construction, and uses of
// words whose lifetime has ended. Memory that is written as bytes holds another word from then on.
#pragma once

#include <cstdint>
#include <type_traits>

#include "../word/boost_word.hpp"
#include "atomic.hpp"
#include "engine.hpp"
#include "plain.hpp"
#include "second_look.hpp"

namespace pinfold::check {

/// The part of boost::atomic<T> that words use, and await().
template <class T>
class found_atomic {
    static_assert(std::is_integral_v<T>, "pinfold: an explored atomic holds an integer");

public:
    using value_type = T;

    constexpr found_atomic() noexcept : found_atomic(T{}) {}
    constexpr explicit found_atomic(T v) noexcept : value_(v) {
        if (!std::is_constant_evaluated() && engine() != nullptr) engine()->born(this);
    }
    found_atomic(const found_atomic&) = delete;
    found_atomic& operator=(const found_atomic&) = delete;

    T load(order o) const {
        if (!is_step()) return value_;
        return from(second_look::find(*engine(), this, [&] { return step({.what = act::load, .success = o}).before; }));
    }
    void store(T v, order o) {
        if (is_step()) (void)step({.what = act::store, .success = o, .value = to(v)});
        value_ = v;
    }
    T fetch_add(T n, order o) {
        const std::int64_t before = is_step() ? step({.what = act::add, .success = o, .value = to(n)}).before : to(value_);
        value_ = from(wrapped_sum(before, to(n), bits));
        return from(before);
    }
    bool compare_exchange(T& expected, T desired, order success, order failure, bool weak) {
        std::int64_t seen = to(value_);
        bool swaps = seen == to(expected);
        if (is_step()) {
            const effect e = step({.what = act::swap_if, .success = success, .failure = failure, .value = to(desired),
                                   .expected = to(expected), .weak = weak});
            seen = e.before, swaps = e.swapped;
        }
        if (swaps) value_ = desired;
        else expected = from(seen);
        return swaps;
    }
    /// Returns: the bits of mask. Without old values it does not matter to it what becomes of the others.
    T look(T mask) const {
        if (!is_step()) return static_cast<T>(mask & value_);
        const auto at_mask = [&] { return step({.what = act::load, .mask = static_cast<std::uint64_t>(to(mask))}).before; };
        return static_cast<T>(mask & from(second_look::find(*engine(), this, at_mask)));
    }
    /// Effects: sets `on`, clears `off`. Returns: what those bits were before.
    T change(T on, T off) {
        const std::int64_t before = is_step() ? step({.what = act::change, .success = order::seq_cst, .value = to(on),
                                                      .expected = to(off), .mask = static_cast<std::uint64_t>(to(on) | to(off))}).before
                                              : to(value_);
        value_ = static_cast<T>((from(before) | on) & ~off);
        return from(before) & (on | off);
    }
    /// Effects: waits until the newest value is `expected`, and makes it `desired`.
    void await(T expected, T desired, order o) {
        const bool waits = value_ != expected && engine() != nullptr && engine()->will_share(this);
        if (is_step() || waits)
            (void)step({.what = act::take, .success = o, .value = to(desired), .expected = to(expected)});
        value_ = desired;
    }

    // The names Boost.Atomic uses.
    T load(boost::memory_order o) const { return load(to_order(o)); }
    void store(T v, boost::memory_order o) { store(v, to_order(o)); }
    T fetch_add(T n, boost::memory_order o) { return fetch_add(n, to_order(o)); }
    T fetch_sub(T n, boost::memory_order o) { return fetch_add(from(negated(to(n))), to_order(o)); }
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
    static constexpr std::int64_t to(T v) noexcept { return wrapped_sum(static_cast<std::int64_t>(v), 0, bits); }
    static constexpr T from(std::int64_t v) noexcept { return static_cast<T>(v); }

    bool is_step() const { return engine() != nullptr && engine()->shares(this); }
    effect step(operation op) const {
        op.where = engine()->place(this, to(value_)), op.bits = bits;
        return engine()->visible(op);
    }

    T value_;
};

/// A count word on it. Synchronises: as boost_word says, since it is one. Fences are check's, as in word.hpp.
template <class T>
class found_word : public pinfold::detail::boost_word<found_atomic<T>, T> {
    using base = pinfold::detail::boost_word<found_atomic<T>, T>;

public:
    constexpr found_word() noexcept = default;
    constexpr explicit found_word(T v) noexcept : base(v) {}

    static void rmw_fence() noexcept { full_fence(); }
    static void full_fence() noexcept {
        if (detail::engine* const e = detail::exploring()) e->fence(order::seq_cst);
    }
};

}  // namespace pinfold::check
