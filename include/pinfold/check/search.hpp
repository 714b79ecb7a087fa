// SPDX-License-Identifier: BSL-1.0
// Which executions to run: depth-first over a stack of steps, with dynamic partial-order reduction by source sets
// and sleep sets (Abdulla, Aronsson, Jonsson, Sagonas: Optimal dynamic partial order reduction, POPL 2014).
//
// Terms: step, one operation of one thread with one outcome; before, the order that program order, reads-from,
// modification order and the order of fences impose on the steps of an execution.
//
// What differs from the textbook, because a load may read any store not hidden from it:
//   a load that reads an old store commutes with later stores. So a load after a store is never moved before it: the
//   old values are outcomes of the load where it stands. A store after a load is moved before it, and there the load
//   has to read that store or a later one (`from`): the rest was covered where it stood first.
//   The end of a pause() is a load of all it waits for: it may go on by any of the stores that came before it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "memory.hpp"

namespace pinfold::check {

class search {
public:
    using thread_set = std::uint32_t;
    static constexpr int nobody = -1;

    struct step {
        unsigned thread = 0;
        operation op;
        outcome_choice choice;
        effect done;
        std::array<std::uint32_t, max_threads> before{};  ///< steps of each thread up to and with this one
        thread_set enabled = 0, backtrack = 0, sleeping = 0;
        std::array<std::uint32_t, max_threads> from{};
        std::uint32_t outcome = 0, outcomes = 1;
        std::uint32_t behind = 0;  ///< stores between the one it reads and the newest
    };

    /// everything: no reduction at all, for comparison.
    /// old_values: as in limits. Without, loads do not commute with stores, and fences are nothing.
    explicit search(bool everything = false, bool old_values = true) noexcept
        : everything_(everything), old_values_(old_values) {}

    void begin_execution() noexcept {
        depth_ = 0;
        sleeping_ = 0;
        from_ = {};
        last_ = {};
        last_.fill(nobody);
        last_fence_ = nobody;
        seq_cst_.clear();
    }

    /// Returns: the thread that takes the next step; nobody when what is left was covered elsewhere.
    /// Requires: enabled is not empty.
    int choose(thread_set enabled, unsigned current) {
        if (depth_ == steps_.size()) {
            const thread_set awake = enabled & ~sleeping_;
            if (awake == 0) return nobody;
            step s;
            s.thread = (awake >> current & 1u) != 0 ? current : static_cast<unsigned>(__builtin_ctz(awake));
            s.enabled = enabled, s.sleeping = sleeping_, s.from = from_;
            s.backtrack = everything_ ? enabled : bit(s.thread);
            steps_.push_back(s);
            fresh_ = depth_;
        }
        if ((enabled >> steps_[depth_].thread & 1u) == 0) return diverged_ = true, nobody;
        return static_cast<int>(steps_[depth_].thread);
    }

    /// Returns: how the step comes out; ways: what is possible.
    outcome_choice pick(const std::vector<outcome_choice>& ways) {
        step& s = steps_[depth_];
        s.outcomes = static_cast<std::uint32_t>(ways.size());
        if (s.outcome >= s.outcomes) diverged_ = true, s.outcome = 0;
        return s.choice = ways[s.outcome];
    }
    [[nodiscard]] std::uint32_t from(unsigned thread) const noexcept { return steps_[depth_].from[thread]; }
    [[nodiscard]] bool everything() const noexcept { return everything_; }
    [[nodiscard]] std::size_t depth() const noexcept { return depth_; }
    [[nodiscard]] const step& at(std::size_t depth) const noexcept { return steps_[depth]; }

    /// Effects: the step is done. causes: the steps that made it possible (resume, woken). watched: locations of which a
    /// store before it would have been another way to go on (resume).
    void record(const operation& op, const effect& done, memory& m, const std::vector<int>& causes,
                const std::vector<std::uint32_t>& watched, std::uint32_t behind) {
        step& s = steps_[depth_];
        if (depth_ < fresh_ && (s.op.what != op.what || s.op.where != op.where)) diverged_ = true;
        s.op = op, s.done = done, s.behind = behind;
        order_step(s, m, causes);
        for (const std::uint32_t where : watched) m.at(where).readers.push_back(static_cast<int>(depth_));
        last_[s.thread] = static_cast<int>(depth_);
        ++depth_;
    }

