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

#include "fiber.hpp"
#include "memory.hpp"
#include "registry.hpp"
#include "result.hpp"
#include "schedule.hpp"
#include "search.hpp"
#include "task.hpp"

namespace pinfold::check::detail {

class engine {
public:
    static inline thread_local constinit engine* current = nullptr;

    /// Called before every execution; registers threads and what follows their end.
    using set_up = call_ref<engine&>;
    using observer = std::function<void(const std::string&)>;

    engine(limits bounds, const schedule* follow, observer watch)
        : bounds_(bounds), follow_(follow), watch_(std::move(watch)), search_(!bounds.reduce), before_(current) {
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
        objects_.clear();
        ended_.clear();
        if (found_ != fault::none || follow_ != nullptr) return false;
        exhausted_ = !search_.advance();
        return !exhausted_;
    }
    /// Returns: whether no schedule is left that could make a difference.
    [[nodiscard]] bool exhausted() const noexcept { return exhausted_; }

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
        hand_over();
        return take_step(self);
    }

    void pause() {
        if (phase_ == phase::running || phase_ == phase::starting) (void)visible({.what = act::resume});
    }

    /// Effects: the execution has failed; what(): how. Does not return to a thread of the program, whose stack is
    /// dropped: nothing may be left on it that owns memory, hence text that is made in here.
    template <class Text>
    void fail(fault f, Text what) {
        if (found_ == fault::none) found_ = f, what_ = what();
        status_ = status::failed;
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

    void fill(exploration& e) const {
        e.found = found_, e.what = what_, e.threads = threads_;
        if (found_ != fault::none) e.schedule = to_string(taken_);
        e.executions = executions_, e.redundant = redundant_, e.cut = cut_, e.steps = steps_, e.longest = longest_;
        e.bounds = bounds_, e.weak = weak_;
    }
    /// Returns: executions begun, also those given up.
    [[nodiscard]] std::uint64_t executions() const noexcept { return executions_ + redundant_ + cut_; }

private:
    enum class phase : unsigned char { over, setting_up, starting, running, ending };
    enum class status : unsigned char { running, complete, redundant, cut, failed };

    void begin() {
        static thread_local std::uint64_t stamps = 0;
        stamp_ = ++stamps;
        memory_.begin();
        search_.begin_execution();
        taken_.clear();
        threads_ = 0, me_ = main_thread, depth_ = 0, spurious_ = 0;
        finished_ = 0;
        for (auto& r : reads_) r.clear();
        retries_ = 0;
        status_ = status::running;
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
        if (follow_ != nullptr) return followed(enabled);
        if (depth_ == bounds_.steps) return status_ = status::cut, main_thread;
        const int next = search_.choose(enabled, me_);
        if (next == search::nobody) return status_ = status::redundant, main_thread;
        return static_cast<unsigned>(next);
    }

    unsigned followed(search::thread_set enabled) {
        if (depth_ >= follow_->size())
            return (enabled >> me_ & 1u) != 0 ? me_ : static_cast<unsigned>(__builtin_ctz(enabled));
        const unsigned next = (*follow_)[depth_].thread;
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
                    (op.what == act::woken ? name(memory_.at(op.where).address) : std::string("a change of what it read"));
        }
        found_ = parked ? fault::lost_wake_up : fault::deadlock;
        what_ = text + ", and nobody is left to run";
        note("=> " + std::string(message(found_)) + ": " + what_);
    }

    [[nodiscard]] bool has_finished(unsigned t) const noexcept { return (finished_ >> t & 1u) != 0; }
    [[nodiscard]] bool possible(unsigned t) {
        const operation& op = pending_[t];
        if (op.what == act::woken) return memory_.at(op.where).wakes.size() > static_cast<std::size_t>(op.value);
        if (op.what != act::resume || waits_for_nothing(t)) return true;
        for (const look& l : reads_[t])
            if (memory_.at(l.where).newest() > l.index) return true;
        return false;
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
        if (op.what == act::resume) resume(self, way);
        // The first wake after it looked was enough: the later ones might as well come after it.
        if (op.what == act::woken) causes_.push_back(memory_.at(op.where).wakes[static_cast<std::size_t>(op.value)]);
        effect e = memory_.perform(self, op, way, static_cast<int>(depth_));
        if (op.what == act::park) e.after = static_cast<std::int64_t>(memory_.at(op.where).wakes.size());
        if (op.what == act::wake) memory_.at(op.where).wakes.push_back(static_cast<int>(depth_));
        if (!e.wrote && (op.what == act::load || op.what == act::swap_if)) looked(self, op, way);
        memory_.tick(self);
        if (watch_) note(describe(op, e, way, newest));
        ++depth_, ++steps_;
        if (follow_ == nullptr) {
            search_.record(op, e, memory_, causes_, watched_);
            search_.fall_asleep(pending_, [this](unsigned t, std::uint32_t from) {
                outcomes(t, pending_[t], from, false, false);
                return !ways_.empty();
            });
        }
        return e;
    }

    outcome_choice followed_way(const operation& op) {
        if (depth_ >= follow_->size()) return ways_.front();
        const scheduled_step& s = (*follow_)[depth_];
        for (const outcome_choice& way : ways_)
            if (age(op, way) == s.age && way.spurious == s.spurious) return way;
        fail(fault::bad_schedule, [&] { return "step " + std::to_string(depth_ + 1) + ": no such value to read"; });
        return ways_.front();
    }

