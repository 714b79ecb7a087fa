// SPDX-License-Identifier: BSL-1.0
// Overflow arithmetic at compile time: what a policy promises to use, and what a count word can hold.
// Terms: unit, one step of the count word; bias, the units of one pin; head word, the word that is counted in.
#pragma once

#include <cstdint>

namespace pinfold {

/// What a policy promises: at most `holders` holders (threads, devices, mappings …) hold at the same time, each
/// at most `refs_each` references and `pins_each` pins of one head, and no call asks for more than `batch` at once.
/// Units: plain counts. `holders == 0` states nothing: no bound is checked, and none is known.
struct budget {
    std::uint64_t holders = 0;
    std::uint64_t refs_each = 0;
    std::uint64_t pins_each = 0;
    std::uint64_t batch = 1;

    [[nodiscard]] constexpr bool stated() const noexcept { return holders != 0; }
};

/// A budget that promises nothing. Danger: the library can then prove nothing.
inline constexpr budget unstated_budget{};

namespace detail {

inline constexpr std::uint64_t no_limit = ~std::uint64_t{0};

[[nodiscard]] constexpr std::uint64_t saturating_mul(std::uint64_t a, std::uint64_t b) noexcept {
    std::uint64_t r = 0;
    return __builtin_mul_overflow(a, b, &r) ? no_limit : r;
}
[[nodiscard]] constexpr std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) noexcept {
    std::uint64_t r = 0;
    return __builtin_add_overflow(a, b, &r) ? no_limit : r;
}

}  // namespace detail

/// Returns: the largest value of a signed word of `bits` bits.
[[nodiscard]] constexpr std::uint64_t word_max(unsigned bits) noexcept {
    return (std::uint64_t{1} << (bits - 1)) - 1;
}

/// Returns: how many pins of `bias` units fit beside `baseline` other units in a signed word of `bits` bits.
/// Source: spec 01 §4.1.
[[nodiscard]] constexpr std::uint64_t pins_that_fit(unsigned bits, std::uint64_t bias,
                                                    std::uint64_t baseline) noexcept {
    return baseline > word_max(bits) ? 0 : (word_max(bits) - baseline) / bias;
}

/// Returns: how many times a whole block of `pages` sub-pages, each counted on the head, can be pinned; 0 when
/// not even once. Source: spec 01 §4.1, DEF-17.
[[nodiscard]] constexpr std::uint64_t full_pins_that_fit(unsigned bits, std::uint64_t bias, std::uint64_t pages,
                                                         std::uint64_t baseline) noexcept {
    return pins_that_fit(bits, detail::saturating_mul(bias, pages), baseline);
}

/// Returns: the largest n for which n × unit fits a signed word of `bits` bits, computed without overflow.
/// Source: spec 01 §4.3, DEF-18.
[[nodiscard]] constexpr std::uint64_t batch_that_fits(unsigned bits, std::uint64_t unit) noexcept {
    return unit == 0 ? detail::no_limit : word_max(bits) / unit;
}

/// What follows from a budget, a word and a pin scheme. Everything is in plain counts unless it says units.
struct budget_limits {
    std::uint64_t max_refs = 0;               ///< references held at once, over all holders
    std::uint64_t max_pins = 0;               ///< pins held at once, over all holders
    std::uint64_t units_needed = 0;           ///< units of the head word when all of that is held
    std::uint64_t units_available = 0;        ///< largest value of the head word
    std::uint64_t first_false_positive = 0;   ///< references that look like a pin; no_limit: never
    std::uint64_t first_wrap = 0;             ///< pin that makes an otherwise once-referenced word negative
    std::uint64_t largest_batch = 0;          ///< largest n of one call
    std::uint64_t transient_needed = 0;       ///< units of all speculative adds in flight (I5)
    std::uint64_t transient_available = 0;    ///< bound they must stay below; no_limit: none are ever in flight
    bool refs_overlap_pins = false;           ///< whether many references can look like a pin

    [[nodiscard]] constexpr bool fits() const noexcept {
        return units_needed <= units_available && transient_needed < transient_available;
    }
};

}  // namespace pinfold
