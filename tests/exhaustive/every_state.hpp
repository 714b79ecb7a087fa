// SPDX-License-Identifier: BSL-1.0
// Runs every operation of an 8-bit count in every state with every amount, against the oracle.
#pragma once

#include <catch2/catch.hpp>

#include <pinfold/count/count.hpp>
#include <pinfold/count/decode.hpp>
#include <pinfold/policy/exact_pins.hpp>
#include <pinfold/policy/hybrid_pins.hpp>
#include <pinfold/policy/no_pins.hpp>
#include <pinfold/policy/saturate.hpp>
#include <pinfold/policy/split_word_pins.hpp>
#include <pinfold/policy/trap.hpp>
#include <pinfold/policy/unchecked_overflow.hpp>
#include <pinfold/policy/zero_is_dead.hpp>
#include <pinfold/word/unsync_word.hpp>

#include <sstream>
#include <string>

#include "oracle.hpp"

namespace every_state {

using pinfold::outcome;

/// A warning sink that counts.
struct recorder {
    static inline oracle::warnings seen{};
    static void negative(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++seen.negative; }
    static void batch(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++seen.batch; }
    static void saturated(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++seen.saturated; }
    static void underflow(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++seen.underflow; }
};

template <class P>
constexpr oracle::rules rules_of(oracle::form scheme, oracle::overflow rule, int unit, int ref_bits = 0) {
    int threads = 0, at_once = 0;
    if constexpr (pinfold::count_traits<P>::bounds_itself) {
        threads = static_cast<int>(P::liveness::threads);
        at_once = static_cast<int>(P::liveness::at_once);
    }
    return {scheme, unit, ref_bits, rule, P::liveness::optimistic, P::liveness::load_test, P::budget.stated(),
            static_cast<int>(P::budget.holders), static_cast<int>(P::budget.refs_each),
            static_cast<int>(P::budget.pins_each), static_cast<int>(P::budget.batch), P::blocks_pins, threads,
            at_once};
}

using oracle::answer;
using oracle::errc;
using oracle::state;

enum class op { try_get, try_get_held, get, put, put_idle, try_pin, try_pin_held, pin, unpin, init, freeze, block, unblock,
                raw, refs, pins, dead, maybe_pinned };

/// What an operation of the library did: the words after it, what it returned, what it warned.
struct effect {
    answer saw;
    long value = 0;
};

/// The pin word lies before the head word; pins() would hide a negative one.
template <class P>
state words_of(const pinfold::count<P>& c) {
    state s{c.raw(), 0};
    if constexpr (pinfold::count_traits<P>::has_pin_word)
        s.pin = static_cast<signed char>(reinterpret_cast<const unsigned char*>(&c)[0]);
    return s;
}

template <class P>
effect perform(op what, state s, int amount, bool large) {
    using traits = pinfold::count_traits<P>;
    static pinfold::count<P> c;
    c.set_raw(static_cast<signed char>(s.raw), static_cast<signed char>(s.pin));
    recorder::seen = {};
    outcome got;
    effect e;
    const auto n = static_cast<std::uint64_t>(amount);
    switch (what) {
        case op::try_get: got = c.try_get(n); break;
        case op::try_get_held: got = c.try_get_held(n); break;
        case op::get: c.get(n); break;
        case op::put: got.undo = c.put(n); break;
        case op::put_idle: got.undo = c.drop_units_idle(c.units(static_cast<std::uint64_t>(amount))); break;
        case op::init: c.init(n); break;
        case op::freeze: e.value = c.freeze(static_cast<signed char>(amount)); break;
        case op::raw: e.value = c.raw(); break;
        case op::refs: e.value = c.refs(); break;
        case op::dead: e.value = c.is_dead(); break;
        default:
            if constexpr (traits::has_pin_word || traits::form == pinfold::pin_form::split) {
                if (what == op::pins) e.value = c.pins();
            }
            if constexpr (traits::can_block) {
                if (what == op::block) e.value = c.block_pins(large);
                if (what == op::unblock) got.undo = c.unblock_pins(large);
            }
            if constexpr (traits::has_pins) {
                if (what == op::try_pin) got = c.try_pin(n, large);
                if (what == op::try_pin_held) got = c.try_pin_held(n, large);
                if (what == op::pin) c.pin(n, large);
                if (what == op::unpin) got.undo = c.unpin(n, large);
                if (what == op::maybe_pinned) {
                    const auto seen = c.maybe_pinned(large);
                    if constexpr (std::is_same_v<decltype(seen), const bool>)
                        e.value = seen ? long{pinfold::pinned::certainly} : long{pinfold::pinned::no};
                    else
                        e.value = seen.value();
                }
            }
    }
    e.saw = {words_of(c), got.error, got.undo, recorder::seen};
    return e;
}

struct library {
    effect (*perform)(op, state, int, bool);
    pinfold::decoded (*decode)(signed char, signed char, bool) noexcept;
    bool has_pin_word, can_block;
};

/// Compares the library with the oracle, everywhere.
class comparison {
public:
    comparison(oracle::rules r, library l) : rules_(r), model_(r), library_(l), hybrid_(r.scheme == oracle::form::hybrid) {}

