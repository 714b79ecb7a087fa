// SPDX-License-Identifier: BSL-1.0
// The cold side of counting: why a grab is refused, what is reported, and the saturating arithmetic.
#pragma once

#include <cstdint>

#include "../core/config.hpp"
#include "../core/contract.hpp"
#include "../core/errc.hpp"
#include "../policy/count_traits.hpp"
#include "../word/word.hpp"
#include "pinned.hpp"

namespace pinfold::detail {

/// Does a grab that looks at the value refuse to add to it? `refuse` and `trap` look at the sign, the others for death only.
template <class P>
[[nodiscard]] PINFOLD_DETAIL_HOT constexpr bool refuses(typename count_traits<P>::value_type seen) noexcept {
    constexpr overflow_rule rule = count_traits<P>::overflow;
    return rule == overflow_rule::refuse || rule == overflow_rule::trap
               ? seen <= 0
               : seen == 0 || count_traits<P>::in_dead_band(seen);
}

template <class P>
PINFOLD_DETAIL_COLD inline void warn_negative(typename count_traits<P>::value_type seen,
                                              typename count_traits<P>::value_type u) noexcept {
    using traits = count_traits<P>;
    const auto limit = static_cast<std::int64_t>(traits::max_value);
    const auto used = static_cast<std::int64_t>(seen);
    const auto needed = static_cast<std::uint64_t>(static_cast<std::int64_t>(u));
    if constexpr (traits::overflow == overflow_rule::trap)
        trap_now(warn_report{"WARN:GRAB:negative", "count word overflowed", limit, used, needed});
    P::warnings::negative(limit, used, needed);
}

/// Tells the compiler what the caller of an out-of-line refusal knows: it is one. Then nothing of the granted path
/// has to be kept across the call.
PINFOLD_DETAIL_HOT constexpr outcome refusal(outcome why) noexcept {
    if (why) __builtin_unreachable();
    return why;
}

/// A batch whose product leaves the word: nothing was added (DEF-18).
template <class P>
PINFOLD_DETAIL_COLD inline outcome refuse_batch(typename count_traits<P>::value_type seen, std::uint64_t limit,
                                                std::uint64_t n) noexcept {
    const auto used = static_cast<std::int64_t>(seen);
    const auto most = static_cast<std::int64_t>(limit);
    if constexpr (count_traits<P>::overflow == overflow_rule::trap)
        trap_now(warn_report{"WARN:GRAB:batch", "batch exceeds the count word", most, used, n});
    P::warnings::batch(most, used, n);
    return {errc::batch_limit, crossing::none};
}

/// Why a speculative grab of u units that met `seen` was refused. Warns for overflow only: dead is ordinary.
template <class P, bool IsPin>
PINFOLD_DETAIL_COLD inline outcome explain(typename count_traits<P>::value_type seen,
                                           typename count_traits<P>::value_type u) noexcept {
    using traits = count_traits<P>;
    if (traits::in_dead_band(seen)) return {errc::dead, crossing::none};
    if (IsPin && traits::in_blocked_band(seen)) return {errc::pins_blocked, crossing::none};
    // Not negative and with room for u: it was dead when the grab met it, and lives again by now.
    if (traits::optimistic && seen >= 0 && u <= static_cast<typename traits::value_type>(traits::max_value - seen))
        return {errc::dead, crossing::none};
    warn_negative<P>(seen, u);
    return {errc::overflow, crossing::none};
}

/// The same under evidence, where a dead head is as impossible as a negative one (spec 01 §2.2, step 1).
template <class P>
PINFOLD_DETAIL_COLD inline outcome explain_held(typename count_traits<P>::value_type seen,
                                                typename count_traits<P>::value_type u) noexcept {
    using traits = count_traits<P>;
    if (traits::in_blocked_band(seen)) return {errc::pins_blocked, crossing::none};
    warn_negative<P>(seen, u);
    return {seen == 0 || traits::in_dead_band(seen) ? errc::dead : errc::overflow, crossing::none};
}

/// An infallible grab made or found the word negative. It counts all the same. On a blocked head that is ordinary:
/// refused pins are in flight.
template <class P>
PINFOLD_DETAIL_COLD inline void held_negative(typename count_traits<P>::value_type now,
                                              typename count_traits<P>::value_type u) noexcept {
    using traits = count_traits<P>;
    const auto before = wrap_sub(now, u);
    if (now >= 0 || (traits::in_blocked_band(before) && traits::in_blocked_band(now))) return;
    warn_negative<P>(before, u);
}

/// The value a compare-exchange grab installs.
template <class P>
[[nodiscard]] PINFOLD_DETAIL_HOT typename count_traits<P>::value_type raised(
    typename count_traits<P>::value_type seen, typename count_traits<P>::value_type u) noexcept {
    using traits = count_traits<P>;
    if constexpr (traits::overflow == overflow_rule::saturate) {
        if (seen < 0 || seen > static_cast<typename traits::value_type>(traits::max_value - u)) [[unlikely]]
            return traits::far_negative;
    }
    return wrap_add(seen, u);
}

/// Reports a grab that saturated the word: `seen` was live and `now` is the saturation value.
template <class P>
PINFOLD_DETAIL_HOT void report_saturation([[maybe_unused]] typename count_traits<P>::value_type seen,
                                          [[maybe_unused]] typename count_traits<P>::value_type now,
                                          [[maybe_unused]] typename count_traits<P>::value_type u) noexcept {
    using traits = count_traits<P>;
    if constexpr (traits::overflow == overflow_rule::saturate) {
        if (seen >= 0 && now < 0) [[unlikely]]
            P::warnings::saturated(traits::max_value, seen, static_cast<std::uint64_t>(u));
    }
}

template <class P, class Word>
PINFOLD_DETAIL_HOT void hold_saturating(Word& w, typename count_traits<P>::value_type u) noexcept {
    auto seen = w.load();
    for (;;) {
        // At zero the evidence was wrong: leak what somebody else believes free.
        const auto now = seen == 0 ? count_traits<P>::far_negative : raised<P>(seen, u);
        if (w.swap_if_weak(seen, now)) {
            report_saturation<P>(seen, now, u);
            return;
        }
    }
}

template <class P, class Word>
PINFOLD_DETAIL_HOT crossing drop_saturating(Word& w, typename count_traits<P>::value_type u) noexcept {
    using traits = count_traits<P>;
    auto seen = w.load();
    for (;;) {
        if (seen == traits::far_negative) return crossing::none;  // leaked for ever, never freed
        const bool underflow = seen < u;
        const auto next = underflow ? traits::far_negative : wrap_sub(seen, u);
        if (w.swap_if_weak(seen, next)) {
            if (underflow) P::warnings::underflow(0, seen, static_cast<std::uint64_t>(u));
            return next == 0 ? crossing::zero : crossing::none;
        }
    }
}

/// The overlay's answer for a word: unsigned, so that a wrapped word still says "pinned" (spec 01 §5).
/// `certainly` is said only where the budget bounds references and grabs in flight below the value.
template <class Traits>
[[nodiscard]] PINFOLD_DETAIL_HOT constexpr pinned overlay_pinned(typename Traits::value_type raw) noexcept {
    using U = typename Traits::unsigned_type;
    if (static_cast<U>(raw) < static_cast<U>(Traits::pin_unit)) return pinned::no;
    if constexpr (Traits::optimistic) {
        if (Traits::in_dead_band(raw)) return pinned::no;
    }
    if constexpr (Traits::stated) {
        constexpr std::uint64_t explained = saturating_add(Traits::limits.max_refs, Traits::limits.transient_needed);
        if (raw > 0 && static_cast<std::uint64_t>(raw) > explained && !Traits::in_blocked_band(raw))
            return pinned::certainly;
    }
    return pinned::maybe;
}

}  // namespace pinfold::detail
