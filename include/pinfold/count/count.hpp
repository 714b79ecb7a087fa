// SPDX-License-Identifier: BSL-1.0
// The counting state machine on one head: references, pins, life and death of a count word.
// It knows words and units; pages, heads and release hooks are page/. Source: spec 01.
#pragma once

#include <cstdint>

#include "../core/config.hpp"
#include "../core/contract.hpp"
#include "../core/errc.hpp"
#include "../policy/check_count.hpp"
#include "../policy/count_bundle.hpp"
#include "../policy/count_traits.hpp"
#include "broken_count.hpp"
#include "head_word.hpp"
#include "pinned.hpp"
#include "refusal.hpp"

namespace pinfold {

/// The state machine of one head. Embed it in the page: `pinfold::count<my_count> count;`.
///
/// States: dead (never allocated, freed, frozen, or a tail) and live with a sum of references and pins.
/// Requires of every operation that says so: the caller holds evidence, i.e. a reference or pin of its own, or a
/// lock under which the head cannot reach zero. n is a number of plain counts; n ≥ 1.
/// `large` matters to hybrid_pins only: whether this head counts pins exactly; other schemes ignore it.
template <class P = count_defaults, bool Valid = count_policy<P>>
class count : private detail::pin_word<typename P::word, count_traits<P>::has_pin_word && !count_traits<P>::joined> {
public:
    using policy = P;
    using traits = count_traits<P>;
    using word = typename P::word;
    using value_type = typename traits::value_type;   ///< of the reference count
    using units_type = typename traits::stored_type;  ///< of what is added to the head word, and given back

    /// Effects: a dead head. Complexity: one plain store per word.
    count() noexcept : refs_(layout::stored(traits::dead_value)) {}
    count(const count&) = delete;
    count& operator=(const count&) = delete;

    /// Effects: dead → live with n references. Requires: the caller owns the dead head alone.
    /// Synchronises: release; whoever grabs the head sees what was done to the page before. With sticky_dead it
    /// adds and does not store, so that grabs in flight are not lost (I3). Source: spec 01 §2.1.
    void init(std::uint64_t n = 1) noexcept { unfreeze(static_cast<value_type>(n)); }

    // ---- references ---------------------------------------------------------------------------------------

    /// Effects: n references, if the head is live. Speculative: needs no evidence.
    /// Synchronises: sequentially consistent on success; nothing is promised on refusal.
    /// Fails when: dead, overflowed (WARN:GRAB:negative), or n exceeds the largest batch (WARN:GRAB:batch).
    /// `undo` is called when the attempt must be taken back: `undo(count, units)` is a full release (I4).
    /// Complexity: sticky_dead one RMW, wait-free; zero_is_dead one load and one CAS, lock-free; sticky_dead_within either.
    template <class Undo = detail::release_at_zero>
    PINFOLD_DETAIL_HOT outcome try_get(std::uint64_t n = 1, Undo undo = {}) noexcept {
        return try_units<grab_of::reference>(n, undo);
    }

    /// Effects: n references. Requires: evidence. Cannot fail; if the word turns negative all the same, one
    /// WARN:GRAB:negative, and the references count, so that their release balances (INV-1).
    /// Requires: n is not larger than the largest batch.
    /// Synchronises: with nothing; the evidence does. Complexity: one RMW.
    PINFOLD_DETAIL_HOT void get(std::uint64_t n = 1) noexcept {
        PINFOLD_ASSERT(n <= traits::batch_max(1));
        hold_units(units(n));
    }

    /// Effects: n references if the word is positive, checked although the caller has evidence: Linux's rule for
    /// grabs under a page-table lock. Fails when: the word is zero or negative; nothing is changed then. The
    /// overflow policies saturate and unchecked_overflow do not look: there it is get() with the batch checked.
    /// Source: spec 01 §2.2 try_grab_folio.
    template <class Undo = detail::release_at_zero>
    PINFOLD_DETAIL_HOT outcome try_get_held(std::uint64_t n = 1, Undo undo = {}) noexcept {
        return try_held<grab_of::reference>(n, undo);
    }

