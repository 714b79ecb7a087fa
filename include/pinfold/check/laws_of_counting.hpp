// SPDX-License-Identifier: BSL-1.0
// The laws one thread can break: the algebra of grabs and releases, life and death, the answers of the pinned
// query, the budget, overflow. Every state a narrow word can have; the boundaries of a wide one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "report.hpp"
#include "subject.hpp"

namespace pinfold::check {

namespace laws {
inline constexpr law inverse{"inverse", "what a grab added, its release takes away: the words are as before"};
inline constexpr law any_order{"any order", "released in any order, the same holds end in the same words"};
inline constexpr law n_fold{"n-fold", "n at once are n times one, taken and given back"};
inline constexpr law last_release{"last release", "the last release, and only it, reports zero"};
inline constexpr law dead_refuses{"dead refuses", "nobody raises a dead head, however often it is tried"};
inline constexpr law second_life{"second life", "a head that died lives again from its new baseline"};
inline constexpr law freeze_excludes{"freeze excludes", "freezing needs the exact value, refuses all, and is undone exactly"};
inline constexpr law no_false_negative{"no false negative", "a pinned head never answers no, overflowed or not"};
inline constexpr law no_idle_alarm{"no idle alarm", "without pins and with fewer references than one pin has units, the answer is no"};
inline constexpr law certainly{"certainly", "only a live pin answers certainly"};
inline constexpr law budget_reached{"budget reached", "all the budget promises is granted, without a warning"};
inline constexpr law budget_passed{"budget passed", "what the word cannot hold is refused, and never frees a held page"};
inline constexpr law batch_bound{"batch bound", "a batch whose product leaves the word is refused, and adds nothing"};
inline constexpr law every_word{"every word", "from any word, a grab adds exactly its units or nothing"};
inline constexpr law silent{"noexcept", "no operation throws"};
inline constexpr law layout{"layout", "a count is its words and nothing else"};
}  // namespace laws

namespace detail {

/// The counterexample of a law, and how many cases were looked at.
struct trial {
    std::string broken;
    std::uint64_t cases = 0;

    /// Returns: whether the case holds; keeps the first that does not.
    template <class Text>
    bool need(bool holds, Text text) {
        ++cases;
        if (!holds && broken.empty()) broken = text();
        return broken.empty();
    }
};

template <class P, class Subject>
class counting_laws {
    using policy = alone<P>;
    using count = typename Subject::template count<policy>;
    using traits = count_traits<policy>;
    using value = typename traits::value_type;

    static constexpr bool has_pins = traits::has_pins;
    static constexpr bool hybrid = traits::form == pin_form::hybrid;
    static constexpr std::uint64_t word_limit = word_max(traits::bits);

public:
    /// References and pins the laws use: within the budget, and where there is none within the word.
    static constexpr std::uint64_t refs_max = std::min<std::uint64_t>(
        traits::stated ? traits::limits.max_refs : word_limit / 4, 40);
    static constexpr std::uint64_t pins_max =
        !has_pins ? 0
                  : std::min<std::uint64_t>(traits::stated ? traits::limits.max_pins
                                                           : (word_limit - refs_max) / traits::pin_unit,
                                            6);

    static trial inverse() {
        return each_state([](trial& t, count& c, std::uint64_t r, std::uint64_t p, bool large) {
            const auto before = words(c);
            const std::uint64_t room = refs_max - r;
            for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{2}, batch(1)}) {
                if (n > room || n > batch(1)) continue;
                if (c.try_get(n)) (void)c.put(n); else t.need(false, [&] { return at(r, p) + ": try_get refused"; });
                if (c.try_get_held(n)) (void)c.put(n); else t.need(false, [&] { return at(r, p) + ": try_get_held refused"; });
                c.get(n), (void)c.put(n);
                t.need(words(c) == before, [&] { return at(r, p) + ": get and put of " + std::to_string(n) + " change the word"; });
            }
            if constexpr (has_pins) {
                for (std::uint64_t n = 1; n <= pins_max - p && n <= batch(unit(large)); ++n) {
                    if (c.try_pin(n, large)) (void)c.unpin(n, large); else t.need(false, [&] { return at(r, p) + ": try_pin refused"; });
                    t.need(words(c) == before, [&] { return at(r, p) + ": try_pin and unpin of " + std::to_string(n) + " change the word by " + moved(c, before); });
                    if (c.try_pin_held(n, large)) (void)c.unpin(n, large); else t.need(false, [&] { return at(r, p) + ": try_pin_held refused"; });
                    c.pin(n, large), (void)c.unpin(n, large);
                    t.need(words(c) == before, [&] { return at(r, p) + ": pin and unpin of " + std::to_string(n) + " change the word by " + moved(c, before); });
                }
            }
        });
    }

