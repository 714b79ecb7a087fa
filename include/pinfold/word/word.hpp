// SPDX-License-Identifier: BSL-1.0
// The count word: one signed integer with exactly the operations counting needs, named by their purpose.
// The memory order of each is fixed here and nowhere else (spec 01 §3).
#pragma once

#include <type_traits>

namespace pinfold {

namespace detail {
template <class A, class B>
concept same = std::is_same_v<A, B>;  // std::same_as without the cost of <concepts>
}

/// A type W is a count word if and only if every expression of the table is valid and has the stated meaning;
/// `value_type` is a signed integer of 8, 16, 32 or 64 bits, arithmetic on it wraps.
///
/// | expression           | returns       | means                                        | order                          |
/// |----------------------|---------------|----------------------------------------------|--------------------------------|
/// | W{v}                 |               | a word of value v that nobody else sees yet  |                                |
/// | w.load()             | value_type    | the value                                    | relaxed                        |
/// | w.load_acquire()     | value_type    | the value, and what was published with it    | acquire                        |
/// | w.store(v)           | void          | set while nobody else can see the word       | relaxed                        |
/// | w.publish(v)         | void          | set, and show everything done before         | release                        |
/// | w.publish_add(n)     | void          | add, and show everything done before         | release                        |
/// | w.adjust(n)          | void          | add; the caller already holds the word alive | relaxed                        |
/// | w.adjust_sub(n)      | void          | subtract; the same                           | release                        |
/// | w.hold(n)            | bool          | adjust(n); is the new value negative?        | relaxed                        |
/// | w.grab(n)            | bool          | add; is the new value negative?              | sequentially consistent        |
/// | w.fetch_grab(n)      | value_type    | add; the value before                        | sequentially consistent        |
/// | w.drop(n)            | bool          | subtract; is the new value zero?             | acquire and release            |
/// | w.drop_fetch(n)      | value_type    | subtract; the new value                      | acquire and release            |
/// | w.swap_if(e, d)      | bool          | e → d if it is e (e becomes the value seen)  | seq. cst., relaxed on failure  |
/// | w.swap_if_weak(e, d) | bool          | the same, may fail for no reason             | seq. cst., relaxed on failure  |
/// | W::rmw_fence()       | void          | nothing later moves above the RMW before it  | full fence                     |
/// | W::full_fence()      | void          | store-load barrier                           | full fence                     |
///
/// Why these orders: `grab` and `swap_if` are one side of the pin / unmap pattern, where each side writes and
/// then reads what the other wrote, so both need a total order. `drop` releases what was done under the
/// reference and acquires what others did, because its last caller frees. The rest needs no order: the caller's
/// reference, lock or ownership already gives it.
///
/// Minimal model: unsync_word. Non-model: std::atomic<int> (no named operations, and a signed type is required).
template <class W>
concept count_word = requires(W w, const W cw, typename W::value_type v, typename W::value_type& e) {
    requires std::is_integral_v<typename W::value_type> && std::is_signed_v<typename W::value_type>;
    W{v};
    { cw.load() } -> detail::same<typename W::value_type>;
    { cw.load_acquire() } -> detail::same<typename W::value_type>;
    w.store(v);
    w.publish(v);
    w.publish_add(v);
    w.adjust(v);
    w.adjust_sub(v);
    { w.hold(v) } -> detail::same<bool>;
    { w.grab(v) } -> detail::same<bool>;
    { w.fetch_grab(v) } -> detail::same<typename W::value_type>;
    { w.drop(v) } -> detail::same<bool>;
    { w.drop_fetch(v) } -> detail::same<typename W::value_type>;
    { w.swap_if(e, v) } -> detail::same<bool>;
    { w.swap_if_weak(e, v) } -> detail::same<bool>;
    W::rmw_fence();
    W::full_fence();
};

namespace detail {

/// Arithmetic that wraps, on a signed type, without undefined behaviour.
template <class T>
[[nodiscard]] constexpr T wrap_add(T a, T b) noexcept {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(static_cast<U>(a) + static_cast<U>(b)));
}
template <class T>
[[nodiscard]] constexpr T wrap_sub(T a, T b) noexcept {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(static_cast<U>(a) - static_cast<U>(b)));
}

}  // namespace detail

}  // namespace pinfold