    /// Effects: gives n references back. Returns: zero when this thread killed the head: it alone may free it.
    /// Synchronises: acquire and release: all accesses under other references happen before the caller's free.
    /// Complexity: one RMW; one more for the thread that meets zero under sticky_dead.
    PINFOLD_DETAIL_HOT crossing put(std::uint64_t n = 1) noexcept {
        if constexpr (!traits::joined) return drop_units(units(n));
        else return lower_by<true>(units(n)) ? kill() : crossing::none;
    }

    // ---- pins ---------------------------------------------------------------------------------------------

    /// As try_get, for n pins. Fails also when: pins are blocked.
    /// Synchronises: sequentially consistent; the caller of a lockless walk then calls fence() and re-reads what
    /// led it here. Complexity: one RMW, one more for an exact pin count.
    template <class Undo = detail::release_at_zero>
    PINFOLD_DETAIL_HOT outcome try_pin(std::uint64_t n = 1, bool large = false, Undo undo = {}) noexcept
        requires traits::has_pins
    {
        if constexpr (traits::joined) {
            if (large) return try_units<grab_of::exact_pin>(n, undo);
        } else if constexpr (traits::has_pin_word) {
            if (is_exact(large)) return try_pin_exact(n, undo);
        }
        return try_units<grab_of::pin>(n, undo);
    }

    /// As get, for n pins. Requires also: pins are not blocked, nor being blocked.
    PINFOLD_DETAIL_HOT void pin(std::uint64_t n = 1, bool large = false) noexcept
        requires traits::has_pins
    {
        PINFOLD_ASSERT(n <= traits::batch_max(is_exact(large) ? 1 : traits::pin_unit));
        if constexpr (traits::joined) {
            if (large) return hold_units(layout::exact_units(n));
        } else if constexpr (traits::has_pin_word) {
            if (is_exact(large)) {
                hold_units(units(n));
                this->pin_word_.adjust(units(n));
                return;
            }
        }
        hold_units(pin_units(n));
    }

    /// As try_get_held, for n pins; `undo` as in try_get.
    template <class Undo = detail::release_at_zero>
    PINFOLD_DETAIL_HOT outcome try_pin_held(std::uint64_t n = 1, bool large = false, Undo undo = {}) noexcept
        requires traits::has_pins
    {
        if constexpr (traits::joined) {
            if (large) return try_held<grab_of::exact_pin>(n, undo);
        } else if constexpr (traits::has_pin_word) {
            if (is_exact(large)) {
                const outcome got = try_held<grab_of::reference>(n, undo);
                if (!got) return got;
                if (this->pin_word_.hold(units(n))) [[unlikely]]
                    return detail::refusal(refuse_exact(units(n), undo));
                return {};
            }
        }
        return try_held<grab_of::pin>(n, undo);
    }

    /// Effects: gives n pins back; an exact count is lowered before the reference is dropped (spec 01 §2.3).
    /// Returns and synchronises: as put.
    PINFOLD_DETAIL_HOT crossing unpin(std::uint64_t n = 1, bool large = false) noexcept
        requires traits::has_pins
    {
        return drop_units(release_pin_part(n, large));
    }

    /// Returns: whether a device may be writing. A bool for exact schemes, `pinned` for overlay and hybrid.
    /// No false negative for a live pin (INV-4). The comparison is unsigned, so an overflowed or underflowed word
    /// answers "maybe"; dead words of sticky_dead answer "no".
    /// Synchronises: relaxed load; a caller that also changes mappings needs full_fence() before it.
    [[nodiscard]] PINFOLD_DETAIL_HOT auto maybe_pinned(bool large = false) const noexcept
        requires traits::has_pins
    {
        if constexpr (traits::form == pin_form::exact) {
            return traits::pin_word_pinned(this->pin_word_.load());
        } else if constexpr (traits::form == pin_form::split) {
            return layout::split_pinned(refs_.load());
        } else {
            if constexpr (traits::form == pin_form::hybrid) {
                if (large) return pinned{exact_pinned() ? pinned::certainly : pinned::no};
            }
            return detail::overlay_pinned<traits>(raw());
        }
    }

