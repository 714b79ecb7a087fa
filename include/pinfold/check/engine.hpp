// SPDX-License-Identifier: BSL-1.0
// Runs one program again and again under every schedule that matters. Internal: programs use explore.hpp and the
// instrumented types. One exploration at a time per operating-system thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "describe.hpp"
#include "fiber.hpp"
#include "found_words.hpp"
#include "memory.hpp"
#include "registry.hpp"
#include "result.hpp"
#include "schedule.hpp"
#include "search.hpp"
#include "task.hpp"
#include "waits.hpp"

namespace pinfold::check::detail {

class engine {
public:
    static inline thread_local constinit engine* current = nullptr;

    /// Called before every execution; registers threads and what follows their end.
    using set_up = call_ref<engine&>;
    using observer = std::function<void(const std::string&)>;

    /// exactly: what cannot be followed is a fault; roughly: it is passed over.
    enum class following : unsigned char { exactly, roughly };

    engine(limits bounds, const schedule* follow, observer watch, following how = following::exactly)
        : bounds_(bounds), follow_(follow), how_(how), watch_(std::move(watch)), memory_(bounds.old_values),
          search_(!bounds.reduce, bounds.old_values), before_(current) {
        current = this;
    }
    ~engine() { current = before_; }
    engine(const engine&) = delete;
    engine& operator=(const engine&) = delete;

    /// Returns: whether another execution is to follow.
    bool execute(const set_up& body) {
        begin();
        body(*this);
        if (found_ == fault::none) run_threads();
        if (status_ == status::complete && found_ == fault::none) end();
        phase_ = phase::over;
        if (found_ == fault::none) objects_.clear();  // else their names are in the trace
        ended_.clear();
        if (found_more_ && (found_ == fault::none || found_ == fault::deadlock)) return start_again();
        if (search_.diverged() && found_ == fault::none) {
            found_ = fault::bad_schedule;
            what_ = "the program does not repeat itself: what it does depends on more than its schedule, on an address, say";
        }
        if (found_ != fault::none || follow_ != nullptr) return false;
        exhausted_ = !search_.advance();
        return !exhausted_;
    }
    /// Returns: whether no schedule is left that could make a difference.
    [[nodiscard]] bool exhausted() const noexcept { return exhausted_; }
    /// Returns: whether the stacks of the execution before this were unwound: what its threads held is given back.
    [[nodiscard]] bool unwound_before() const noexcept { return unwound_before_; }

    // ---- what an execution consists of --------------------------------------------------------------------

    void add_thread(task body) {
        if (threads_ + 1 == max_threads) return fail(fault::assertion, "too many threads: 7 at most");
        bodies_[++threads_] = std::move(body);
    }
    void at_end(task body) { ended_.push_back(std::move(body)); }
    registry& objects() noexcept { return objects_; }

    [[nodiscard]] bool active() const noexcept { return phase_ != phase::over; }
    [[nodiscard]] unsigned me() const noexcept { return me_; }
    [[nodiscard]] std::uint64_t stamp() const noexcept { return stamp_; }
    [[nodiscard]] const memory::thread& here() noexcept { return memory_.of(me_); }
    [[nodiscard]] std::uint32_t now() const noexcept { return memory_.step_of(me_); }

    // ---- what threads do ----------------------------------------------------------------------------------

    std::uint32_t add_location(const void* address, std::int64_t value, bool old) {
        return memory_.add_location(address, value, me_, old);
    }
    void remove_location(std::uint32_t where) {
        memory::location& l = memory_.at(where);
        for (unsigned t = 0; t < max_threads; ++t)
            if (l.used.at[t] > here().now.when.at[t])
                return fail(fault::use_after_free, [&] {
                    return who() + " ends the lifetime of " + name(l.address) + " while " + who(t) +
                           " uses it: neither happens before the other";
                });
        l.gone = true, l.gone_by = me_;
    }

    /// Effects: one visible operation of the calling thread, when its turn comes.
    effect visible(const operation& op) {
        if (phase_ == phase::setting_up || phase_ == phase::ending) return alone(op);
        const unsigned self = me_;
        pending_[self] = op;
        if (phase_ != phase::unwinding) hand_over();
        return phase_ == phase::unwinding ? in_passing(self) : take_step(self);
    }

