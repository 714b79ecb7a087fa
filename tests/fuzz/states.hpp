// SPDX-License-Identifier: BSL-1.0
// Any operations in any order on an 8-bit count, sensible or not: after each the words, the answer and the warnings are
// what the oracle says.
#pragma once

#include <pinfold/pinfold.hpp>

#include "../exhaustive/oracle.hpp"
#include "bytes.hpp"
#include "heard.hpp"

namespace fuzz {

template <class Pins, class Liveness, class Overflow, unsigned Holders, unsigned Refs, unsigned PinsEach, unsigned Batch,
          bool Blocks = false>
struct small_count : pinfold::count_defaults {
    using word = pinfold::atomic_word<signed char>;
    using pins = Pins;
    using liveness = Liveness;
    using overflow = Overflow;
    using warnings = heard;
    static constexpr bool blocks_pins = Blocks;
    static constexpr pinfold::budget budget{Holders, Refs, PinsEach, Batch};
};

struct never_large {
    template <class Page>
    bool operator()(const Page&) const noexcept {
        return false;
    }
};

template <class P>
class state_machine {
    using traits = pinfold::count_traits<P>;
    using answer = oracle::answer;

public:
    state_machine(oracle::form scheme, oracle::overflow rule, int unit, int ref_bits)
        : scheme_(scheme), rule_(rule),
          model_({scheme, unit, ref_bits, rule, P::liveness::optimistic, P::liveness::load_test, P::budget.stated(),
                  static_cast<int>(P::budget.holders), static_cast<int>(P::budget.refs_each),
                  static_cast<int>(P::budget.pins_each), static_cast<int>(P::budget.batch), P::blocks_pins}) {}

    void run(bytes& in) {
        now_.raw = oracle::wrap(static_cast<int>(in.next()));
        if (traits::has_pin_word) now_.pin = oracle::wrap(static_cast<int>(in.next()));
        count_.set_raw(static_cast<signed char>(now_.raw), static_cast<signed char>(now_.pin));
        while (!in.empty()) step(in);
    }

private:
    void step(bytes& in) {
        const unsigned what = in.below(12);
        const unsigned amount = in.next();
        const int n = static_cast<int>(amount % 128) + 1;
        const auto many = static_cast<std::uint64_t>(n);
        const bool large = amount >= 128 && scheme_ == oracle::form::hybrid;
        const bool sensible = rule_ != oracle::overflow::unchecked || !model_.dead(now_.raw);
        heard::seen = {};
        switch (what) {
            case 0: return same(model_.try_units(now_, n, 1, false), count_.try_get(many));
            case 1: return sensible ? same(model_.try_held(now_, n, 1, false), count_.try_get_held(many)) : void();
            case 2: return n <= oracle::largest ? (count_.get(many), same(model_.hold(now_, n))) : void();
            case 3: return n <= oracle::largest ? same(model_.drop(now_, n), count_.put(many)) : void();
            case 4: return n <= oracle::largest ? (count_.init(many), same(model_.init(now_, n))) : void();
            case 5: {
                const int expected = amount >= 128 ? now_.raw : n - 64;
                oracle::state want = now_;
                const bool frozen = model_.freeze(want, expected);
                FUZZ_CHECK(count_.freeze(static_cast<signed char>(expected)) == frozen);
                return same(answer{want});
            }
            default: return pin_step(what, n, large, sensible);
        }
    }

    void pin_step(unsigned what, int n, bool large, bool sensible) {
        const auto many = static_cast<std::uint64_t>(n);
        if constexpr (traits::has_pins) {
            const bool fits = n <= oracle::largest / model_.unit_of(true, large);
            if (what == 6) same(model_.try_pin(now_, n, large), count_.try_pin(many, large));
            if (what == 7 && sensible) same(model_.try_pin_held(now_, n, large), count_.try_pin_held(many, large));
            if (what == 8 && fits) count_.pin(many, large), same(model_.pin(now_, n, large));
            if (what == 9 && fits) same(model_.unpin(now_, n, large), count_.unpin(many, large));
            if constexpr (traits::can_block) {
                if (what == 10) {
                    oracle::state want = now_;
                    const bool blocked = model_.block(want, large);
                    FUZZ_CHECK(count_.block_pins(large) == blocked);
                    same(answer{want});
                }
                if (what == 11) same(model_.unblock(now_, large), count_.unblock_pins(large));
            }
        }
    }

    void same(const answer& want, pinfold::outcome got) {
        FUZZ_CHECK(want.error == got.error);
        FUZZ_CHECK(want.reached == got.undo);
        same(want);
    }
    void same(const answer& want, pinfold::crossing reached) {
        FUZZ_CHECK(want.reached == reached);
        same(want);
    }
    void same(const answer& want) {
        now_ = want.after;
        FUZZ_CHECK(count_.raw() == now_.raw);
        FUZZ_CHECK(heard::seen == want.warned);
        FUZZ_CHECK(count_.is_dead() == model_.dead(now_.raw));
        FUZZ_CHECK(count_.refs() == model_.refs(now_));
        if constexpr (traits::has_pin_word || traits::form == pinfold::pin_form::split)
            FUZZ_CHECK(count_.pins() == model_.pins(now_));
        if constexpr (traits::has_pins)
            FUZZ_CHECK(static_cast<bool>(count_.maybe_pinned()) ==
                       (model_.maybe_pinned(now_, false) != oracle::pinned_answer::no));
    }

    oracle::form scheme_;
    oracle::overflow rule_;
    oracle::model model_;
    oracle::state now_{};
    pinfold::count<P> count_;
};

template <class P>
void states_of(bytes& in, oracle::form scheme, oracle::overflow rule, int unit, int ref_bits = 0) {
    state_machine<P>(scheme, rule, unit, ref_bits).run(in);
}

inline void states(bytes& in) {
    using namespace pinfold;
    using oracle::form;
    using rule = oracle::overflow;
    // Most states are impossible in a program that keeps the preconditions.
    const violation_handler before = set_violation_handler([](const char*, const char*, int) noexcept {});
    switch (in.below(8)) {
        case 0: states_of<small_count<overlay_pins<8>, zero_is_dead, refuse, 1, 7, 7, 4, true>>(in, form::overlay, rule::refuse, 8); break;
        case 1: states_of<small_count<overlay_pins<8>, sticky_dead, refuse, 2, 4, 3, 1>>(in, form::overlay, rule::refuse, 8); break;
        case 2: states_of<small_count<overlay_pins<8>, zero_is_dead, saturate, 0, 0, 0, 1>>(in, form::overlay, rule::saturate, 8); break;
        case 3: states_of<small_count<exact_pins, sticky_dead_load_test, refuse, 3, 4, 4, 2>>(in, form::exact, rule::refuse, 1); break;
        case 4: states_of<small_count<hybrid_pins<never_large{}, 8>, zero_is_dead, unchecked_overflow, 0, 0, 0, 1>>(in, form::hybrid, rule::unchecked, 8); break;
        case 5: states_of<small_count<hybrid_pins<never_large{}, 8>, sticky_dead, refuse, 2, 4, 3, 1>>(in, form::hybrid, rule::refuse, 8); break;
        case 6: states_of<small_count<split_word_pins<4>, zero_is_dead, refuse, 1, 7, 4, 2>>(in, form::split, rule::refuse, 17, 4); break;
        default: states_of<small_count<no_pins, sticky_dead, refuse, 4, 8, 0, 4>>(in, form::none, rule::refuse, 1); break;
    }
    (void)set_violation_handler(before);
}

}  // namespace fuzz