    // ---- life and death -----------------------------------------------------------------------------------

    /// Effects: live → frozen iff the word is exactly `expected` units: the caller then owns the head alone and
    /// may change its layout. May fail although only the caller holds it, because of a grab in flight.
    /// Synchronises: sequentially consistent on success. Source: spec 01 page_ref_freeze, spec 02 §3.
    [[nodiscard]] bool freeze(value_type expected) noexcept {
        units_type all = layout::with_references(traits::joined ? refs_.load() : units_type{}, expected);
        return refs_.swap_if(all, layout::with_references(all, traits::dead_value));
    }

    /// Effects: frozen or dead → live with exactly `value` units. Requires: the caller froze or owns it; value > 0.
    /// Synchronises: release.
    void unfreeze(value_type value) noexcept {
        PINFOLD_ASSERT(value > 0);
        PINFOLD_ASSERT(traits::in_dead_band(raw()));
        if constexpr (traits::optimistic)
            refs_.publish_add(layout::stored(detail::wrap_sub(value, traits::dead_value)));
        else
            refs_.publish(layout::with_references(traits::joined ? refs_.load() : units_type{}, value));
    }

    /// Effects: from now on pins are refused (errc::pins_blocked) while references are granted as before, iff no
    /// pin is held. The head cannot die while blocked. In a shared word (overlay, split) there must be fewer
    /// references than one pin has units, then and until unblock_pins(), and maybe_pinned() answers maybe meanwhile;
    /// it exists there for policies that say blocks_pins.
    /// Requires: evidence, kept until unblock_pins(). Synchronises: sequentially consistent on success.
    [[nodiscard]] bool block_pins(bool large = false) noexcept
        requires traits::can_block
    {
        if constexpr (traits::has_pin_word) {
            if (is_exact(large)) {
                value_type none = 0;
                return this->pin_word_.swap_if(none, traits::far_negative);
            }
        }
        value_type seen = refs_.load();
        do {
            if (seen <= 0 || static_cast<std::uint64_t>(seen) >= traits::pin_unit) return false;
        } while (!refs_.swap_if_weak(seen, detail::wrap_add(seen, traits::block_offset)));
        return true;
    }

    /// Effects: undoes block_pins(); `undo` as in try_get. It is a release: what other holders let go meanwhile in a
    /// shared word (to zero, to idle) is seen now.
    /// Returns: what `undo` returned; none for an exact count.
    template <class Undo = detail::release_at_zero>
    crossing unblock_pins(bool large = false, Undo undo = {}) noexcept
        requires traits::can_block
    {
        if constexpr (traits::has_pin_word) {
            if (is_exact(large)) {
                this->pin_word_.adjust_sub(traits::far_negative);
                return crossing::none;
            }
        }
        return undo(*this, traits::block_offset);
    }

    // ---- queries ------------------------------------------------------------------------------------------

    /// Returns: the reference count as it is, grabs in flight and dead values included. Synchronises: relaxed.
    [[nodiscard]] value_type raw() const noexcept { return layout::references(refs_.load()); }

    /// Returns: the reference count as Linux shows it: pins included as the scheme counts them (overlay: bias
    /// units each; exact, split: one each); 0 for a dead head, without the mark of block_pins(). Synchronises: relaxed.
    [[nodiscard]] std::int64_t refs() const noexcept {
        value_type v = raw();
        if (traits::in_dead_band(v)) return 0;
        if (traits::in_blocked_band(v)) v = detail::wrap_sub(v, traits::block_offset);
        if constexpr (traits::form == pin_form::split)
            return static_cast<std::int64_t>(static_cast<std::uint64_t>(v) & traits::ref_field);
        else
            return v;
    }