    void pause() {
        if (threads_run()) (void)visible({.what = act::resume});
    }
    void fence(order o) {
        if (bounds_.fences && bounds_.old_values && threads_run()) (void)visible({.what = act::fence, .success = o});
    }

    [[nodiscard]] bool old_values() const noexcept { return bounds_.old_values; }

    // ---- words found by themselves: found_atomic.hpp ------------------------------------------------------

    /// Returns: whether the thread's access to the word at `address` is a step. One that shows that the word is shared
    /// spoils the execution, which then came to be without its steps: the exploration begins anew.
    bool shares(const void* address) {
        if (!threads_run()) return false;
        found_words::word& w = found_words_.at(address, stamp_);
        if (found_words::touch(w, me_, stamp_)) found_more_ = true;
        return w.shared;
    }
    /// As shares(), of a word that only another thread can make what is waited for: it will touch it, if anybody does.
    bool will_share(const void* address) {
        if (!threads_run()) return false;
        bool& shared = found_words_.at(address, stamp_).shared;
        if (!std::exchange(shared, true)) found_more_ = true;
        return true;
    }
    /// Returns: the location of a shared word, which memory holds as `value`: another one, if it was written as bytes.
    std::uint32_t place(const void* address, std::int64_t value) {
        found_words::word& w = found_words_.at(address, stamp_);
        if (w.located != stamp_ || newest_of(w.where) != value)
            w.located = stamp_, w.where = memory_.add_location(address, value, me_, true);
        return w.where;
    }
    /// Effects: what is at `address` from now on is another word.
    void born(const void* address) {
        if (active()) found_words_.born(address, me_, stamp_);
    }

    /// Effects: the execution has failed; what(): how. Does not return to a thread of the program, whose stack is
    /// dropped: nothing may be left on it that owns memory, hence text that is made in here.
    template <class Text>
    void fail(fault f, Text what) {
        if (found_ == fault::none) found_ = f, what_ = what();
        status_ = status::failed;
        unwound_ = false;
        if (!active()) return;
        if (watch_) watch_("=> " + std::string(message(f)) + ": " + what_);
        if (me_ != main_thread) {
            const unsigned self = me_;
            me_ = main_thread;
            for (;;) fiber::change(fibers_[self], main_);
        }
    }
    void fail(fault f, const char* what) {
        fail(f, [what] { return std::string(what); });
    }
    void note(const std::string& line) {
        if (watch_) watch_(line);
    }
    [[nodiscard]] bool watched() const noexcept { return static_cast<bool>(watch_); }
    [[nodiscard]] std::string who(unsigned t) const {
        return t == main_thread ? std::string("the main thread") : std::string("thread ") + thread_name(t);
    }
    [[nodiscard]] std::string who() const { return who(me_); }
    [[nodiscard]] std::string name(const void* address) const { return objects_.name(address); }

    [[nodiscard]] const schedule& taken() const noexcept { return taken_; }
    void fill(exploration& e) const {
        e.found = found_, e.what = what_, e.threads = threads_;
        if (found_ != fault::none) e.schedule = to_string(taken_);
        e.executions = executions_, e.redundant = redundant_, e.cut = cut_, e.steps = steps_, e.longest = longest_;
        e.bounds = bounds_, e.weak = weak_, e.shared = found_words_.shared();
    }
    /// Returns: executions begun, also those given up.
    [[nodiscard]] std::uint64_t executions() const noexcept { return begun_before_ + executions_ + redundant_ + cut_; }

    /// Returns: the steps of the last execution, one line each; nothing where replay() can make them again.
    [[nodiscard]] std::vector<std::string> trace() {
        std::vector<std::string> lines;
        if (!found_words_.any()) return lines;
        for (std::size_t d = 0; d < search_.depth(); ++d) {
            const search::step& s = search_.at(d);
            lines.push_back(describe(objects_, s.thread, s.op, s.done, s.choice, s.behind, address_of(s.op)));
        }
        lines.push_back("=> " + std::string(message(found_)) + ": " + what_);
        return lines;
    }

private:
    enum class phase : unsigned char { over, setting_up, starting, running, unwinding, ending };
    enum class status : unsigned char { running, complete, redundant, cut, failed };

