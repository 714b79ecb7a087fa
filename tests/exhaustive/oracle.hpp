// SPDX-License-Identifier: BSL-1.0
// What an 8-bit count must do, as plain integers: written from the specification (spec 01 §2, §4, §5, §9, the
// conditions I1-I6 of sticky_dead and its kind), not from the library. `units` are steps of the head word.
#pragma once

#include <pinfold/core/errc.hpp>

namespace oracle {

using pinfold::crossing;
using pinfold::errc;

enum class form { overlay, exact, hybrid, split, none };
enum class overflow { refuse, saturate, trap, unchecked };

struct rules {
    form scheme;
    int unit;         // of one pin in the head word where it has no word of its own
    int ref_bits;     // split only
    overflow rule;
    bool sticky;
    bool load_test;
    bool stated;
    int holders, refs_each, pins_each, batch;
    bool blocks_pins;  // in a word shared with references
    int threads = 0, at_once = 0;  // sticky_dead_within: at most so many grabs in flight, of so much
};

struct state {
    int raw;
    int pin;
    friend bool operator==(state, state) = default;
};

struct warnings {
    int negative = 0, batch = 0, saturated = 0, underflow = 0;
    friend bool operator==(warnings, warnings) = default;
};

struct answer {
    state after{};
    errc error = errc::ok;
    crossing reached = crossing::none;
    warnings warned{};
};

enum class pinned_answer { no, maybe, certainly };

constexpr int largest = 127;
constexpr int far_negative = -64;

constexpr int wrap(int v) { return ((v + 128) % 256 + 256) % 256 - 128; }
constexpr int as_unsigned(int v) { return v < 0 ? v + 256 : v; }

class model {
public:
    explicit constexpr model(rules rules_) : r(rules_) {}

    constexpr bool within() const { return r.threads != 0; }
    constexpr int in_flight() const { return (within() ? r.threads * r.at_once : r.holders * r.batch) * unit_of(true, false); }
    constexpr bool dead(int raw) const {
        return r.sticky ? raw >= far_negative && raw <= far_negative + in_flight() : raw == 0;
    }
    constexpr int block_offset() const { return r.sticky ? largest - r.unit + 1 : far_negative; }
    /// Under sticky_dead a marked word may be lifted by refused pins in flight.
    constexpr bool blocked(int raw) const {
        return r.blocks_pins && as_unsigned(wrap(raw - block_offset())) < r.unit + (r.sticky ? in_flight() : 0);
    }
    static constexpr bool pin_word_blocked(int pin) { return pin < 0 && pin >= far_negative; }
    constexpr bool exact(bool large) const { return r.scheme == form::exact || (r.scheme == form::hybrid && large); }
    constexpr int unit_of(bool pin, bool large) const { return pin && !exact(large) && r.scheme != form::none ? r.unit : 1; }
    constexpr int most(int unit) const {
        const int fits = within() && unit == 1 ? below_the_dead() : largest / unit;
        return r.stated && r.batch < fits ? r.batch : fits;
    }

    /// What may cross the limit and stay below the dead words, grabs in flight included.
    constexpr int below_the_dead() const { return -far_negative - in_flight(); }
    constexpr bool reaches_the_dead(int raw, int u, bool pin) const {
        const int now = wrap(raw + u);
        return within() && pin && u > below_the_dead() && raw > 0 && now < 0 && now >= far_negative - in_flight();
    }

    // ---- grabs that may be refused ----

    constexpr answer try_units(state s, long n, int unit, bool pin) const {
        if (n > most(unit)) return batch(s);
        const int u = static_cast<int>(n) * unit;
        if (within() && s.raw == 0 && n <= r.at_once) {  // met on its way from zero to dead, which the undo then goes
            answer a = drop({u, s.pin}, u);
            a.error = errc::dead;
            return a;
        }
        if (r.sticky && !within()) {
            const bool passes = blocked(s.raw) && !pin;  // references are granted as before
            const int now = wrap(s.raw + u);
            if (!passes && (now < 0 || (r.load_test && s.raw < 0))) return refused(s, pin);  // the word is restored (I6)
            return {{now, s.pin}};
        }
        const bool looks_at_sign = r.rule == overflow::refuse || r.rule == overflow::trap;
        if (s.raw == 0) return {s, errc::dead};
        if (dead(s.raw)) return refused(s, pin);
        if (looks_at_sign && s.raw < 0 && !(blocked(s.raw) && !pin)) return refused(s, pin);
        if (n > r.at_once && reaches_the_dead(s.raw, u, pin)) return batch(s);
        return raise(s, u);
    }

    constexpr answer try_pin(state s, long n, bool large) const {
        if (!exact(large)) return try_units(s, n, r.unit, true);
        return add_pins(try_units(s, n, 1, false), n);
    }

    constexpr answer try_held(state s, long n, int unit, bool pin) const {
        if (n > most(unit)) return batch(s);
        const int u = static_cast<int>(n) * unit;
        if (r.rule == overflow::unchecked || r.rule == overflow::saturate) return hold(s, u);
        if (pin && blocked(s.raw)) return {s, errc::pins_blocked};
        if (s.raw <= 0 && !blocked(s.raw)) {
            answer a{s, s.raw == 0 || dead(s.raw) ? errc::dead : errc::overflow};
            a.warned.negative = 1;
            return a;
        }
        if (reaches_the_dead(s.raw, u, pin)) return batch(s);
        const int now = wrap(s.raw + u);
        // The add that crosses the limit succeeds as in Linux (spec 01 §4.2); sticky_dead refuses it (I6).
        if (r.sticky && !within() && now < 0 && !blocked(s.raw)) return refused(s, pin);
        return {{now, s.pin}};
    }