    /// Returns: the number of pins, exactly. Requires for hybrid_pins: a large head.
    [[nodiscard]] std::int64_t pins() const noexcept
        requires(traits::has_pin_word || traits::form == pin_form::split)
    {
        if constexpr (traits::form == pin_form::split) {
            const value_type v = refs_.load();
            using U = typename traits::unsigned_type;
            return layout::split_pinned(v) ? static_cast<std::int64_t>(static_cast<U>(v) >> traits::ref_bits) : 0;
        } else if constexpr (traits::joined) {
            return static_cast<std::int64_t>(layout::lower(refs_.load()));
        } else {
            const value_type v = this->pin_word_.load();
            using U = typename traits::unsigned_type;
            return traits::pin_word_pinned(v) ? static_cast<std::int64_t>(static_cast<U>(v)) : 0;
        }
    }

    [[nodiscard]] bool is_dead() const noexcept { return traits::in_dead_band(raw()); }

    /// Full fence after a successful try_pin or try_get, before the caller re-reads the entry that led it here:
    /// together with the unmapper's fence either side sees the other (spec 01 §3, B3).
    PINFOLD_DETAIL_HOT static void fence() noexcept { word::rmw_fence(); }

    // ---- for page/ and for tests ----------------------------------------------------------------------------

    /// Effects: lowers the exact count of n pins, where there is one. Returns: the units of the head word that
    /// remain to be dropped.
    PINFOLD_DETAIL_HOT units_type release_pin_part(std::uint64_t n, bool large) noexcept
        requires traits::has_pins
    {
        if constexpr (traits::joined) {
            if (large) return layout::exact_units(n);
        } else if constexpr (traits::has_pin_word) {
            if (is_exact(large)) {
                PINFOLD_ASSERT(this->pin_word_.load() >= units(n));
                this->pin_word_.adjust_sub(units(n));
                return units(n);
            }
        }
        return pin_units(n);
    }

    /// Effects: subtracts u units; kills the head at zero. Returns: zero or none.
    PINFOLD_DETAIL_HOT crossing drop_units(units_type u) noexcept {
        if constexpr (traits::overflow == overflow_rule::saturate) {
            return detail::drop_saturating<P>(refs_, u);
        } else {
            if (lower_by<false>(u)) [[unlikely]]
                return kill();
            return crossing::none;
        }
    }

    /// As drop_units, for a caller that acts on the crossing: `crossed(crossing)` runs out of line, in one call.
    template <class Crossed>
    PINFOLD_DETAIL_HOT void drop_units_then(units_type u, Crossed crossed) noexcept {
        if constexpr (traits::overflow == overflow_rule::saturate) {
            if (const crossing reached = drop_units(u); reached != crossing::none) [[unlikely]]
                crossed(reached);
        } else {
            if (lower_by<false>(u)) [[unlikely]]
                kill_then(crossed);
        }
    }

    /// As put, for a caller that acts on the crossing.
    template <class Crossed>
    PINFOLD_DETAIL_HOT void put_then(std::uint64_t n, Crossed crossed) noexcept {
        if constexpr (traits::joined) {
            if (lower_by<true>(units(n))) [[unlikely]]
                kill_then(crossed);
        } else {
            drop_units_then(units(n), crossed);
        }
    }

    /// As drop_units; returns idle when the word became exactly 1: at that value the count is stable, nobody else
    /// holds a reference (spec 03 §3).
    PINFOLD_DETAIL_HOT crossing drop_units_idle(units_type u) noexcept {
        const units_type now = refs_.drop_fetch(u);
        if (layout::references(now) == 1) [[unlikely]]
            return crossing::idle;
        return layout::is_last(now) ? kill() : crossing::none;
    }

    /// Units of n references and of n pins in the head word.
    static constexpr units_type units(std::uint64_t n) noexcept { return layout::units(n); }
    static constexpr units_type pin_units(std::uint64_t n) noexcept { return layout::pin_units(n); }

    /// Effects: sets the words. Requires: nobody else can see the head. For tests and for building a state.
    void set_raw(value_type refs, value_type pins = 0) noexcept {
        refs_.store(layout::with_references(static_cast<units_type>(pins), refs));
        if constexpr (traits::has_pin_word && !traits::joined) this->pin_word_.store(pins);
        (void)pins;
    }

private:
    using layout = detail::head_word<P>;
    using grab_of = detail::grab_of;
    static constexpr bool is_exact(bool large) noexcept { return traits::form == pin_form::exact || large; }