    void begin() {
        static thread_local std::uint64_t stamps = 0;
        stamp_ = ++stamps;
        objects_.clear();
        memory_.begin();
        found_words_.begin_execution();
        search_.begin_execution();
        taken_.clear();
        threads_ = 0, me_ = main_thread, depth_ = 0, next_ = 0, spurious_ = 0;
        finished_ = 0;
        waits_.clear();
        status_ = status::running;
        unwound_before_ = std::exchange(unwound_, true);
        phase_ = phase::setting_up;
    }

    void run_threads() {
        phase_ = phase::starting;
        for (unsigned t = 1; t <= threads_; ++t) {
            memory_.fork(main_thread, t);
            fibers_[t].start(&thread_body, this);
            me_ = t;
            fiber::change(main_, fibers_[t]);
            if (status_ == status::failed) break;
        }
        me_ = main_thread;
        phase_ = phase::running;
        if (status_ == status::running) hand_over();
        me_ = main_thread;
        switch (status_) {
            case status::redundant: ++redundant_; break;
            case status::cut: ++cut_; break;
            default: ++executions_;
        }
        if (longest_ < depth_) longest_ = depth_;
        if (status_ == status::redundant || status_ == status::cut) {
            if (found_words_.any()) unwind();
            else unwound_ = false;
        }
    }