    void run() {
        pinfold::set_violation_handler([](const char*, const char*, int) noexcept {});  // most states are impossible
        for (int raw = -128; raw <= 127; ++raw) {
            for (int pin = -128; pin <= 127; ++pin) {
                if (library_.has_pin_word || pin == 0) visit({raw, pin});
            }
        }
        pinfold::set_violation_handler(nullptr);
        INFO(first_);
        CHECK(differences_ == 0);
        CHECK(compared_ > 256 * 100);
    }

private:
    using crossing = oracle::crossing;

    void visit(state s) {
        if (library_.has_pin_word) {
            for (int n : {1, 2, 3, 5, 16, 63, 64, 65, 127, 128, 200})
                amounts(s, n);
        } else {
            for (int n = 1; n <= 130; ++n)
                amounts(s, n);
            for (int n : {256, 257, 1 << 20})
                amounts(s, n);
        }
        for (int expected = -128; expected <= 127; expected += library_.has_pin_word ? 17 : 1)
            freeze(s, expected);
        freeze(s, s.raw);
        for (int large = 0; large <= hybrid_; ++large) {
            queries(s, large != 0);
            if (library_.can_block) blocking(s, large != 0);
        }
    }

    void amounts(state s, int n) {
        compare("try_get", op::try_get, s, n, false, model_.try_units(s, n, 1, false));
        if (!breaks_evidence(s)) compare("try_get_held", op::try_get_held, s, n, false, model_.try_held(s, n, 1, false));
        if (n <= oracle::largest) {
            compare("get", op::get, s, n, false, model_.hold(s, n));
            compare("put", op::put, s, n, false, model_.drop(s, n));
            if (rules_.rule != oracle::overflow::saturate)
                compare("put, idle seen", op::put_idle, s, n, false, model_.drop(s, n, true));
            compare("init", op::init, s, n, false, model_.init(s, n));
        }
        if (rules_.scheme == oracle::form::none) return;
        for (int which = 0; which <= hybrid_; ++which) {
            const bool large = which != 0;
            compare("try_pin", op::try_pin, s, n, large, model_.try_pin(s, n, large));
            if (!breaks_evidence(s))
                compare("try_pin_held", op::try_pin_held, s, n, large, model_.try_pin_held(s, n, large));
            if (n <= oracle::largest / model_.unit_of(true, large)) {
                compare("pin", op::pin, s, n, large, model_.pin(s, n, large));
                compare("unpin", op::unpin, s, n, large, model_.unpin(s, n, large));
            }
        }
    }

    void freeze(state s, int expected) {
        state want = s;
        const bool frozen = model_.freeze(want, expected);
        compare("freeze", op::freeze, s, expected, false, {want}, frozen);
    }

    void blocking(state s, bool large) {
        state want = s;
        const bool blocked = model_.block(want, large);
        compare("block_pins", op::block, s, 0, large, {want}, blocked);
        compare("unblock_pins", op::unblock, s, 0, large, model_.unblock(s, large));
    }

    void queries(state s, bool large) {
        compare("raw", op::raw, s, 0, large, {s}, s.raw);
        compare("refs", op::refs, s, 0, large, {s}, model_.refs(s));
        compare("is_dead", op::dead, s, 0, large, {s}, model_.dead(s.raw));
        if (library_.has_pin_word || rules_.scheme == oracle::form::split)
            compare("pins", op::pins, s, 0, large, {s}, model_.pins(s));
        if (rules_.scheme != oracle::form::none)
            compare("maybe_pinned", op::maybe_pinned, s, 0, large, {s}, long(model_.maybe_pinned(s, large)));
        decoding(s, large);
    }