    static trial any_order() {
        trial t;
        for (int large = 0; large <= hybrid; ++large) {
            // Two references and up to two pins beside the baseline, given back in every order.
            const std::uint64_t refs = std::min<std::uint64_t>(2, refs_max - 1), pins = std::min<std::uint64_t>(2, pins_max);
            std::vector<int> order(refs, 0);
            order.insert(order.end(), pins, 1);
            do {
                count c;
                build(c, 1 + refs, pins, large != 0);
                bool crossed = false;
                for (const int what : order) crossed = drop(c, what != 0, large != 0) != crossing::none || crossed;
                t.need(!crossed && c.raw() == 1 && c.put(1) == crossing::zero, [&] {
                    std::string text = "releases in the order";
                    for (const int what : order) text += what != 0 ? " unpin" : " put";
                    return text + " leave " + std::to_string(c.raw()) + " units instead of 1";
                });
            } while (std::next_permutation(order.begin(), order.end()));
        }
        return t;
    }

    static trial n_fold() {
        return each_state([](trial& t, count& c, std::uint64_t r, std::uint64_t p, bool large) {
            count one;
            build(one, r, p, large);
            const auto compare = [&](std::uint64_t n, const char* what) {
                t.need(words(c) == words(one), [&] {
                    return at(r, p) + ": " + what + " of " + std::to_string(n) + " at once gives " + std::to_string(c.raw()) +
                           ", one by one " + std::to_string(one.raw());
                });
            };
            for (std::uint64_t n = 2; n <= std::min<std::uint64_t>(3, refs_max - r) && n <= batch(1); ++n) {
                (void)c.try_get(n);
                for (std::uint64_t i = 0; i < n; ++i) (void)one.try_get(1);
                compare(n, "try_get");
                (void)c.put(n);
                for (std::uint64_t i = 0; i < n; ++i) (void)one.put(1);
                compare(n, "put");
            }
            if constexpr (has_pins) {
                for (std::uint64_t n = 2; n <= pins_max - p && n <= batch(unit(large)); ++n) {
                    (void)c.try_pin(n, large);
                    for (std::uint64_t i = 0; i < n; ++i) (void)one.try_pin(1, large);
                    compare(n, "try_pin");
                    for (std::uint64_t i = 0; i < n; ++i) (void)c.unpin(1, large);
                    (void)one.unpin(n, large);
                    compare(n, "unpin");
                }
            }
        });
    }

    static trial last_release() {
        return each_state([](trial& t, count& c, std::uint64_t r, std::uint64_t p, bool large) {
            int zeros = 0;
            for (std::uint64_t i = 0; i < p; ++i) zeros += drop(c, true, large) == crossing::zero;
            for (std::uint64_t i = 1; i < r; ++i) zeros += c.put(1) == crossing::zero;
            t.need(zeros == 0 && !c.is_dead(), [&] { return at(r, p) + ": dead while a reference is held"; });
            t.need(c.put(1) == crossing::zero && c.is_dead(), [&] { return at(r, p) + ": the last put does not report zero"; });
            if constexpr (has_pins) {
                count again;
                build(again, r, p, large);
                if (p == 0) return;
                (void)again.put(r);
                t.need(!again.is_dead() && again.unpin(p, large) == crossing::zero && again.is_dead(),
                       [&] { return at(r, p) + ": the last unpin does not report zero"; });
            }
        });
    }

    static trial dead_refuses() {
        trial t;
        for (int how = 0; how < 3; ++how)
            for (int large = 0; large <= hybrid; ++large) {
                static constexpr const char* names[] = {"never allocated", "freed", "frozen"};
                count c;
                if (how != 0) c.init(1);
                if (how == 1) (void)c.put(1);
                if (how == 2) (void)c.freeze(1);
                const auto before = words(c);
                for (int i = 0; i < 4; ++i) {
                    const outcome got = c.try_get(1);
                    t.need(got.error == errc::dead && got.undo == crossing::none, [&] { return std::string(names[how]) + ": try_get does not say dead"; });
                    if constexpr (has_pins) {
                        const outcome pinned = c.try_pin(1, large != 0);
                        t.need(pinned.error == errc::dead && pinned.undo == crossing::none, [&] { return std::string(names[how]) + ": try_pin does not say dead"; });
                    }
                }
                t.need(words(c) == before && c.is_dead() && c.refs() == 0, [&] { return std::string(names[how]) + ": refused grabs leave something behind"; });
            }
        return t;
    }