    /// Effects: who still sleeps after the step just recorded; pending: what each thread is about to do.
    /// possible(thread, from): whether an outcome is left that was not covered.
    template <class Possible>
    void fall_asleep(const std::array<operation, max_threads>& pending, Possible possible) {
        const step& s = steps_[depth_ - 1];
        from_ = s.from;
        from_[s.thread] = 0;
        sleeping_ = 0;
        if (everything_) return;
        for (unsigned t = 0; t < max_threads; ++t) {
            if ((s.sleeping >> t & 1u) == 0 || t == s.thread) continue;
            std::uint32_t since = 0;
            if (wakes(s, pending[t], since) && possible(t, since))
                from_[t] = since;
            else
                sleeping_ |= bit(t);
        }
    }

    /// Returns: whether an execution did not repeat the steps of the one before that it was to begin with.
    [[nodiscard]] bool diverged() const noexcept { return diverged_; }

    /// Effects: prepares the next execution. Returns: false when there is none.
    bool advance() {
        while (!steps_.empty()) {
            step& s = steps_.back();
            fresh_ = steps_.size() - 1;
            if (s.outcome + 1 < s.outcomes) return ++s.outcome, true;
            s.sleeping |= bit(s.thread);
            if (const thread_set left = s.backtrack & s.enabled & ~s.sleeping) {
                s.thread = static_cast<unsigned>(__builtin_ctz(left));
                s.outcome = 0, s.outcomes = 1;
                return true;
            }
            steps_.pop_back();
        }
        return false;
    }

private:
    static constexpr thread_set bit(unsigned t) noexcept { return thread_set{1} << t; }

    /// Whether step a comes before the step (or thread position) that `b` describes.
    [[nodiscard]] bool before(std::size_t a, const std::array<std::uint32_t, max_threads>& b) const noexcept {
        const step& s = steps_[a];
        return b[s.thread] >= s.before[s.thread];
    }
    void join(step& s, int other) const noexcept {
        const auto& o = steps_[static_cast<std::size_t>(other)].before;
        for (unsigned t = 0; t < max_threads; ++t)
            if (s.before[t] < o[t]) s.before[t] = o[t];
    }

    /// A sleeping thread was covered as it stood: does step s give it something new to do?
    bool wakes(const step& s, const operation& next, std::uint32_t& from) const noexcept {
        if (next.what == act::resume) return from = static_cast<std::uint32_t>(depth_), s.done.wrote;
        if (next.what == act::fence && next.success == order::seq_cst) return is_fence(s.op) || s.op.is_seq_cst_rmw();
        if (is_fence(s.op)) return next.is_seq_cst_rmw();
        if (!next.has_location() || !s.op.has_location() || next.where != s.op.where) return false;
        if (!old_values_)
            return sleeps(s.op) || sleeps(next) || (s.done.changed() & next.mask) != 0 || (next.contends() && (next.mask & s.op.mask) != 0);
        if (s.done.wrote) return from = s.choice.index + 1, true;
        return (s.op.what == act::park || s.op.what == act::wake) && next.contends();
    }
    static bool is_fence(const operation& op) noexcept { return op.what == act::fence && op.success == order::seq_cst; }

    /// Effects: places the step in the order, and wherever another order was possible asks for it.
    void order_step(step& s, memory& m, const std::vector<int>& causes) {
        const auto here = static_cast<int>(depth_);
        s.before = {};
        if (last_[s.thread] != nobody) join(s, last_[s.thread]);
        ++s.before[s.thread];
        for (const int cause : causes)
            if (cause != nobody) join(s, cause);
        reversible_.clear();
        if (is_fence(s.op)) {
            // From the last to the first: an earlier one may come before a later one, and then stays there.
            for (auto e = seq_cst_.rbegin(); e != seq_cst_.rend(); ++e) {
                if (last_fence_ > *e) break;
                edge(s, *e);
            }
            if (last_fence_ != nobody) edge(s, last_fence_);
            for (const int e : seq_cst_) edge(s, e);
            last_fence_ = here;
        }
        if (!s.op.has_location()) return ask(s);
        memory::location& l = m.at(s.op.where);
        if (!old_values_) {
            order_in_sequence(s, l);
        } else if (s.op.what == act::take) {
            order_take(s, l);
        } else {
            // The later one first, as above. A compare-exchange that failed counts as one that did not: elsewhere it may.
            const int fence = s.op.is_seq_cst_rmw() ? last_fence_ : nobody;
            const int contender = s.op.contends() ? l.last_contender : nobody;
            if (const int later = std::max(fence, contender); later != nobody) edge(s, later);
            if (const int earlier = std::min(fence, contender); earlier != nobody) edge(s, earlier);
        }
        if (old_values_ && !s.done.wrote) {
            const int source = l.messages[s.choice.index].event;
            if (source != nobody) join(s, source);
        }
        const bool acts = s.done.wrote || s.op.what == act::park || s.op.what == act::wake;
        if (old_values_ && s.done.wrote) {
            for (const int e : l.readers)
                if (!before(static_cast<std::size_t>(e), s.before)) reversible_.push_back(static_cast<std::size_t>(e));
        }
        ask(s);
        if (acts)
            l.last_contender = here;
        else
            l.readers.push_back(here);
        if (s.op.is_seq_cst_rmw()) seq_cst_.push_back(here);
    }