    void decoding(state s, bool large) {
        using pinfold::word_state;
        const auto d = library_.decode(static_cast<signed char>(s.raw), static_cast<signed char>(s.pin), large);
        const bool blocked = model_.blocked(s.raw);
        const bool exact = model_.exact(large);
        const auto want = model_.dead(s.raw)                                               ? word_state::dead
                          : blocked || (exact && oracle::model::pin_word_blocked(s.pin)) ? word_state::blocked
                          : s.raw < 0                                                      ? word_state::overflowed
                                                                                           : word_state::live;
        same("decode: state", s, int(want), int(d.state()));
        if (want == word_state::dead) return same("decode: size", s, 0, static_cast<long>(d.size()));
        const int word = oracle::as_unsigned(blocked ? oracle::wrap(s.raw - model_.block_offset()) : s.raw);
        const bool overlaps = (rules_.scheme == oracle::form::overlay || hybrid_) && !exact;
        same("decode: size", s, overlaps ? word / rules_.unit + 1 : 1, static_cast<long>(d.size()));
        for (std::uint64_t i = 0; i < d.size(); ++i) {
            const auto refs = static_cast<long>(d[i].refs), pins = static_cast<long>(d[i].pins);
            if (overlaps) {
                same("decode: sum", s, word, refs + pins * rules_.unit);
                same("decode: pins", s, word / rules_.unit - static_cast<long>(i), pins);
            } else if (rules_.scheme == oracle::form::split) {
                same("decode: pins", s, word >> rules_.ref_bits, pins);
            } else {
                const int counted = exact ? oracle::model::exact_pins(s.pin) : 0;
                same("decode: pins", s, counted, pins);
                if (counted <= word) same("decode: refs", s, word - counted, refs);  // else the words contradict
            }
        }
    }

    /// Under evidence a dead head is impossible; a rule without a sign test does not look for it.
    bool breaks_evidence(state s) const { return rules_.rule == oracle::overflow::unchecked && model_.dead(s.raw); }

    void compare(const char* name, op what, state s, int n, bool large, const answer& want, long value = 0) {
        // trap ends the program where refuse warns; what it does there has a test of its own.
        if (rules_.rule == oracle::overflow::trap && (want.warned.negative != 0 || want.warned.batch != 0)) return;
        const effect e = library_.perform(what, s, n, large);
        ++compared_;
        const answer& saw = e.saw;
        if (want.after == saw.after && want.error == saw.error && want.reached == saw.reached &&
            want.warned == saw.warned && value == e.value)
            return;
        differ(std::string(name) + "(" + std::to_string(n) + (large ? ", large)" : ")"), s, text(want, value),
               text(saw, e.value));
    }
    void same(const char* name, state s, long want, long saw) {
        ++compared_;
        if (want != saw) differ(name, s, std::to_string(want), std::to_string(saw));
    }
    void differ(const std::string& what, state s, const std::string& want, const std::string& saw) {
        if (++differences_ > 5) return;
        first_ += what + " at raw " + std::to_string(s.raw) + " pin " + std::to_string(s.pin) + ":\n  expected " + want +
                  "\n  got      " + saw + "\n";
    }
    static std::string text(const answer& a, long value) {
        std::ostringstream s;
        s << "raw " << a.after.raw << " pin " << a.after.pin << " value " << value << " error " << int(a.error)
          << " crossing " << int(a.reached) << " warned: negative " << a.warned.negative << " batch " << a.warned.batch
          << " saturated " << a.warned.saturated << " underflow " << a.warned.underflow;
        return s.str();
    }