    constexpr answer try_pin_held(state s, long n, bool large) const {
        if (!exact(large)) return try_held(s, n, r.unit, true);
        return add_pins(try_held(s, n, 1, false), n);
    }

    // ---- grabs that cannot ----

    constexpr answer hold(state s, int u) const {
        if (r.rule == overflow::saturate && s.raw == 0) {
            answer a{{far_negative, s.pin}};
            a.warned.saturated = 1;
            return a;
        }
        if (r.rule == overflow::saturate) return raise(s, u);
        answer a{{wrap(s.raw + u), s.pin}};
        const bool still_blocked = blocked(s.raw) && blocked(a.after.raw);
        if (r.rule != overflow::unchecked && a.after.raw < 0 && !still_blocked) a.warned.negative = 1;
        return a;
    }

    constexpr answer pin(state s, int n, bool large) const {
        if (!exact(large)) return hold(s, n * r.unit);
        answer a = hold(s, n);
        a.after.pin = wrap(s.pin + n);
        return a;
    }

    // ---- releases ----

    constexpr answer drop(state s, int u, bool sees_idle = false) const {
        answer a{s};
        if (r.rule == overflow::saturate) {
            if (s.raw == far_negative) return a;
            if (s.raw < u) {
                a.after.raw = far_negative;
                a.warned.underflow = 1;
                return a;
            }
        }
        a.after.raw = wrap(s.raw - u);
        if (a.after.raw == 1 && sees_idle) a.reached = crossing::idle;
        if (a.after.raw == 0) {
            a.reached = crossing::zero;
            if (r.sticky) a.after.raw = far_negative;
        }
        return a;
    }

    constexpr answer unpin(state s, int n, bool large) const {
        if (!exact(large)) return drop(s, n * r.unit);
        s.pin = wrap(s.pin - n);
        return drop(s, n);
    }

    // ---- life, death, blocking ----

    constexpr answer init(state s, int n) const { return {{r.sticky ? wrap(s.raw + n - far_negative) : n, s.pin}}; }

    constexpr bool freeze(state& s, int expected) const {
        if (s.raw != expected) return false;
        s.raw = r.sticky ? far_negative : 0;
        return true;
    }

    constexpr bool block(state& s, bool large) const {
        if (exact(large)) {
            if (s.pin != 0) return false;
            s.pin = far_negative;
            return true;
        }
        if (s.raw <= 0 || s.raw >= r.unit) return false;
        s.raw = wrap(s.raw + block_offset());
        return true;
    }

    constexpr answer unblock(state s, bool large) const {
        if (exact(large)) return {{s.raw, wrap(s.pin - far_negative)}};
        return drop(s, block_offset());
    }

    // ---- queries ----

    constexpr pinned_answer maybe_pinned(state s, bool large) const {
        if (exact(large)) return exact_pins(s.pin) > 0 ? pinned_answer::certainly : pinned_answer::no;
        if (r.scheme == form::split) {
            const bool pins = as_unsigned(s.raw) >> r.ref_bits != 0;
            return pins && !dead(s.raw) && !blocked(s.raw) ? pinned_answer::certainly : pinned_answer::no;
        }
        if (dead(s.raw) || as_unsigned(s.raw) < r.unit) return pinned_answer::no;
        if (r.stated && s.raw > r.holders * r.refs_each + (r.sticky ? in_flight() : 0) && !blocked(s.raw))
            return pinned_answer::certainly;
        return pinned_answer::maybe;
    }

    constexpr int refs(state s) const {
        if (dead(s.raw)) return 0;
        int v = s.raw;
        if (blocked(v)) v = wrap(v - block_offset());
        return r.scheme == form::split ? as_unsigned(v) & ((1 << r.ref_bits) - 1) : v;
    }

    constexpr int pins(state s) const {
        if (r.scheme == form::split)
            return dead(s.raw) || blocked(s.raw) ? 0 : as_unsigned(s.raw) >> r.ref_bits;
        return exact_pins(s.pin);
    }
    /// A pin word that wrapped past its largest value still says how many.
    static constexpr int exact_pins(int pin) { return pin_word_blocked(pin) ? 0 : as_unsigned(pin); }

private:
    static constexpr answer batch(state s) {
        answer a{s, errc::batch_limit};
        a.warned.batch = 1;
        return a;
    }

    constexpr answer refused(state s, bool pin) const {
        if (dead(s.raw)) return {s, errc::dead};
        if (pin && blocked(s.raw)) return {s, errc::pins_blocked};
        answer a{s, errc::overflow};
        a.warned.negative = 1;
        return a;
    }

    constexpr answer raise(state s, int u) const {
        if (r.rule == overflow::saturate && (s.raw < 0 || s.raw + u > largest)) {
            answer a{{far_negative, s.pin}};
            a.warned.saturated = s.raw >= 0;
            return a;
        }
        return {{wrap(s.raw + u), s.pin}};
    }

    /// n references were granted or not; the pins follow in their own word, or everything is taken back.
    constexpr answer add_pins(answer got, long n) const {
        if (got.error != errc::ok) return got;
        const int now = wrap(got.after.pin + static_cast<int>(n));
        if (now >= 0) {
            got.after.pin = now;
            return got;
        }
        answer back = drop(got.after, static_cast<int>(n));
        const bool is_blocked = pin_word_blocked(got.after.pin);
        back.error = is_blocked ? errc::pins_blocked : errc::overflow;
        back.warned.saturated += got.warned.saturated;
        back.warned.negative += !is_blocked;
        return back;
    }

    rules r;
};

}  // namespace oracle
