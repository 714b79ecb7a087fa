// SPDX-License-Identifier: BSL-1.0
// The conformance kit: every law of counting for one policy, in one call and without a test framework.
//
//   const auto r = pinfold::check::check_policy<my_count>("my_count");
//   r.print();                         // one line per law; r.json() for a machine
//   return r.passed() ? 0 : 1;
#pragma once

#include <string>
#include <utility>

#include "laws_of_counting.hpp"
#include "laws_of_page_policies.hpp"
#include "laws_of_pages.hpp"
#include "laws_of_threads.hpp"
#include "report.hpp"

namespace pinfold::check {

/// Groups of laws: a program that must compile quickly may ask for some of them.
enum kit_part : unsigned char { counting = 1, pages = 2, threads = 4, page_policies = 8, everything = 15 };

/// How far check_policy() looks.
struct kit_options {
    limits interleavings{.executions = 2'000'000};  ///< per law
    bool stop_at_the_first = false;                 ///< broken law
};

namespace detail {

/// States that no program reaches are looked at too: preconditions are not asserted meanwhile.
class lenient_handlers {
public:
    lenient_handlers() : before_(set_violation_handler(&ignored)) {}
    ~lenient_handlers() { set_violation_handler(before_); }
    lenient_handlers(const lenient_handlers&) = delete;
    lenient_handlers& operator=(const lenient_handlers&) = delete;

private:
    static void ignored(const char*, const char*, int) noexcept {}
    violation_handler before_;
};

/// Runs laws one after the other and writes the report.
class examiner {
public:
    examiner(std::string name, kit_options o) : report_(std::move(name)), options_(o) {}

    template <class Law>
    void one_thread(const law& of, Law run) {
        if (over()) return;
        const lenient_handlers handlers;
        const trial t = run();
        report_.add({of, t.broken.empty() ? verdict::kept : verdict::broken, t.broken, t.cases, 0, 0});
    }
    /// both: also for large heads of a hybrid scheme.
    template <class Law>
    void threads(const law& of, bool both, Law run) {
        finding f{of, verdict::kept, {}, 0, 0, 0};
        for (int large = 0; large <= both && f.is == verdict::kept; ++large) {
            if (over()) return;
            const exploration e = run(large != 0, options_.interleavings);
            f.executions += e.executions, f.steps += e.steps, f.cases = f.executions;
            if (!e) f.is = verdict::broken;
            else if (!e.proved()) f.is = verdict::not_proved;
            if (f.is != verdict::kept) f.counterexample = e.text();
        }
        report_.add(std::move(f));
    }
    void not_applicable(const law& of, const char* why) {
        if (!over()) report_.add({of, verdict::not_applicable, why, 0, 0, 0});
    }
    void not_proved(const law& of, const char* why) {
        if (!over()) report_.add({of, verdict::not_proved, why, 0, 0, 0});
    }
    [[nodiscard]] report take() { return std::move(report_); }

private:
    [[nodiscard]] bool over() const { return options_.stop_at_the_first && report_.first_broken() != nullptr; }

