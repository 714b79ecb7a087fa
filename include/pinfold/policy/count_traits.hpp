// SPDX-License-Identifier: BSL-1.0
// Numbers that follow from a count policy, all at compile time.
#pragma once

#include <cstdint>
#include <type_traits>

#include "../core/budget.hpp"
#include "overflow_rule.hpp"
#include "pin_form.hpp"

namespace pinfold {

namespace detail {

template <unsigned Bytes>
struct signed_of;
template <>
struct signed_of<1> : std::type_identity<std::int8_t> {};
template <>
struct signed_of<2> : std::type_identity<std::int16_t> {};
template <>
struct signed_of<4> : std::type_identity<std::int32_t> {};
template <>
struct signed_of<8> : std::type_identity<std::int64_t> {};

/// Whether references and exact pins are the two halves of one word.
template <class Pins>
inline constexpr bool joins = [] {
    if constexpr (requires { Pins::joined; }) return Pins::joined;
    else return false;
}();

}  // namespace detail

/// Everything count<P> derives from P. Units: steps of the reference count unless a name says otherwise.
template <class P>
struct count_traits {
    using word = typename P::word;
    /// Joined: the upper half of the word counts references, the lower one pins.
    static constexpr bool joined = detail::joins<typename P::pins>;
    using stored_type = typename word::value_type;
    using value_type = typename detail::signed_of<sizeof(stored_type) / (joined ? 2 : 1)>::type;
    using unsigned_type = std::make_unsigned_t<value_type>;

    static constexpr unsigned bits = sizeof(value_type) * 8;
    static constexpr unsigned refs_shift = joined ? bits : 0;  ///< where the reference count begins in the word
    static constexpr pin_form form = P::pins::form;
    static constexpr overflow_rule overflow = P::overflow::rule;
    static constexpr bool optimistic = P::liveness::optimistic;
    static constexpr bool stated = P::budget.stated();
    /// The liveness rule bounds by itself what is in flight (sticky_dead_within).
    static constexpr bool bounds_itself = requires { P::liveness::threads, P::liveness::at_once; };
    static constexpr bool has_pins = form != pin_form::none;
    /// Pins of large heads are counted exactly, apart from references: in a second word, or in half of the only one.
    static constexpr bool has_pin_word = form == pin_form::exact || form == pin_form::hybrid;
    /// One word holds references and pins so that many references can look like a pin.
    static constexpr bool overlaps = form == pin_form::overlay || form == pin_form::hybrid;
    static constexpr bool overlaps_or_split = overlaps || form == pin_form::split;

    static constexpr unsigned ref_bits = [] {
        if constexpr (form == pin_form::split)
            return P::pins::ref_bits == 0 ? bits / 2 : P::pins::ref_bits;
        else
            return bits - 1;
    }();

    /// Mask of the reference field of a split word.
    static constexpr std::uint64_t ref_field = ref_bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << ref_bits) - 1;

    /// Units one pin adds to the head word where it is not counted in a word of its own.
    static constexpr std::uint64_t pin_unit = [] {
        if constexpr (overlaps)
            return static_cast<std::uint64_t>(P::pins::bias);
        else if constexpr (form == pin_form::split)
            return (std::uint64_t{1} << ref_bits) + 1;
        else
            return std::uint64_t{1};
    }();

    /// −2^(bits−2): the dead value of sticky_dead, the saturation value of saturate.
    static constexpr value_type far_negative = static_cast<value_type>(-(std::int64_t{1} << (bits - 2)));
    static constexpr value_type dead_value = optimistic ? far_negative : value_type{0};
    static constexpr value_type max_value = static_cast<value_type>(word_max(bits));

    /// Added by block_pins() to the head word. Under sticky_dead it lifts the word so far that one more pin makes
    /// it negative and is refused by the ordinary test; under zero_is_dead it makes the word far negative, where
    /// grabs of references take the cold path and pass.
    static constexpr value_type block_offset =
        optimistic ? static_cast<value_type>(word_max(bits) - pin_unit + 1) : far_negative;

    /// Units in flight under a rule that bounds them itself.
    static constexpr std::uint64_t in_flight = [] {
        if constexpr (bounds_itself)
            return detail::saturating_mul(detail::saturating_mul(P::liveness::threads, P::liveness::at_once), pin_unit);
        else
            return std::uint64_t{0};
    }();
    /// Largest n of one call of `unit` that may cross the limit of any word: what comes of it is still told from a dead one,
    /// grabs in flight included. Of pins that share the word, a call may be larger where it does not cross so far.
    static constexpr std::uint64_t below_the_dead(std::uint64_t unit) noexcept {
        constexpr std::uint64_t room = std::uint64_t{1} << (bits - 2);
        return in_flight < room ? (room - in_flight) / unit : 0;
    }