    static trial second_life() {
        trial t;
        count c;
        for (int life = 0; life < 3; ++life) {
            c.init(1);
            t.need(c.raw() == 1 && c.refs() == 1, [&] { return "life " + std::to_string(life + 1) + " begins with " + std::to_string(c.raw()) + " units"; });
            const bool more = refs_max > 1 && c.try_get(1);
            (void)(more && c.put(1) == crossing::none);
            t.need(c.put(1) == crossing::zero, [&] { return "life " + std::to_string(life + 1) + " does not end"; });
        }
        return t;
    }

    static trial freeze_excludes() {
        return each_state([](trial& t, count& c, std::uint64_t r, std::uint64_t p, bool large) {
            const auto before = words(c);
            const value is = c.raw();
            for (const int off : {-1, 1}) {
                const value wrong = static_cast<value>(is + off);
                t.need(!c.freeze(wrong) && words(c) == before, [&] { return at(r, p) + ": frozen at a value it does not have"; });
            }
            t.need(c.freeze(is) && c.is_dead(), [&] { return at(r, p) + ": not frozen at its value"; });
            t.need(!c.freeze(is), [&] { return at(r, p) + ": frozen twice"; });
            t.need(!c.try_get(1), [&] { return at(r, p) + ": granted while frozen"; });
            if constexpr (has_pins) t.need(!c.try_pin(1, large), [&] { return at(r, p) + ": pinned while frozen"; });
            c.unfreeze(is);
            t.need(words(c) == before, [&] { return at(r, p) + ": unfreezing gives " + std::to_string(c.raw()); });
        });
    }

    // ---- answers --------------------------------------------------------------------------------------------

    static trial no_false_negative() requires has_pins {
        trial t = each_state([](trial& u, count& c, std::uint64_t r, std::uint64_t p, bool large) {
            if (p != 0) u.need(static_cast<bool>(c.maybe_pinned(large)), [&] { return at(r, p) + ": answers no"; });
        });
        if (traits::form == pin_form::overlay && traits::overflow != overflow_rule::trap &&
            traits::overflow != overflow_rule::saturate) {
            count c;  // pins until the word has overflowed, and one more
            c.set_raw(static_cast<value>(word_limit - traits::pin_unit));
            for (int i = 0; i < 2; ++i) {
                c.pin(1, false);
                t.need(static_cast<bool>(c.maybe_pinned(false)), [&] { return "a word of " + std::to_string(c.raw()) + " units after an overflow answers no"; });
            }
        }
        return t;
    }
    static trial no_idle_alarm() requires has_pins {
        return each_state([](trial& t, count& c, std::uint64_t r, std::uint64_t p, bool large) {
            if (p == 0 && (r < traits::pin_unit || !traits::overlaps || (hybrid && large)))
                t.need(!static_cast<bool>(c.maybe_pinned(large)), [&] { return at(r, p) + ": answers yes"; });
        });
    }
    static trial certainly() requires has_pins {
        return each_state([](trial& t, count& c, std::uint64_t r, std::uint64_t p, bool large) {
            const auto answer = c.maybe_pinned(large);
            if constexpr (requires { answer.value(); })
                if (p == 0) t.need(answer.value() != pinned::certainly, [&] { return at(r, p) + ": answers certainly"; });
            t.need(p != 0 || !traits::has_pin_word || !c.maybe_pinned(true), [&] { return at(r, p) + ": an exact scheme sees a pin"; });
        });
    }

    // ---- limits ---------------------------------------------------------------------------------------------