    report report_;
    kit_options options_;
};

template <class P, class Subject>
void examine_counting(examiner& x) {
    using of = counting_laws<P, Subject>;
    using traits = count_traits<P>;
    static constexpr const char* no_pins = "the policy has no pins";
    static constexpr const char* traps = "an overflow stops the program";
    x.one_thread(laws::layout, &of::layout);
    x.one_thread(laws::silent, &of::silent);
    x.one_thread(laws::inverse, &of::inverse);
    x.one_thread(laws::any_order, &of::any_order);
    x.one_thread(laws::n_fold, &of::n_fold);
    x.one_thread(laws::last_release, &of::last_release);
    x.one_thread(laws::dead_refuses, &of::dead_refuses);
    x.one_thread(laws::second_life, &of::second_life);
    x.one_thread(laws::freeze_excludes, &of::freeze_excludes);
    if constexpr (traits::has_pins) {
        x.one_thread(laws::no_false_negative, &of::no_false_negative);
        x.one_thread(laws::no_idle_alarm, &of::no_idle_alarm);
        x.one_thread(laws::certainly, &of::certainly);
    } else {
        for (const law* l : {&laws::no_false_negative, &laws::no_idle_alarm, &laws::certainly}) x.not_applicable(*l, no_pins);
    }
    if constexpr (traits::stated) x.one_thread(laws::budget_reached, &of::budget_reached);
    else x.not_applicable(laws::budget_reached, "the policy promises no budget");
    if constexpr (traits::can_block_shared)
        x.not_applicable(laws::budget_passed, "beyond the budget the word means that pins are blocked");
    else if constexpr (traits::overflow == overflow_rule::refuse || traits::overflow == overflow_rule::saturate)
        x.one_thread(laws::budget_passed, &of::budget_passed);
    else x.not_applicable(laws::budget_passed, traits::overflow == overflow_rule::trap ? traps : "overflow is not checked");
    if constexpr (traits::overflow != overflow_rule::trap) {
        x.one_thread(laws::batch_bound, &of::batch_bound);
        x.one_thread(laws::every_word, &of::every_word);
    } else {
        x.not_applicable(laws::batch_bound, traps), x.not_applicable(laws::every_word, traps);
    }
}

/// Whether interleavings of P can be explored at all: its word is one the explorer sees, or has one that stands for it.
template <class P, class Subject>
concept has_explored_word = requires { typename Subject::template word<typename P::word>; };

template <class W>
inline constexpr bool is_for_one_thread = false;
template <class T>
inline constexpr bool is_for_one_thread<unsync_word<T>> = true;
template <class W, class Probe>
inline constexpr bool is_for_one_thread<probed_word<W, Probe>> = is_for_one_thread<W>;

/// Effects: says of each law why it was not explored.
template <class P, class... Laws>
void not_explored(examiner& x, const Laws&... of) {
    if constexpr (is_for_one_thread<typename P::word>)
        (x.not_applicable(of, "the word is for one thread"), ...);
    else
        (x.not_proved(of, "the explorer does not see the word: specialise pinfold::check::explored_word for it"), ...);
}

template <class P, class Subject>
void examine_threads(examiner& x) {
    not_explored<P>(x, laws::no_use_after_free, laws::last_release_acquires, laws::no_lost_unit, laws::frozen_alone,
                    laws::walker_or_unmapper, laws::walk_rolls_back, laws::full_in_flight, laws::blocked_pins);
}
template <class P, class Subject>
    requires has_explored_word<P, Subject>
void examine_threads(examiner& x) {
    using of = interleaved_laws<P, Subject>;
    using traits = count_traits<P>;
    if constexpr (!of::applies) {
        for (const law* l : {&laws::no_use_after_free, &laws::last_release_acquires, &laws::no_lost_unit, &laws::frozen_alone,
                             &laws::walker_or_unmapper, &laws::walk_rolls_back, &laws::full_in_flight, &laws::blocked_pins})
            x.not_applicable(*l, "the budget promises one holder");
    } else {
        x.threads(laws::no_use_after_free, of::hybrid, &of::no_use_after_free);
        x.threads(laws::last_release_acquires, of::hybrid, &of::last_release_acquires);
        x.threads(laws::no_lost_unit, of::hybrid, &of::no_lost_unit);
        x.threads(laws::frozen_alone, of::hybrid, &of::frozen_alone);
        if constexpr (traits::has_pins) {
            x.threads(laws::walker_or_unmapper, of::hybrid, &of::walker_or_unmapper);
            x.threads(laws::walk_rolls_back, of::hybrid, &of::walk_rolls_back);
        } else {
            x.not_applicable(laws::walker_or_unmapper, "the policy has no pins");
            x.not_applicable(laws::walk_rolls_back, "the policy has no pins");
        }
        if constexpr (traits::overflow == overflow_rule::refuse) x.threads(laws::full_in_flight, false, &of::full_in_flight);
        else x.not_applicable(laws::full_in_flight, "overflow is not refused");
        if constexpr (traits::has_pins && traits::can_block) x.threads(laws::blocked_pins, of::hybrid, &of::blocked_pins);
        else x.not_applicable(laws::blocked_pins, "pins of the policy cannot be blocked");
    }
}

/// Why the laws of pages do not apply.
template <class P>
inline constexpr const char* no_two_pins = count_traits<P>::has_pins ? "the policy has no room for two pins" : "the policy has no pins";

template <class P, class Subject>
void examine_page_policies(examiner& x) {
    using of = page_policy_laws<P, Subject>;
    if constexpr (page_laws<P, Subject>::applies) {
        x.one_thread(laws::release_by_kind, &of::release_by_kind);
        x.one_thread(laws::totals_agree, &of::totals_agree);
    } else {
        x.not_applicable(laws::release_by_kind, no_two_pins<P>), x.not_applicable(laws::totals_agree, no_two_pins<P>);
    }
}

template <class P, class Subject>
void examine_pages(examiner& x) {
    using of = page_laws<P, Subject>;
    if constexpr (!of::applies) {
        for (const law* l : {&laws::head_counts, &laws::head_by_rule, &laws::exemption, &laws::counted_before_free,
                             &laws::run_of_pages, &laws::hook_once, &laws::head_changes, &laws::size_changes})
            x.not_applicable(*l, no_two_pins<P>);
    } else {
        x.one_thread(laws::head_counts, &of::head_counts);
        x.one_thread(laws::head_by_rule, &of::head_by_rule);
        x.one_thread(laws::exemption, &of::exemption);
        x.one_thread(laws::counted_before_free, &of::counted_before_free);
        x.one_thread(laws::run_of_pages, &of::run);
        if constexpr (has_explored_word<P, Subject>) {
            x.threads(laws::hook_once, of::hybrid, &of::hook_once);
            x.threads(laws::head_changes, of::hybrid, &of::head_changes);
            if constexpr (of::hybrid) x.threads(laws::size_changes, true, &of::size_changes);
        } else {
            not_explored<P>(x, laws::hook_once, laws::head_changes);
            if constexpr (of::hybrid) not_explored<P>(x, laws::size_changes);
        }
        if constexpr (!of::hybrid) x.not_applicable(laws::size_changes, "the policy's pins do not ask how large a page is");
    }
}

}  // namespace detail

/// Returns: a report on the laws of counting for count policy P. Subject: whose code counts.
/// Requires: nobody else explores on this thread. Complexity: seconds on one core; the report says how much was run.
template <class P, class Subject = library, unsigned Parts = everything>
[[nodiscard]] report check_policy(std::string name, kit_options options = {}) {
    static_assert(sizeof(require_count_policy<P>) != 0);
    detail::examiner x(std::move(name), options);
    if constexpr ((Parts & counting) != 0) detail::examine_counting<P, Subject>(x);
    if constexpr ((Parts & pages) != 0) detail::examine_pages<P, Subject>(x);
    if constexpr ((Parts & page_policies) != 0) detail::examine_page_policies<P, Subject>(x);
    if constexpr ((Parts & threads) != 0) detail::examine_threads<P, Subject>(x);
    return x.take();
}

}  // namespace pinfold::check