    /// Effects: subtracts u units. Returns: whether nobody has a reference any more. Large: of a head that may count pins in
    /// the same word, of which some may be left over.
    template <bool Large>
    [[nodiscard]] PINFOLD_DETAIL_HOT bool lower_by(units_type u) noexcept {
        PINFOLD_ASSERT(layout::covers(refs_.load(), u));
        if constexpr (traits::joined)
            if (Large || layout::lower(u) != 0) return layout::is_last(refs_.drop_fetch(u));
        return refs_.drop(u);
    }
    [[nodiscard]] PINFOLD_DETAIL_HOT bool exact_pinned() const noexcept {
        if constexpr (traits::joined) return layout::lower(refs_.load()) != 0 && !is_dead();
        else return traits::pin_word_pinned(this->pin_word_.load());
    }
    template <grab_of What, class Undo>
    PINFOLD_DETAIL_HOT outcome try_units(std::uint64_t n, Undo undo) noexcept {
        constexpr bool IsPin = What != grab_of::reference;
        if (n > layout::template most<What>) [[unlikely]]
            return detail::refusal(refuse_batch(n, layout::template most<What>));
        const auto u = layout::template units_of<What>(n);
        if constexpr (traits::bounds_itself) {
            if (What == grab_of::exact_pin || n > P::liveness::at_once) return detail::grab_by_exchange<P, What>(refs_, u);
            if (const units_type met = refs_.fetch_grab(u); layout::refuses(met)) [[unlikely]]
                return detail::refusal(detail::refuse_added<P, IsPin>(*this, met, u, undo));
            return {};
        } else if constexpr (traits::optimistic) {
            if constexpr (P::liveness::load_test) {
                const value_type seen = refs_.load();
                // Dead is what this policy expects to meet: straight through, and no call.
                if (traits::in_dead_band(seen)) [[likely]]
                    return {errc::dead, crossing::none};
                if (seen < 0 && (IsPin || !traits::in_blocked_band(seen))) [[unlikely]]
                    return detail::refusal(detail::explain<P, IsPin>(seen, u));
            }
            if (refs_.grab(u)) [[unlikely]] {
                if constexpr (!traits::can_block_shared)
                    return detail::refusal(refuse_and_undo<IsPin>(u, undo));
                else
                    return refuse_and_undo<IsPin>(u, undo);
            }
            return {};
        } else {
            return detail::grab_by_exchange<P, What>(refs_, u);
        }
    }

    /// The undo is a full release: a grab in flight may have outlived everybody else (I4). Where pins can be blocked,
    /// a grab may have met a word that is negative for an instant only: if the head turns out to be alive with the
    /// grab's own units in it, the grab stands; so does a reference on a blocked head.
    template <bool IsPin, class Undo>
    PINFOLD_DETAIL_COLD outcome refuse_and_undo(value_type u, Undo undo) noexcept {
        const value_type now = refs_.load_acquire();
        const value_type seen = detail::wrap_sub(now, u);
        if constexpr (traits::can_block_shared) {
            if (now >= 0 && !traits::in_blocked_band(now)) return {};
            if (!IsPin && traits::in_blocked_band(seen)) return {};
        }
        outcome why = detail::explain<P, IsPin>(seen, u);
        why.undo = undo(*this, u);
        return why;
    }

    template <class Undo>
    PINFOLD_DETAIL_HOT outcome try_pin_exact(std::uint64_t n, Undo undo) noexcept {
        const outcome got = try_units<grab_of::reference>(n, undo);
        if (!got) [[unlikely]]
            return got;
        if (this->pin_word_.grab(units(n))) [[unlikely]]
            return detail::refusal(refuse_exact(units(n), undo));
        return {};
    }