    static trial budget_reached() requires traits::stated {
        trial t;
        count c;
        c.init(1);
        noted_warnings::seen = 0;
        const std::uint64_t refs = traits::limits.max_refs, pins = traits::limits.max_pins;
        const std::uint64_t few = batch(1), many = batch(unit(false));
        bool granted = true;
        for (std::uint64_t left = refs - 1; left != 0 && granted; left -= std::min(left, few)) granted = static_cast<bool>(c.try_get(std::min(left, few)));
        if constexpr (has_pins)
            for (std::uint64_t left = pins; left != 0 && granted; left -= std::min(left, many)) granted = static_cast<bool>(c.try_pin(std::min(left, many), false));
        const auto budget = [&] { return std::to_string(refs) + " references and " + std::to_string(pins) + " pins"; };
        t.need(granted && noted_warnings::seen == 0 && c.raw() > 0, [&] { return budget() + " are not granted: the word is " + std::to_string(c.raw()); });
        if (!t.broken.empty()) return t;
        int zeros = 0;
        if constexpr (has_pins)
            for (std::uint64_t left = pins; left != 0; left -= std::min(left, many)) zeros += c.unpin(std::min(left, many), false) == crossing::zero;
        for (std::uint64_t left = refs; left != 0; left -= std::min(left, few)) zeros += c.put(std::min(left, few)) == crossing::zero;
        t.need(zeros == 1 && c.is_dead(), [&] { return budget() + " given back do not free the page once"; });
        return t;
    }

    static trial budget_passed() requires(traits::overflow == overflow_rule::refuse || traits::overflow == overflow_rule::saturate) {
        trial t;
        for (const std::uint64_t room : {std::uint64_t{0}, std::uint64_t{1}, unit(false) - 1}) {
            count c;
            const auto full = static_cast<value>(word_limit - room);
            c.set_raw(full);
            noted_warnings::seen = 0;
            int granted = 0;
            bool refused = false;
            for (int i = 0; i < 3 && !refused; ++i) {
                outcome got;
                if constexpr (has_pins && !traits::has_pin_word) got = c.try_pin(1, false); else got = c.try_get(room + 1);
                refused = !got;
                granted += refused ? 0 : 1;
                t.need(got.undo == crossing::none, [&] { return "a full word: the refused grab reports a crossing"; });
            }
            const auto where = [&] { return "a word with room for " + std::to_string(room) + " units: "; };
            if (traits::overflow == overflow_rule::saturate) {
                t.need(!refused && noted_warnings::seen >= 1, [&] { return where() + "does not saturate"; });
                t.need(c.put(1) == crossing::none && !c.is_dead(), [&] { return where() + "freed although saturated"; });
                continue;
            }
            t.need(refused && noted_warnings::seen >= 1, [&] { return where() + "grabs go on without a refusal and a warning"; });
            for (int i = 0; i < granted; ++i) {
                crossing reached = crossing::none;
                if constexpr (has_pins && !traits::has_pin_word) reached = c.unpin(1, false); else reached = c.put(room + 1);
                t.need(reached == crossing::none, [&] { return where() + "freed on the way back"; });
            }
            t.need(c.raw() == full, [&] { return where() + "balanced releases lead to " + std::to_string(c.raw()); });
        }
        return t;
    }

    static trial batch_bound() requires(traits::overflow != overflow_rule::trap) {
        return each_state([](trial& t, count& c, std::uint64_t r, std::uint64_t p, bool large) {
            const auto before = words(c);
            const auto refuses = [&](std::uint64_t n, std::uint64_t u, bool is_pin) {
                if (n <= batch(u)) return;
                outcome got{};
                if constexpr (has_pins) got = is_pin ? c.try_pin(n, large) : c.try_get(n);
                else got = c.try_get(n);
                t.need(got.error == errc::batch_limit && words(c) == before, [&] {
                    return at(r, p) + ": a batch of " + std::to_string(n) + (is_pin ? " pins" : " references") +
                           (got ? " is granted; the word is " : " changes the word to ") + std::to_string(c.raw());
                });
            };
            for (const bool is_pin : {false, true}) {
                if (is_pin && !has_pins) continue;
                const std::uint64_t u = is_pin ? unit(large) : 1;
                refuses(batch(u) + 1, u, is_pin);
                refuses(word_limit / u + 1, u, is_pin);
                if constexpr (traits::bits < 64) refuses((std::uint64_t{1} << traits::bits) / u, u, is_pin);  // the product wraps to 0
            }
        });
    }