    /// Returns: the number behind the thread's letter in a schedule.
    [[nodiscard]] std::uint32_t age(const operation& op, outcome_choice way) {
        return op.has_location() ? memory_.at(op.where).newest() - way.index : way.index;
    }

    // ---- waiting ------------------------------------------------------------------------------------------
    // Whoever waits reads the same again and again until one of the reads finds something newer. So pause() ends by the
    // change of one location, any of those that have changed, and the others may still be read as they were: to go on
    // means to depend on one store, not on all that happen to have been executed.

    /// A read since the last pause().
    struct look {
        std::uint32_t where, index;
    };
    void looked(unsigned t, const operation& op, outcome_choice way) {
        if (way.spurious) retries_ |= 1u << t;  // what it waits for is there already
        for (const look& l : reads_[t])
            if (l.where == op.where) return;  // what the first read found is the oldest
        reads_[t].push_back({op.where, way.index});
    }
    [[nodiscard]] bool waits_for_nothing(unsigned t) const noexcept {
        return reads_[t].empty() || (retries_ >> t & 1u) != 0;
    }
    /// Whether the thread has learnt since that what it read is old: it goes on whatever the others do.
    [[nodiscard]] bool knows_better(unsigned t, const look& l) { return memory_.of(t).now.oldest(l.where) > l.index; }

    /// Effects: ways_ are the ways in which the operation may come out. from, all, may_fail: as in memory::outcomes;
    /// from of a resume: one more than the step of the first store it may go on by.
    void outcomes(unsigned t, const operation& op, std::uint32_t from, bool all, bool may_fail) {
        if (op.what != act::resume) return memory_.outcomes(t, op, from, all, may_fail, ways_);
        ways_.clear();
        if (waits_for_nothing(t)) {
            if (from == 0) ways_.push_back({});
            return;
        }
        std::uint32_t changed = 0;
        for (const look& l : reads_[t]) {
            const memory::location& at = memory_.at(l.where);
            if (at.newest() <= l.index) continue;
            const outcome_choice way{changed++};
            const bool known = !all && knows_better(t, l);
            if (known) ways_.clear();  // this way allows what any other allows
            if (static_cast<std::uint32_t>(at.messages[l.index + 1].event + 1) >= from) ways_.push_back(way);
            if (known) return;
        }
    }

    /// The next read of the location that way chooses sees at least the next value.
    void resume(unsigned t, outcome_choice way) {
        bool depends = !waits_for_nothing(t);
        std::uint32_t changed = 0;
        for (const look& l : reads_[t]) depends = depends && !knows_better(t, l);
        for (const look& l : reads_[t]) {
            const memory::location& at = memory_.at(l.where);
            if (!depends) break;
            if (at.newest() <= l.index) {
                watched_.push_back(l.where);
            } else if (changed++ == way.index) {
                memory_.of(t).now.raise(l.where, l.index + 1);
                causes_.push_back(at.messages[l.index + 1].event);
            }
        }
        reads_[t].clear();
        retries_ &= ~(1u << t);
    }

    [[nodiscard]] std::string describe(const operation& op, const effect& e, outcome_choice way,
                                       std::uint32_t newest) const {
        static constexpr const char* names[] = {"load", "store", "add", "swap_if", "fence", "resume", "park", "woken", "wake"};
        std::string line = std::string(1, thread_name(me_)) + "  " + names[static_cast<unsigned>(op.what)];
        line.resize(12, ' ');
        if (!op.has_location() && op.what != act::woken) return line;
        line += name(const_cast<memory&>(memory_).at(op.where).address);
        if (line.size() < 28) line.resize(28, ' ');
        line += ' ' + objects_.value(e.before);
        if (e.wrote) return line + " -> " + objects_.value(e.after);
        if (op.what == act::swap_if) line += way.spurious ? " fails for no reason" : " is not " + objects_.value(op.expected);
        if (newest != way.index) line += "   (old: " + std::to_string(newest - way.index) + " stores behind)";
        return line;
    }

    limits bounds_;
    const schedule* follow_;
    observer watch_;
    memory memory_;
    search search_;
    registry objects_;
    engine* before_;

    fiber main_;
    std::array<fiber, max_threads> fibers_;
    std::array<task, max_threads> bodies_;
    std::vector<task> ended_;
    std::array<operation, max_threads> pending_{};
    std::array<std::vector<look>, max_threads> reads_;
    std::uint32_t retries_ = 0;  ///< threads of which a compare-exchange failed for no reason since the last pause()
    std::vector<outcome_choice> ways_;
    std::vector<int> causes_;
    std::vector<std::uint32_t> watched_;
    schedule taken_;

    std::uint64_t stamp_ = 0;
    unsigned threads_ = 0, me_ = main_thread;
    std::uint32_t finished_ = 0, depth_ = 0, spurious_ = 0, longest_ = 0;
    phase phase_ = phase::over;
    status status_ = status::running;
    fault found_ = fault::none;
    std::string what_;
    bool exhausted_ = false, weak_ = false;
    std::uint64_t executions_ = 0, redundant_ = 0, cut_ = 0, steps_ = 0;
};

}  // namespace pinfold::check::detail