    static constexpr budget_limits limits = [] {
        budget_limits l;
        const pinfold::budget b = P::budget;
        l.max_refs = detail::saturating_mul(b.holders, b.refs_each);
        l.max_pins = has_pins ? detail::saturating_mul(b.holders, b.pins_each) : 0;
        l.units_available = word_max(bits);
        l.units_needed = detail::saturating_add(l.max_refs, detail::saturating_mul(l.max_pins, pin_unit));
        if (form == pin_form::split &&
            detail::saturating_add(l.max_refs, l.max_pins) > (std::uint64_t{1} << ref_bits) - 1)
            l.units_needed = detail::no_limit;  // the reference field would carry into the pins
        l.refs_overlap_pins = overlaps;
        l.first_false_positive = overlaps ? pin_unit : detail::no_limit;
        l.first_wrap = has_pins ? pins_that_fit(bits, pin_unit, 1) + 1 : word_max(bits) + 1;
        l.largest_batch = batch_that_fits(bits, pin_unit);
        if (b.stated() && b.batch < l.largest_batch) l.largest_batch = b.batch;
        l.transient_available = optimistic ? std::uint64_t{1} << (bits - 2) : detail::no_limit;
        if constexpr (bounds_itself)
            l.transient_needed = in_flight;
        else if (optimistic)
            l.transient_needed = detail::saturating_mul(detail::saturating_mul(b.holders, b.batch), pin_unit);
        return l;
    }();

    /// Largest n of one call whose unit is `unit`.
    static constexpr std::uint64_t batch_max(std::uint64_t unit) noexcept {
        const std::uint64_t fits = bounds_itself && unit == 1 ? below_the_dead(1) : batch_that_fits(bits, unit);
        return P::budget.stated() && P::budget.batch < fits ? P::budget.batch : fits;
    }

    /// Whether pins can be blocked in a word they share with references: the grab must look at the sign, and under
    /// sticky_dead the budget must keep unblocked words, grabs in flight included, below the blocked ones.
    static constexpr bool blocked_words_fit =
        overlaps_or_split && !joined && !bounds_itself && (overflow == overflow_rule::refuse || overflow == overflow_rule::trap) &&
        (!optimistic || detail::saturating_add(limits.units_needed, limits.transient_needed) <
                            static_cast<std::uint64_t>(block_offset));
    /// block_pins() exists for heads whose pins share the word; for every head of the scheme.
    static constexpr bool can_block_shared = P::blocks_pins && blocked_words_fit;
    static constexpr bool can_block = form == pin_form::exact || can_block_shared;

    /// What an infallible grab must not meet: a dead head, or one released a few times too often (spec 01 §2.1).
    static constexpr bool looks_freed(value_type v) noexcept {
        return in_dead_band(v) || ((!optimistic || bounds_itself) && bits >= 32 && v < 0 && v >= -127);
    }

    /// The pin word of an exact scheme says "pinned": positive, or wrapped past its largest value; a blocked word
    /// lies between far_negative and −1.
    static constexpr bool pin_word_pinned(value_type v) noexcept {
        return static_cast<unsigned_type>(static_cast<unsigned_type>(v) - 1u) <
               static_cast<unsigned_type>(static_cast<unsigned_type>(far_negative) - 1u);
    }

    /// The value lies where only dead words of sticky_dead (with grabs in flight) can be.
    static constexpr bool in_dead_band(value_type v) noexcept {
        if constexpr (optimistic) {
            constexpr auto top = static_cast<unsigned_type>(limits.transient_needed);
            return static_cast<unsigned_type>(static_cast<unsigned_type>(v) -
                                              static_cast<unsigned_type>(dead_value)) <= top;
        } else {
            return v == 0;
        }
    }

    /// The value lies where only block_pins() can have put it. Under sticky_dead refused pins in flight may have
    /// lifted it further, past the largest value.
    static constexpr bool in_blocked_band(value_type v) noexcept {
        if constexpr (!can_block_shared)
            return false;
        else if constexpr (optimistic)
            return static_cast<unsigned_type>(static_cast<unsigned_type>(v) -
                                              static_cast<unsigned_type>(block_offset)) <
                   static_cast<unsigned_type>(pin_unit + limits.transient_needed);
        else
            return static_cast<unsigned_type>(static_cast<unsigned_type>(v) -
                                              static_cast<unsigned_type>(block_offset)) < pin_unit;
    }
};

}  // namespace pinfold