    oracle::rules rules_;
    oracle::model model_;
    library library_;
    int hybrid_;
    std::string first_;
    long differences_ = 0;
    long compared_ = 0;
};

// ---- the policies ---------------------------------------------------------------------------------------------

template <class Word, class Pins, class Liveness, class Overflow, unsigned Holders, unsigned Refs, unsigned PinsEach,
          unsigned Batch, bool Blocks = false>
struct policy : pinfold::count_defaults {
    using word = Word;
    using pins = Pins;
    using liveness = Liveness;
    using overflow = Overflow;
    using warnings = recorder;
    static constexpr bool blocks_pins = Blocks;
    static constexpr pinfold::budget budget{Holders, Refs, PinsEach, Batch};
};

template <class Overflow>
constexpr oracle::overflow rule_of = std::is_same_v<Overflow, pinfold::refuse>     ? oracle::overflow::refuse
                                     : std::is_same_v<Overflow, pinfold::saturate> ? oracle::overflow::saturate
                                     : std::is_same_v<Overflow, pinfold::trap>     ? oracle::overflow::trap
                                                                                   : oracle::overflow::unchecked;

template <class P>
void check(oracle::form scheme, int unit, int ref_bits = 0) {
    using traits = pinfold::count_traits<P>;
    const auto rules = rules_of<P>(scheme, rule_of<typename P::overflow>, unit, ref_bits);
    INFO("unit " << unit << (rules.sticky ? " sticky" : " zero_is_dead") << (rules.blocks_pins ? " blocking" : "") << " rule " << int(rules.rule) << " budget of "
                 << rules.holders);
    comparison(rules, {&perform<P>, &pinfold::decode<P>, traits::has_pin_word, traits::can_block}).run();
}

/// Linux's liveness under every overflow rule that goes with the scheme, with a promise and without.
template <class Word, class Pins, unsigned Refs, unsigned PinsEach, unsigned Batch>
void check_zero_is_dead(oracle::form scheme, int unit, int ref_bits = 0) {
    using namespace pinfold;
    constexpr bool blocks = Pins::form != pin_form::none && Pins::form != pin_form::exact;
    check<policy<Word, Pins, zero_is_dead, refuse, 1, Refs, PinsEach, Batch>>(scheme, unit, ref_bits);
    check<policy<Word, Pins, zero_is_dead, trap, 1, Refs, PinsEach, Batch, blocks>>(scheme, unit, ref_bits);
    if constexpr (blocks) check<policy<Word, Pins, zero_is_dead, refuse, 1, Refs, PinsEach, Batch, true>>(scheme, unit, ref_bits);
    if constexpr (Pins::form != pin_form::split) {
        check<policy<Word, Pins, zero_is_dead, refuse, 0, 0, 0, 1>>(scheme, unit, ref_bits);
        check<policy<Word, Pins, zero_is_dead, unchecked_overflow, 0, 0, 0, 1>>(scheme, unit, ref_bits);
        check<policy<Word, Pins, zero_is_dead, saturate, 0, 0, 0, 1>>(scheme, unit, ref_bits);
    }
}

/// The liveness that bounds what is in flight by itself: no promise is needed, and what is promised changes little.
template <class Word, class Pins, unsigned Threads, unsigned AtOnce>
void check_sticky_dead_within(oracle::form scheme, int unit) {
    using namespace pinfold;
    using within = sticky_dead_within<Threads, AtOnce>;
    check<policy<Word, Pins, within, refuse, 0, 0, 0, 1>>(scheme, unit);
    check<policy<Word, Pins, within, trap, 0, 0, 0, 1>>(scheme, unit);
    check<policy<Word, Pins, within, refuse, 1, 3, 3, 7>>(scheme, unit);
}

/// Blocks: where no unblocked word, grabs in flight included, reaches the blocked ones.
template <class Word, class Pins, unsigned Holders, unsigned Refs, unsigned PinsEach, unsigned Batch, bool Blocks>
void check_sticky_dead(oracle::form scheme, int unit, int ref_bits = 0) {
    using namespace pinfold;
    check<policy<Word, Pins, sticky_dead, refuse, Holders, Refs, PinsEach, Batch>>(scheme, unit, ref_bits);
    check<policy<Word, Pins, sticky_dead_load_test, refuse, Holders, Refs, PinsEach, Batch>>(scheme, unit, ref_bits);
    check<policy<Word, Pins, sticky_dead, trap, Holders, Refs, PinsEach, Batch, Blocks>>(scheme, unit, ref_bits);
    if constexpr (Blocks) {
        check<policy<Word, Pins, sticky_dead, refuse, Holders, Refs, PinsEach, Batch, true>>(scheme, unit, ref_bits);
        check<policy<Word, Pins, sticky_dead_load_test, refuse, Holders, Refs, PinsEach, Batch, true>>(scheme, unit, ref_bits);
    }
    check<policy<Word, Pins, sticky_dead_load_test, unchecked_overflow, Holders, Refs, PinsEach, Batch>>(scheme, unit, ref_bits);
}

}  // namespace every_state
