// SPDX-License-Identifier: BSL-1.0
// What stands where in the words of a head: the reference count fills the first, and exact pins have one of their own; or
// references are its upper half, and exact pins the lower one.
#pragma once

#include <cstdint>
#include <type_traits>

#include "../core/config.hpp"
#include "../policy/count_traits.hpp"
#include "refusal.hpp"

namespace pinfold::detail {

/// What the undo of a refused grab calls: a full release that reports the zero crossing.
struct release_at_zero {
    template <class Count>
    crossing operator()(Count& c, typename Count::units_type units) const noexcept {
        return c.drop_units(units);
    }
};

template <class Word, bool Present>
struct pin_word {
    Word pin_word_;
};
template <class Word>
struct pin_word<Word, false> {};

/// What is grabbed: a pin is part of the references, or exact and counted besides them.
enum class grab_of : unsigned char { reference, pin, exact_pin };

template <class P>
struct head_word {
    using traits = count_traits<P>;
    using value_type = typename traits::value_type;   ///< of the reference count
    using units_type = typename traits::stored_type;  ///< of the word

    static constexpr std::uint64_t reference = std::uint64_t{1} << traits::refs_shift, pin = traits::pin_unit * reference;

    /// Units of n references, of n pins that are part of them, and of n that are counted in the same word besides.
    static constexpr units_type units(std::uint64_t n) noexcept { return static_cast<units_type>(n * reference); }
    static constexpr units_type pin_units(std::uint64_t n) noexcept { return static_cast<units_type>(n * pin); }
    static constexpr units_type exact_units(std::uint64_t n) noexcept
        requires traits::joined
    {
        return static_cast<units_type>(n * (reference + 1));
    }
    template <grab_of What>
    static constexpr units_type units_of(std::uint64_t n) noexcept {
        if constexpr (What == grab_of::exact_pin) return exact_units(n);
        else if constexpr (What == grab_of::pin) return pin_units(n);
        else return units(n);
    }
    /// The largest n of one call.
    template <grab_of What>
    static constexpr std::uint64_t most = traits::batch_max(What == grab_of::pin ? traits::pin_unit : 1);

    static constexpr value_type references(units_type word) noexcept {
        return static_cast<value_type>(word >> traits::refs_shift);
    }
    static constexpr units_type stored(value_type refs) noexcept {
        using U = std::make_unsigned_t<units_type>;
        return static_cast<units_type>(static_cast<U>(static_cast<U>(refs) << traits::refs_shift));
    }
    /// The word with another reference count; exact pins in it stay.
    static constexpr units_type with_references(units_type word, value_type refs) noexcept {
        if constexpr (traits::joined) return static_cast<units_type>(stored(refs) | static_cast<units_type>(lower(word)));
        else return stored(refs);
    }
    /// The lower half of a joined word; of every other word all of it.
    template <class V>
    static constexpr typename traits::unsigned_type lower(V word) noexcept {
        return static_cast<typename traits::unsigned_type>(word);
    }

    /// Whether nobody has a reference any more: the head is dead, also where pins were counted that nobody gave back.
    static constexpr bool is_last(units_type now) noexcept { return references(now) == 0; }

    static constexpr bool split_pinned(value_type v) noexcept {
        return (v >> traits::ref_bits) != 0 && !traits::in_dead_band(v) && !traits::in_blocked_band(v);
    }

    /// Whether a live word of value v can be lowered by u units somebody holds.
    static constexpr bool covers(units_type v, units_type u) noexcept {
        return v < 0 || u < 0 || (v >= u && (!traits::joined || lower(v) >= lower(u)));
    }
    /// Whether u more units would bring a live word where it is not told from a dead one. Only batches are so large.
    static constexpr bool reaches_the_dead(units_type seen, units_type u) noexcept {
        if constexpr (traits::bounds_itself) {
            const value_type now = wrap_add(references(seen), references(u));
            return references(u) > static_cast<value_type>(traits::below_the_dead(1)) && references(seen) > 0 && now < 0 &&
                   now >= traits::dead_value - static_cast<value_type>(traits::in_flight);
        } else {
            return false;
        }
    }
    /// Whether a grab that looks at a word refuses to add to it.
    PINFOLD_DETAIL_HOT static constexpr bool refuses(units_type seen) noexcept {
        if constexpr (traits::joined && (traits::overflow == overflow_rule::refuse || traits::overflow == overflow_rule::trap))
            return seen < units(1);
        else return detail::refuses<P>(references(seen));
    }
    PINFOLD_DETAIL_HOT static units_type raised(units_type seen, units_type u) noexcept {
        if constexpr (traits::joined) return detail::wrap_add(seen, u);
        else return detail::raised<P>(seen, u);
    }
};

/// The add met a value that refuses it. Its undo is a full release: it may have outlived everybody else (I4).
template <class P, bool IsPin, class Count, class Undo>
PINFOLD_DETAIL_COLD outcome refuse_added(Count& c, typename head_word<P>::units_type met, typename head_word<P>::units_type u,
                                         Undo undo) noexcept {
    const auto refs = head_word<P>::references(met);
    outcome why = explain<P, IsPin>(refs, head_word<P>::references(u));
    // Released too often, the word is in nobody's hands: nothing is asserted of it, and no hook is told.
    const bool is_underflow = refs < 0 && !count_traits<P>::in_dead_band(refs) && wrap_add(refs, head_word<P>::references(u)) >= 0;
    why.undo = is_underflow ? c.drop_units_idle(u) : undo(c, u);
    return why;
}

/// Effects: adds u units to a word that does not refuse them; nothing is in flight. Complexity: a load and a
/// compare-exchange, lock-free.
template <class P, grab_of What>
PINFOLD_DETAIL_HOT outcome grab_by_exchange(typename P::word& word, typename head_word<P>::units_type u) noexcept {
    using traits = count_traits<P>;
    using layout = head_word<P>;
    constexpr bool is_pin = What != grab_of::reference;
    typename layout::units_type seen = word.load();
    for (;;) {
        if (layout::refuses(seen)) [[unlikely]] {
            if (const auto met = layout::references(seen); is_pin || !traits::in_blocked_band(met))
                return refusal(explain<P, is_pin>(met, layout::references(u)));
        }
        if constexpr (What == grab_of::pin)
            if (layout::reaches_the_dead(seen, u)) [[unlikely]]
                return refusal(refuse_batch<P>(layout::references(seen), traits::below_the_dead(traits::pin_unit),
                                               static_cast<std::uint64_t>(layout::references(u)) / traits::pin_unit));
        const typename layout::units_type now = layout::raised(seen, u);
        if (word.swap_if_weak(seen, now)) [[likely]] {
            if constexpr (!traits::joined) report_saturation<P>(seen, now, u);
            return {};
        }
    }
}

}  // namespace pinfold::detail