    static trial every_word() requires(traits::overflow != overflow_rule::trap) {
        trial t;
        const auto visit = [&](value v) {
            for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{2}, batch(unit(false))}) {
                for (const bool is_pin : {false, true}) {
                    if (is_pin && (!has_pins || traits::has_pin_word)) continue;
                    const std::uint64_t u = is_pin ? traits::pin_unit : 1;
                    if (n > batch(u)) continue;
                    count c;
                    c.set_raw(v);
                    outcome got{};
                    if constexpr (has_pins) got = is_pin ? c.try_pin(n, false) : c.try_get(n);
                    else got = c.try_get(n);
                    const value raised = pinfold::detail::wrap_add(v, static_cast<value>(n * u));
                    const bool stuck = traits::overflow == overflow_rule::saturate && c.raw() == traits::far_negative;
                    t.need(got ? c.raw() == raised || stuck : c.raw() == v || (v == 0 && c.is_dead()), [&] {
                        return "from " + std::to_string(v) + ": " + std::to_string(n) + (is_pin ? " pins " : " references ") +
                               (got ? "granted" : "refused") + ", the word becomes " + std::to_string(c.raw());
                    });
                }
            }
        };
        if constexpr (traits::bits <= 16) {
            for (std::int64_t v = -static_cast<std::int64_t>(word_limit) - 1; v <= static_cast<std::int64_t>(word_limit); ++v) visit(static_cast<value>(v));
        } else {
            const auto u = static_cast<std::int64_t>(traits::pin_unit), top = static_cast<std::int64_t>(word_limit);
            for (const std::int64_t center : {std::int64_t{0}, u, 2 * u, -u, top, -top, static_cast<std::int64_t>(traits::far_negative), top - u})
                for (std::int64_t off = -2; off <= 2; ++off)
                    visit(static_cast<value>(static_cast<std::uint64_t>(center) + static_cast<std::uint64_t>(off)));
        }
        return t;
    }

    // ---- shape ----------------------------------------------------------------------------------------------

    static trial silent() {
        trial t;
        using real = typename Subject::template count<P>;
        t.need(noexcept(std::declval<real&>().try_get(1)) && noexcept(std::declval<real&>().put(1)) &&
                   noexcept(std::declval<real&>().init(1)) && noexcept(std::declval<real&>().freeze(1)),
               [] { return "an operation may throw"; });
        if constexpr (has_pins)
            t.need(noexcept(std::declval<real&>().try_pin(1, false)) && noexcept(std::declval<real&>().unpin(1, false)),
                   [] { return "an operation on pins may throw"; });
        return t;
    }
    static trial layout() {
        trial t;
        using real = typename Subject::template count<P>;
        constexpr std::size_t words_of = traits::has_pin_word && !traits::joined ? 2 : 1;
        t.need(sizeof(real) == words_of * sizeof(typename P::word) && alignof(real) == alignof(typename P::word),
               [] { return "it has " + std::to_string(sizeof(real)) + " bytes"; });
        return t;
    }

private:
    static constexpr std::uint64_t unit(bool large) noexcept {
        return traits::form == pin_form::exact || large ? 1 : traits::pin_unit;
    }
    static constexpr std::uint64_t batch(std::uint64_t u) noexcept { return traits::batch_max(u); }
    static std::string at(std::uint64_t r, std::uint64_t p) {
        return "with " + std::to_string(r) + " references and " + std::to_string(p) + " pins";
    }
    static std::pair<value, std::int64_t> words(const count& c) {
        if constexpr (traits::has_pin_word)
            return {c.raw(), c.pins()};
        else
            return {c.raw(), 0};
    }
    static std::string moved(const count& c, const std::pair<value, std::int64_t>& before) {
        return std::to_string(c.raw() - before.first);
    }
    static void build(count& c, std::uint64_t refs, std::uint64_t pins, bool large) {
        c.init(1);
        for (std::uint64_t i = 1; i < refs; ++i) c.get(1);
        if constexpr (has_pins)
            for (std::uint64_t i = 0; i < pins; ++i) c.pin(1, large);
        (void)pins, (void)large;
    }
    static crossing drop(count& c, bool is_pin, bool large) {
        if constexpr (has_pins)
            if (is_pin) return c.unpin(1, large);
        (void)is_pin, (void)large;
        return c.put(1);
    }
    /// Calls look for every state of up to refs_max references and pins_max pins.
    template <class Look>
    static trial each_state(Look look) {
        trial t;
        for (int large = 0; large <= hybrid; ++large)
            for (std::uint64_t r = 1; r <= refs_max; r += r < 4 ? 1 : 9)
                for (std::uint64_t p = 0; p <= pins_max; ++p) {
                    count c;
                    build(c, r, p, large != 0);
                    look(t, c, r, p, large != 0);
                }
        return t;
    }
};

}  // namespace detail

}  // namespace pinfold::check
