// SPDX-License-Identifier: BSL-1.0
// Compile-time diagnostics of a count policy: the first requirement that fails, as one English sentence.
#pragma once

#include "../core/budget.hpp"
#include "../word/word.hpp"
#include "count_traits.hpp"
#include "overflow_rule.hpp"
#include "pin_form.hpp"

namespace pinfold {

namespace detail {

enum class count_fault : unsigned char {
    none, no_word, bad_word, no_pins, bad_bias, wide_bias, bad_split, no_liveness, no_overflow, saturate_sticky,
    unchecked_within,
    narrow_joined, joined_rules,
    saturate_split, bad_warnings, no_blocks_pins, no_budget, bad_batch, sticky_unstated, split_unstated, cannot_block, over_budget,
    over_transient
};

template <class S>
concept warning_sink = requires(std::int64_t limit, std::int64_t used, std::uint64_t needed) {
    requires noexcept(S::negative(limit, used, needed));
    requires noexcept(S::batch(limit, used, needed));
    requires noexcept(S::saturated(limit, used, needed));
    requires noexcept(S::underflow(limit, used, needed));
};

template <class P>
[[nodiscard]] consteval count_fault numeric_fault() {
    using t = count_traits<P>;
    if (P::budget.batch == 0) return count_fault::bad_batch;
    if (t::optimistic && !t::bounds_itself && !P::budget.stated()) return count_fault::sticky_unstated;
    if (t::form == pin_form::split && !P::budget.stated()) return count_fault::split_unstated;
    if (t::stated && t::limits.units_needed > t::limits.units_available) return count_fault::over_budget;
    if (t::limits.transient_needed >= t::limits.transient_available) return count_fault::over_transient;
    if (P::blocks_pins && t::overlaps_or_split && !t::blocked_words_fit) return count_fault::cannot_block;
    return count_fault::none;
}

template <class P>
[[nodiscard]] consteval count_fault pin_scheme_fault() {
    using pins = typename P::pins;
    constexpr unsigned bits = sizeof(typename P::word::value_type) * (joins<pins> ? 4 : 8);
    if (bits < 8) return count_fault::narrow_joined;
    if constexpr (pins::form == pin_form::overlay || pins::form == pin_form::hybrid) {
        if (pins::bias < 2 || (pins::bias & (pins::bias - 1)) != 0) return count_fault::bad_bias;
        if (static_cast<std::uint64_t>(pins::bias) > word_max(bits)) return count_fault::wide_bias;
    } else if constexpr (pins::form == pin_form::split) {
        constexpr unsigned ref_bits = pins::ref_bits == 0 ? bits / 2 : pins::ref_bits;
        if (ref_bits < 2 || ref_bits + 3 > bits) return count_fault::bad_split;
    }
    return count_fault::none;
}

/// The first fault of P, in the order in which the requirements build on each other.
template <class P>
[[nodiscard]] consteval count_fault find_count_fault() {
    if constexpr (!requires { typename P::word; })
        return count_fault::no_word;
    else if constexpr (!count_word<typename P::word>)
        return count_fault::bad_word;
    else if constexpr (!requires { { P::pins::form } -> same<const pin_form&>; })
        return count_fault::no_pins;
    else if constexpr (pin_scheme_fault<P>() != count_fault::none)
        return pin_scheme_fault<P>();
    else if constexpr (!requires { { P::liveness::optimistic } -> same<const bool&>;
                                   { P::liveness::load_test } -> same<const bool&>; })
        return count_fault::no_liveness;
    else if constexpr (!requires { { P::overflow::rule } -> same<const overflow_rule&>; })
        return count_fault::no_overflow;
    else if constexpr (P::overflow::rule == overflow_rule::saturate && P::liveness::optimistic)
        return count_fault::saturate_sticky;
    else if constexpr (P::overflow::rule == overflow_rule::unchecked && requires { P::liveness::at_once; })
        return count_fault::unchecked_within;
    else if constexpr (joins<typename P::pins> && ((P::liveness::optimistic && !count_traits<P>::bounds_itself) ||
                                                  P::overflow::rule == overflow_rule::saturate))
        return count_fault::joined_rules;
    else if constexpr (P::overflow::rule == overflow_rule::saturate && P::pins::form == pin_form::split)
        return count_fault::saturate_split;
    else if constexpr (!requires { requires warning_sink<typename P::warnings>; })
        return count_fault::bad_warnings;
    else if constexpr (!requires { { P::blocks_pins } -> same<const bool&>; })
        return count_fault::no_blocks_pins;
    else if constexpr (!requires { { P::budget } -> same<const pinfold::budget&>; })
        return count_fault::no_budget;
    else
        return numeric_fault<P>();
}

template <std::uint64_t N>
struct units_needed;
template <std::uint64_t N>
struct units_available;
template <std::uint64_t N>
struct references;
template <std::uint64_t N>
struct pins;
template <std::uint64_t N>
struct units_in_flight;
template <std::uint64_t N>
struct must_stay_below;

/// The numbers stand in the name of this class, so that every compiler prints them with the error.
template <class Needed, class Available, class... What>
struct budget_exceeded {
    static constexpr bool value = sizeof(Needed*) == 0;
    static_assert(value, "pinfold: the policy's budget does not fit the count word (the numbers stand in the name of "
                         "budget_exceeded<...>); use a wider word, fewer holders, a smaller bias, or exact pins");
};
template <class Needed, class Available, class... What>
struct too_many_in_flight {
    static constexpr bool value = sizeof(Needed*) == 0;
    static_assert(value, "pinfold: under sticky_dead, holders x batch x units of one pin must stay below 2^(bits-2), under "
                         "sticky_dead_within threads x at once x units (the numbers stand in the name of too_many_in_flight<...>); use a 64-bit word or a smaller batch");
};

template <class P, count_fault F>
struct report_numbers {};
template <class P>
struct report_numbers<P, count_fault::over_budget> {
    using traits = count_traits<P>;
    static_assert(sizeof(budget_exceeded<units_needed<traits::limits.units_needed>,
                                         units_available<traits::limits.units_available>,
                                         references<traits::limits.max_refs>, pins<traits::limits.max_pins>>) != 0);
};
template <class P>
struct report_numbers<P, count_fault::over_transient> {
    using traits = count_traits<P>;
    static_assert(sizeof(too_many_in_flight<units_in_flight<traits::limits.transient_needed>,
                                            must_stay_below<traits::limits.transient_available>>) != 0);
};

}  // namespace detail

/// P is a count policy if and only if it names a word, a pin scheme, a liveness rule, an overflow rule, a warning
/// sink and a budget that fit together: derive it from count_defaults and override what differs.
/// Minimal model: count_defaults. Non-model: count_defaults with `using overflow = saturate` (needs zero_is_dead).
template <class P>
concept count_policy = detail::find_count_fault<P>() == detail::count_fault::none;

/// Instantiating it yields nothing for a count policy, and exactly one worded error otherwise.
template <class P>
struct require_count_policy {
private:
    using fault = detail::count_fault;
    static constexpr fault found = detail::find_count_fault<P>();
    static_assert(found != fault::no_word,
                  "pinfold: a count policy needs a member type `word`; derive it from pinfold::count_defaults");
    static_assert(found != fault::bad_word,
                  "pinfold: `word` is not a count word; use atomic_word, unsync_word or ipc_word of a signed integer");
    static_assert(found != fault::no_pins,
                  "pinfold: `pins` is not a pin scheme; use overlay_pins, exact_pins, hybrid_pins, hybrid_word_pins, "
                  "split_word_pins or no_pins");
    static_assert(found != fault::bad_bias, "pinfold: the bias of a pin must be a power of two, 2 or more");
    static_assert(found != fault::wide_bias, "pinfold: the bias of one pin is larger than the count word can hold");
    static_assert(found != fault::bad_split,
                  "pinfold: split_word_pins<RefBits> must leave 2 bits or more for references, 2 or more for pins, and "
                  "the sign");
    static_assert(found != fault::no_liveness,
                  "pinfold: `liveness` is not a liveness rule; use sticky_dead, sticky_dead_load_test, sticky_dead_within or "
                  "zero_is_dead");
    static_assert(found != fault::no_overflow,
                  "pinfold: `overflow` is not an overflow rule; use refuse, saturate, trap or unchecked_overflow");
    static_assert(found != fault::saturate_sticky,
                  "pinfold: saturate and sticky_dead both need the negative values of the word; use zero_is_dead with "
                  "saturate");
    static_assert(found != fault::narrow_joined,
                  "pinfold: hybrid_word_pins counts references and pins in halves of one word; it needs a word of 16 bits or "
                  "more");
    static_assert(found != fault::joined_rules,
                  "pinfold: hybrid_word_pins needs zero_is_dead or sticky_dead_within, and refuse, trap or "
                  "unchecked_overflow");
    static_assert(found != fault::saturate_split,
                  "pinfold: saturate cannot see the reference field of a split word overflow; use refuse with "
                  "split_word_pins");
    static_assert(found != fault::unchecked_within,
                  "pinfold: sticky_dead_within tells the dead from words that overflowed, which unchecked_overflow lets climb "
                  "on; use refuse or trap, or zero_is_dead");
    static_assert(found != fault::bad_warnings,
                  "pinfold: `warnings` is not a warning sink; it needs noexcept negative, batch, saturated and underflow "
                  "(limit, used, needed)");
    static_assert(found != fault::no_blocks_pins,
                  "pinfold: `blocks_pins` must be a static constexpr bool; derive the policy from pinfold::count_defaults");
    static_assert(found != fault::cannot_block,
                  "pinfold: blocks_pins in a word shared with references needs refuse or trap, and under sticky_dead a "
                  "budget whose units and grabs in flight stay below the blocked values; use fewer holders or a wider "
                  "word");
    static_assert(found != fault::no_budget,
                  "pinfold: `budget` must be a static constexpr pinfold::budget; use pinfold::unstated_budget to state "
                  "nothing");
    static_assert(found != fault::bad_batch, "pinfold: budget.batch must be 1 or more");
    static_assert(found != fault::sticky_unstated,
                  "pinfold: sticky_dead needs a stated budget: holders and batch bound the grabs in flight; use "
                  "zero_is_dead or sticky_dead_within without one");
    static_assert(found != fault::split_unstated,
                  "pinfold: split_word_pins cannot see its reference field carry into the pins: state a budget");
    static_assert(sizeof(detail::report_numbers<P, found>) != 0);
};

}  // namespace pinfold