    /// Effects: an execution that was given up is run to its end, in any order: what is on its stacks is given back.
    void unwind() {
        phase_ = phase::unwinding;
        for (int rounds = 0; finished_ != ((1u << threads_) - 1) << 1; ++rounds)
            for (unsigned t = 1; t <= threads_; ++t) {
                if (has_finished(t)) continue;
                if (rounds > 10'000 || !unwound_) return void(unwound_ = false);  // they wait for ever
                me_ = t;
                fiber::change(main_, fibers_[t]);
                me_ = main_thread;
            }
    }
    /// The operation of a thread that is being unwound.
    effect in_passing(unsigned self) {
        const operation op = pending_[self];
        bool first = true;
        while (op.what == act::resume ? std::exchange(first, false)
               : op.what == act::take ? newest_of(op.where) != op.expected
                                      : op.what == act::woken && !possible(self))
            give_way(self);
        effect e = alone(op);
        if (op.what == act::park) e.after = static_cast<std::int64_t>(memory_.at(op.where).wakes.size());
        if (op.what == act::wake) memory_.at(op.where).wakes.push_back(-1);
        return e;
    }
    [[nodiscard]] const void* address_of(const operation& op) {
        return op.has_location() || op.what == act::woken ? memory_.at(op.where).address : nullptr;
    }
    void give_way(unsigned self) {
        me_ = main_thread;
        fiber::change(fibers_[self], main_);
    }
    [[nodiscard]] bool threads_run() const noexcept {
        return phase_ == phase::running || phase_ == phase::starting || phase_ == phase::unwinding;
    }
    [[nodiscard]] std::int64_t newest_of(std::uint32_t where) {
        const memory::location& l = memory_.at(where);
        return l.messages[l.newest()].value;
    }
    /// Another word is shared than those whose accesses were steps: what was run so far does not count. A fault that came
    /// with it does, as the threads have run; but that they wait for ever does not, for they read words that were no steps.
    bool start_again() {
        found_more_ = false;
        found_ = fault::none, what_.clear();
        search_ = search(!bounds_.reduce, bounds_.old_values);
        begun_before_ += executions_ + redundant_ + cut_;
        executions_ = redundant_ = cut_ = steps_ = 0, longest_ = 0;
        return true;
    }

    static void thread_body(void* engine_of_the_thread) {
        auto& e = *static_cast<engine*>(engine_of_the_thread);
        e.bodies_[e.me_]();
        e.finished_ |= 1u << e.me_;
        e.hand_over();
        __builtin_unreachable();
    }

    void end() {
        phase_ = phase::ending;
        for (unsigned t = 1; t <= threads_; ++t) memory_.join(main_thread, t);
        for (const auto& body : ended_) body();
        if (const std::string left = objects_.leaked(); found_ == fault::none && !left.empty())
            fail(fault::leak, [&] { return left + " is never given back"; });
    }

    /// Outside the threads there is nothing to interleave with.
    effect alone(const operation& op) {
        if (op.has_location()) guard(op.where);
        memory_.outcomes(me_, op, 0, true, false, ways_);
        const effect e = memory_.perform(me_, op, ways_.front(), -1);
        memory_.tick(me_);
        return e;
    }

    /// Effects: whoever is next runs; returns when it is the caller's turn.
    void hand_over() {
        const unsigned self = me_;
        if (phase_ == phase::unwinding) return give_way(self);
        fiber& from = self == main_thread ? main_ : fibers_[self];
        const unsigned next = phase_ == phase::starting ? main_thread : choose();
        if (next == self) return;
        me_ = next;
        fiber::change(from, next == main_thread ? main_ : fibers_[next]);
    }

    /// Returns: the thread that takes the next step; main when the execution is over.
    unsigned choose() {
        search::thread_set enabled = 0;
        for (unsigned t = 1; t <= threads_; ++t)
            if (!has_finished(t) && possible(t)) enabled |= 1u << t;
        if (enabled == 0) {
            const bool complete = finished_ == ((1u << threads_) - 1) << 1;
            status_ = complete ? status::complete : status::failed;
            if (!complete) blocked();
            return main_thread;
        }
        if (follow_ != nullptr && how_ == following::exactly) return followed(enabled);
        if (depth_ == bounds_.steps) return status_ = status::cut, main_thread;
        if (follow_ != nullptr) return followed(enabled);
        const int next = search_.choose(enabled, me_);
        if (next == search::nobody) return status_ = status::redundant, main_thread;
        return static_cast<unsigned>(next);
    }

    unsigned followed(search::thread_set enabled) {
        while (how_ == following::roughly && next_ < follow_->size() && (enabled >> (*follow_)[next_].thread & 1u) == 0) ++next_;
        if (next_ >= follow_->size())
            return (enabled >> me_ & 1u) != 0 ? me_ : static_cast<unsigned>(__builtin_ctz(enabled));
        const unsigned next = (*follow_)[next_].thread;
        if ((enabled >> next & 1u) != 0) return next;
        found_ = fault::bad_schedule, status_ = status::failed;
        what_ = "step " + std::to_string(depth_ + 1) + ": " + who(next) + " cannot run";
        return main_thread;
    }

    void blocked() {
        bool parked = false;
        std::string text;
        for (unsigned t = 1; t <= threads_; ++t) {
            if (has_finished(t)) continue;
            const operation& op = pending_[t];
            parked = parked || op.what == act::woken;
            text += (text.empty() ? "" : ", ") + who(t) + " waits for " +
                    (op.what == act::woken || op.what == act::take ? name(memory_.at(op.where).address) : std::string("a change of what it read"));
        }
        found_ = parked ? fault::lost_wake_up : fault::deadlock;
        what_ = text + ", and nobody is left to run";
        note("=> " + std::string(message(found_)) + ": " + what_);
    }

    [[nodiscard]] bool has_finished(unsigned t) const noexcept { return (finished_ >> t & 1u) != 0; }
    [[nodiscard]] bool possible(unsigned t) {
        const operation& op = pending_[t];
        if (op.what == act::take) return newest_of(op.where) == op.expected;
        if (op.what == act::woken) return memory_.at(op.where).wakes.size() > static_cast<std::size_t>(op.value);
        return op.what != act::resume || waits_.may_go_on(t, memory_);
    }

    void guard(std::uint32_t where) {
        memory::location& l = memory_.at(where);
        if (l.gone)
            return fail(fault::use_after_free, [&] {
                return who() + " uses " + name(l.address) + ", whose lifetime " + who(l.gone_by) + " has ended";
            });
        if (!here().now.when.covers(l.born_by, l.born_at))
            return fail(fault::data_race, [&] {
                return who() + " uses " + name(l.address) + ", and its construction by " + who(l.born_by) +
                       " does not happen before";
            });
        l.used.at[me_] = now();
    }

    effect take_step(unsigned self) {
        const operation op = pending_[self];
        if (op.has_location()) guard(op.where);
        outcomes(self, op, follow_ ? 0 : search_.from(self), follow_ || search_.everything(),
                 spurious_ < bounds_.spurious || follow_);
        if (ways_.empty()) {
            // All it can still read was covered elsewhere, but it could have done more before the last stores: it runs
            // once, so that the search sees those stores could have come after it.
            outcomes(self, op, 0, false, false);
            ways_.resize(1);
        }
        const outcome_choice way = follow_ ? followed_way(op) : search_.pick(ways_);
        if (way.spurious) ++spurious_;
        weak_ = weak_ || op.weak;
        const std::uint32_t newest = op.has_location() ? memory_.at(op.where).newest() : 0;
        taken_.push_back({self, age(op, way), way.spurious});
        causes_.clear(), watched_.clear();
        if (op.what == act::resume) waits_.resume(self, memory_, way, causes_, watched_);
        // The first wake after it looked was enough: the later ones might as well come after it.
        if (op.what == act::woken) causes_.push_back(memory_.at(op.where).wakes[static_cast<std::size_t>(op.value)]);
        effect e = memory_.perform(self, op, way, static_cast<int>(depth_));
        if (op.what == act::park) e.after = static_cast<std::int64_t>(memory_.at(op.where).wakes.size());
        if (op.what == act::wake) memory_.at(op.where).wakes.push_back(static_cast<int>(depth_));
        if (!e.wrote && (op.what == act::load || op.what == act::swap_if)) waits_.looked(self, op.where, way);
        memory_.tick(self);
        if (watch_) note(describe(objects_, self, op, e, way, newest - way.index, address_of(op)));
        ++depth_, ++steps_, ++next_;
        if (follow_ == nullptr) {
            search_.record(op, e, memory_, causes_, watched_, op.has_location() ? newest - way.index : 0);
            search_.fall_asleep(pending_, [this](unsigned t, std::uint32_t from) {
                outcomes(t, pending_[t], from, false, false);
                return !ways_.empty();
            });
        }
        return e;
    }

    outcome_choice followed_way(const operation& op) {
        if (next_ >= follow_->size()) return ways_.front();
        const scheduled_step& s = (*follow_)[next_];
        for (const outcome_choice& way : ways_)
            if (age(op, way) == s.age && way.spurious == s.spurious) return way;
        if (how_ == following::exactly)
            fail(fault::bad_schedule, [&] { return "step " + std::to_string(depth_ + 1) + ": no such value to read"; });
        return ways_.front();
    }

    /// Returns: the number behind the thread's letter in a schedule.
    [[nodiscard]] std::uint32_t age(const operation& op, outcome_choice way) {
        return op.has_location() ? memory_.at(op.where).newest() - way.index : way.index;
    }

    /// Effects: ways_ are the ways in which the operation may come out, as waits::outcomes and memory::outcomes say.
    void outcomes(unsigned t, const operation& op, std::uint32_t from, bool all, bool may_fail) {
        if (op.what == act::resume) waits_.outcomes(t, memory_, from, all, ways_);
        else memory_.outcomes(t, op, from, all, may_fail, ways_);
    }

    limits bounds_;
    const schedule* follow_;
    following how_;
    observer watch_;
    memory memory_;
    search search_;
    registry objects_;
    found_words found_words_;
    engine* before_;

    fiber main_;
    std::array<fiber, max_threads> fibers_;
    std::array<task, max_threads> bodies_;
    std::vector<task> ended_;
    std::array<operation, max_threads> pending_{};
    waits waits_;
    std::vector<outcome_choice> ways_;
    std::vector<int> causes_;
    std::vector<std::uint32_t> watched_;
    schedule taken_;

    std::uint64_t stamp_ = 0;
    unsigned threads_ = 0, me_ = main_thread;
    std::uint32_t finished_ = 0, depth_ = 0, spurious_ = 0, longest_ = 0;
    std::size_t next_ = 0;  ///< step of the schedule that is followed
    phase phase_ = phase::over;
    status status_ = status::running;
    fault found_ = fault::none;
    std::string what_;
    bool exhausted_ = false, weak_ = false, found_more_ = false, unwound_ = true, unwound_before_ = true;
    std::uint64_t begun_before_ = 0, executions_ = 0, redundant_ = 0, cut_ = 0, steps_ = 0;
};

}  // namespace pinfold::check::detail
