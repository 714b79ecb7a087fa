// SPDX-License-Identifier: BSL-1.0
// Every interleaving of a small program, in any test framework or none:
//
//   auto r = check::explore("pin against free", [](check::program& p) {
//       auto& page = p.make<my_page>("page");                    // new in every execution
//       p.thread([&] { if (page.count.try_pin()) page.use(), release(page); });
//       p.thread([&] { release(page); });
//       p.at_end([&] { check::that(page.freed == 1, "the page is freed once"); });
//   });
//   r.print();                                                   // or: REQUIRE(r.proved())
//
// What the model of memory covers stands in memory.hpp; what the words are, in word.hpp. Between two steps a thread runs
// undisturbed, so whatever threads share must be a word, an atomic, plain, or a sum that nobody reads before the end.
// A thread's stack may be dropped in the middle: what it allocates it allocates with check::make.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "../core/contract.hpp"
#include "../count/count.hpp"
#include "atomic.hpp"
#include "engine.hpp"
#include "plain.hpp"
#include "result.hpp"
#include "shorten.hpp"
#include "word.hpp"

namespace pinfold::check {

/// The program of one execution, as its set-up describes it.
class program {
public:
    explicit program(detail::engine& e) noexcept : engine_(e) {}

    /// Returns: a new T for this execution.
    template <class T, class... A>
    T& make(std::string name, A&&... a) {
        return engine_.objects().make<T>(std::move(name), false, std::forward<A>(a)...);
    }
    /// Effects: traces call this part of an object so, instead of by its distance from the object's beginning.
    template <class T>
    void name(const T& part, std::string name) {
        engine_.objects().alias(&part, std::move(name));
    }
    /// Effects: one more thread, `a` the first. What the set-up did before happens before it.
    template <class Body>
    void thread(Body body) {
        engine_.add_thread(detail::task(std::move(body)));
    }
    /// Returns: whether the threads of the execution before this one have come to their ends: else, what they held then
    /// they hold for ever.
    [[nodiscard]] bool unwound() const noexcept { return engine_.unwound_before(); }
    /// Effects: runs after all threads have ended, which happens before it.
    template <class Body>
    void at_end(Body body) {
        engine_.at_end(detail::task(std::move(body)));
    }

private:
    detail::engine& engine_;
};

/// Effects: the execution fails unless `holds`. what: the sentence that should hold.
inline void that(bool holds, const char* what) {
    detail::engine* const e = detail::exploring();
    if (!holds && e != nullptr) e->fail(fault::assertion, what);
}

/// Waiting: nothing this thread has read since the last pause() satisfied it, so it need not run until some of that
/// changes: then the next read of it, or of another place that has changed, is newer than the last. Put it into every loop
/// that waits, and where nothing happens besides looking. A program in which all wait is a deadlock.
inline void pause() {
    if (detail::engine* const e = detail::exploring()) e->pause();
}
template <class Condition>
void await(Condition holds) {
    while (!holds()) pause();
}

/// An object with an owner: given back by destroy(), once, and before the execution ends.
template <class T, class... A>
[[nodiscard]] T* make(std::string name, A&&... a) {
    return &detail::engine::current->objects().make<T>(std::move(name), true, std::forward<A>(a)...);
}
template <class T>
void destroy(T* p) {
    detail::engine& e = *detail::engine::current;
    using removal = detail::registry::removal;
    const removal r = e.objects().remove(p);
    if (r == removal::twice) e.fail(fault::double_free, [&] { return e.who() + " frees " + e.name(p) + " again"; });
    if (r == removal::unknown)
        e.fail(fault::double_free, [&] { return e.who() + " frees what was not made by check::make"; });
}

/// A warning sink: a warning is a failure of the execution. Programs in which overflow is meant use another.
struct warnings {
    static void negative(std::int64_t, std::int64_t, std::uint64_t) noexcept { say("the count word is negative"); }
    static void batch(std::int64_t, std::int64_t, std::uint64_t) noexcept { say("a batch exceeds the count word"); }
    static void saturated(std::int64_t, std::int64_t, std::uint64_t) noexcept { say("the count word has saturated"); }
    static void underflow(std::int64_t, std::int64_t, std::uint64_t) noexcept { say("more was released than was held"); }

private:
    static void say(const char* what) noexcept {
        if (detail::engine* const e = detail::exploring()) e->fail(fault::overflow, [&] { return e->who() + ": " + what; });
    }
};

/// The count policy P as it is, on explored words: pinfold::count<explored<P>> is the same code as pinfold::count<P>.
template <class P>
struct explored : P {
    using word = typename explored_word<typename P::word>::type;
    using warnings = check::warnings;
};

/// Pages with words of their own are written as templates over one of these families, `Words`:
///   template <class Words> struct frame { typename Words::template count<my_count> count;
///                                         typename Words::template word<std::intptr_t> link; … };
/// frame<real_words> is what the program uses, frame<explored_words> what is explored.
struct real_words {
    template <class T>
    using word = atomic_word<T>;
    template <class P>
    using count = pinfold::count<P>;
};
struct explored_words {
    template <class T>
    using word = check::word<T>;
    template <class P>
    using count = pinfold::count<explored<P>>;
};

/// Anything that can be called with a program&, as often as there are executions.
using body = detail::call_ref<program&>;

namespace detail {

/// Broken preconditions of the library fail the execution while it lives.
class failing_handlers {
public:
    failing_handlers() : before_(set_violation_handler(&broken)) {}
    ~failing_handlers() { set_violation_handler(before_); }
    failing_handlers(const failing_handlers&) = delete;
    failing_handlers& operator=(const failing_handlers&) = delete;

private:
    static void broken(const char* condition, const char* file, int line) noexcept {
        engine* const e = exploring();
        if (e == nullptr) return pinfold::detail::print_violation(condition, file, line);
        e->fail(fault::precondition, [&] { return e->who() + ": " + condition; });
    }
    violation_handler before_;
};

/// Effects: one execution, as `s` says; fills in what came of it. Returns: what was run.
inline schedule run_one_schedule(exploration& e, const body& b, const schedule& s, const engine::observer& watch,
                                 engine::following how = engine::following::exactly) {
    engine one(e.bounds, &s, watch, how);
    (void)one.execute([&](engine& at) {
        program p(at);
        b(p);
    });
    one.fill(e);
    return one.taken();
}

/// Returns: the schedule of a fault that `e` has found, made shorter.
inline std::string shortened(const exploration& e, const body& b) {
    const auto run = [&](const schedule& s) -> std::optional<schedule> {
        exploration one;
        one.bounds = e.bounds;
        schedule ran = run_one_schedule(one, b, s, {}, engine::following::roughly);
        if (one.found != e.found) return std::nullopt;
        return ran;
    };
    return to_string(shortener(*parse_schedule(e.schedule), e.bounds.shortening, run).shortest());
}

/// Effects: runs the schedule of `e`, and fills in what came of it, step by step.
inline void follow(exploration& e, const body& b, const schedule& s, const std::function<void(const std::string&)>& watch) {
    (void)run_one_schedule(e, b, s, [&](const std::string& line) {
        e.trace.push_back(line);
        if (watch) watch(line);
    });
}

}  // namespace detail

/// Returns: what running `schedule` does; watch(line) is called at every step, where a debugger may stop.
/// Requires: bounds say of fences and old values what they said where the schedule was found.
[[nodiscard]] inline exploration replay(std::string name, std::string_view text, const body& b,
                                        const std::function<void(const std::string&)>& watch = {}, limits bounds = {}) {
    const detail::failing_handlers handlers;
    exploration e;
    e.name = std::move(name), e.bounds = bounds;
    if (const auto steps = parse_schedule(text)) detail::follow(e, b, *steps, watch);
    else e.found = fault::bad_schedule, e.what = "it is not of the form \"aab2b~\"";
    return e;
}

/// Effects: runs the program under every schedule that can make a difference, up to the limits, until one fails. That one
/// is made shorter, unless words were found by themselves (found_atomic.hpp): which they are is known to the search alone.
[[nodiscard]] inline exploration explore(std::string name, const body& b, limits bounds = {}) {
    const detail::failing_handlers handlers;
    exploration e;
    e.name = std::move(name);
    {
        detail::engine all(bounds, nullptr, {});
        const auto set_up = [&](detail::engine& at) {
            program p(at);
            b(p);
        };
        while (all.execute(set_up) && all.executions() < bounds.executions) {
        }
        all.fill(e);
        e.finished = all.exhausted();
        if (e.found != fault::none) e.trace = all.trace();
    }
    if (e.found == fault::none || !e.trace.empty()) return e;
    if (e.found != fault::bad_schedule) e.schedule = detail::shortened(e, b);
    exploration shown = replay(e.name, e.schedule, b, {}, bounds);
    e.trace = std::move(shown.trace);
    if (shown.found == e.found) e.what = std::move(shown.what);
    return e;
}

}  // namespace pinfold::check