    /// Without old values two steps may change places if neither changes bits that the other looks at.
    void order_in_sequence(step& s, const memory::location& l) {
        const int waited_for = s.op.what == act::take ? memory::made_possible(l, s.op.expected) : nobody;
        std::size_t writes = l.count - (s.done.wrote ? 1 : 0), reads = l.readers.size();
        while (writes > 0 || reads > 0) {  // the later one first
            const int write = writes > 0 ? l.messages[writes - 1].event : nobody, read = reads > 0 ? l.readers[reads - 1] : nobody;
            if (write == nobody && read == nobody) break;
            const int e = std::max(write, read);
            (write > read ? writes : reads) -= 1;
            if (e == waited_for) return order_take(s, l);
            const step& other = steps_[static_cast<std::size_t>(e)];
            if (sleeps(other.op) || sleeps(s.op) || (other.done.changed() & s.op.mask) != 0 || (s.done.changed() & other.op.mask) != 0)
                edge(s, e);
        }
        if (l.last_contender != nobody && sleeps(steps_[static_cast<std::size_t>(l.last_contender)].op)) edge(s, l.last_contender);
    }
    static bool sleeps(const operation& op) noexcept { return op.what == act::park || op.what == act::wake; }

    /// A step that had to wait: not whoever made it possible could have come after it, but whoever had made it impossible.
    void order_take(step& s, const memory::location& l) {
        const std::size_t found = l.count - 2;  // the last is its own
        if (found == 0 || l.messages[found - 1].value == s.op.expected) {
            if (l.last_contender != nobody) edge(s, l.last_contender);
            return;
        }
        std::size_t left = found;
        while (left > 0 && l.messages[left - 1].value != s.op.expected) --left;
        if (const int by = l.messages[left].event; left > 0 && by != nobody && !before(static_cast<std::size_t>(by), s.before))
            reversible_.push_back(static_cast<std::size_t>(by));
        for (const int e : {l.messages[found].event, l.last_contender})
            if (e != nobody) join(s, e);
    }

    /// Step e is ordered before s by what both touch; if by nothing else, the other order is possible too.
    void edge(step& s, int e) {
        if (!before(static_cast<std::size_t>(e), s.before)) reversible_.push_back(static_cast<std::size_t>(e));
        join(s, e);
    }
    void ask(const step& s) {
        for (const std::size_t e : reversible_) race(e, s);
    }

    /// Asks that at step e a thread runs that leads to s before e.
    void race(std::size_t e, const step& s) {
        if (everything_ || depth_ < fresh_) return;
        step& at = steps_[e];
        // v: the steps after e that do not depend on it, then s. Its initials: first steps with none of v before.
        thread_set initials = 0, started = 0;
        vector_.clear();
        const auto consider = [&](std::size_t k, const step& x) {
            if ((started >> x.thread & 1u) == 0) {
                started |= bit(x.thread);
                bool first = true;
                for (const std::size_t g : vector_) first = first && !before(g, x.before);
                if (first) initials |= bit(x.thread);
            }
            vector_.push_back(k);
        };
        for (std::size_t k = e + 1; k < depth_; ++k)
            if (!before(e, steps_[k].before)) consider(k, steps_[k]);
        consider(depth_, s);
        initials &= at.enabled;
        if ((initials & (at.backtrack | at.sleeping)) != 0 || initials == 0) return;
        at.backtrack |= (initials >> s.thread & 1u) != 0 ? bit(s.thread) : initials & (~initials + 1);
    }

    bool everything_, old_values_, diverged_ = false;
    std::vector<step> steps_;
    std::size_t depth_ = 0, fresh_ = 0;
    thread_set sleeping_ = 0;
    std::array<std::uint32_t, max_threads> from_{};
    std::array<int, max_threads> last_{};
    int last_fence_ = nobody;
    std::vector<int> seq_cst_;
    std::vector<std::size_t> vector_, reversible_;
};

}  // namespace pinfold::check