    /// The pin word turned negative: pins are blocked, or it overflowed.
    template <class Undo>
    PINFOLD_DETAIL_COLD outcome refuse_exact(value_type u, Undo undo) noexcept {
        // Not negative and with room for u: pins were blocked when the grab met the word, and no longer are.
        const value_type before = detail::wrap_sub(this->pin_word_.load(), u);
        const bool blocked = before < 0 ? !traits::pin_word_pinned(before)
                                        : u <= static_cast<value_type>(traits::max_value - before);
        this->pin_word_.adjust_sub(u);
        if (!blocked) detail::warn_negative<P>(before, u);
        return {blocked ? errc::pins_blocked : errc::overflow, undo(*this, u)};
    }

    PINFOLD_DETAIL_HOT void hold_units(units_type u) noexcept {
        PINFOLD_ASSERT(traits::overflow == overflow_rule::saturate || !traits::looks_freed(raw()));
        if constexpr (traits::overflow == overflow_rule::unchecked) {
            refs_.adjust(u);
        } else if constexpr (traits::overflow == overflow_rule::saturate) {
            detail::hold_saturating<P>(refs_, u);
        } else {
            if (refs_.hold(u)) [[unlikely]]
                held_negative(u);
        }
    }

    // Cold sides read the word themselves: its address is then no part of the hot path.
    PINFOLD_DETAIL_COLD void held_negative(units_type u) noexcept { detail::held_negative<P>(raw(), layout::references(u)); }
    PINFOLD_DETAIL_COLD outcome refuse_batch(std::uint64_t n, std::uint64_t limit) noexcept {
        return detail::refuse_batch<P>(raw(), limit, n);
    }

    template <grab_of What, class Undo>
    PINFOLD_DETAIL_HOT outcome try_held(std::uint64_t n, Undo undo) noexcept {
        constexpr bool IsPin = What != grab_of::reference;
        if (n > layout::template most<What>) [[unlikely]]
            return detail::refusal(refuse_batch(n, layout::template most<What>));
        const auto u = layout::template units_of<What>(n);
        if constexpr (traits::overflow == overflow_rule::unchecked || traits::overflow == overflow_rule::saturate) {
            hold_units(u);
        } else {
            units_type seen = refs_.load();
            if (layout::references(seen) <= 0) [[unlikely]] {
                if (const value_type met = layout::references(seen); IsPin || !traits::in_blocked_band(met))
                    return detail::refusal(detail::explain_held<P>(met, layout::references(u)));
            }
            if constexpr (traits::optimistic && !traits::bounds_itself) {
                if (refs_.hold(u)) [[unlikely]]
                    return refuse_and_undo<IsPin>(u, undo);
            } else if constexpr (IsPin && traits::can_block_shared) {
                // Between the look and an add somebody may block: such a pin must not lift the word.
                while (!refs_.swap_if_weak(seen, detail::wrap_add(seen, u)))
                    if (seen <= 0) [[unlikely]]
                        return detail::refusal(detail::explain_held<P>(seen, u));
            } else {
                if constexpr (What == grab_of::pin)
                    if (layout::reaches_the_dead(seen, u)) [[unlikely]]
                        return detail::refusal(refuse_batch(n, traits::below_the_dead(traits::pin_unit)));
                refs_.adjust(u);  // an add that crosses the limit stands, as in Linux (spec 01 §4.2)
            }
        }
        return {};
    }

    /// I1: zero is not dead; one thread wins the step from zero to dead, and a grab that came first revives.
    PINFOLD_DETAIL_COLD crossing kill() noexcept {
        if constexpr (traits::optimistic) {
            units_type now = traits::joined ? refs_.load() : units_type{};
            while (layout::is_last(now))
                if (refs_.swap_if(now, layout::with_references(now, traits::dead_value))) return crossing::zero;
            return crossing::none;
        } else {
            return crossing::zero;
        }
    }

    template <class Crossed>
    PINFOLD_DETAIL_COLD void kill_then(Crossed crossed) noexcept {
        if (const crossing reached = kill(); reached != crossing::none) crossed(reached);
    }

    word refs_;
};

/// A wrong policy: one worded error, and nothing that would add a second one.
template <class P>
class count<P, false> : public detail::broken_count {
    static_assert(sizeof(require_count_policy<P>) != 0);
};

}  // namespace pinfold
