// SPDX-License-Identifier: BSL-1.0
// The memory of the C++20 model as far as the explorer covers it: a history of stores per location, and what each
// thread may still read of it.
//
// Covered: relaxed, acquire and release operations, release sequences, fences of every order, the total order of
// sequentially consistent fences (and where sequentially consistent read-modify-writes stand in it), coherence.
// Not covered: load buffering (a load never reads a store that is executed later), and modification orders other
// than the order of execution. Sequentially consistent loads and stores count as acquire and release, which
// allows more than the standard does; count words have none.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "knowledge.hpp"
#include "operation.hpp"

namespace pinfold::check {

class memory {
public:
    struct message {
        std::int64_t value = 0;
        int event = -1;        ///< depth of the step that stored it; −1: the set-up
        bool carries = false;  ///< whether reading it passes knowledge on
        knowledge released;
    };
    struct location {
        const void* address = nullptr;
        std::size_t count = 0;  ///< stores; messages beyond are left over from other executions
        std::vector<message> messages;
        unsigned born_by = 0;
        std::uint32_t born_at = 0;
        bool gone = false;
        unsigned gone_by = 0;
        vector_clock used;  ///< last access of each thread
        int last_contender = -1;
        std::vector<int> wakes;    ///< steps that woke it
        std::vector<int> readers;  ///< steps that read without writing

        [[nodiscard]] std::uint32_t newest() const noexcept { return static_cast<std::uint32_t>(count - 1); }
    };
    struct thread {
        knowledge now;
        knowledge unacquired;  ///< carried by what was read relaxed: an acquire fence joins it
        knowledge fenced;      ///< what a relaxed store passes on: known at the last release fence
        bool has_fenced = false;
    };

    /// old_values: whether loads may read other stores than the newest.
    explicit memory(bool old_values = true) noexcept : old_values_(old_values) {}

    void begin() {
        locations_ = 0;
        total_.clear();
        for (thread& t : threads_) {
            t.now.clear(), t.unacquired.clear(), t.fenced.clear();
            t.has_fenced = false;
        }
        tick(main_thread);
    }

    [[nodiscard]] thread& of(unsigned t) noexcept { return threads_[t]; }
    [[nodiscard]] location& at(std::uint32_t where) noexcept { return all_[where]; }
    [[nodiscard]] std::size_t locations() const noexcept { return locations_; }
    void tick(unsigned t) noexcept { ++threads_[t].now.when.at[t]; }
    [[nodiscard]] std::uint32_t step_of(unsigned t) const noexcept { return threads_[t].now.when.at[t]; }

    /// A thread begins with what `parent` knows, and main ends with what all know.
    void fork(unsigned parent, unsigned child) {
        threads_[child].now.join(threads_[parent].now);
        tick(parent), tick(child);
    }
    void join(unsigned parent, unsigned child) { threads_[parent].now.join(threads_[child].now); }

    /// old: it was there before the execution began, for all to see.
    std::uint32_t add_location(const void* address, std::int64_t value, unsigned by, bool old) {
        if (locations_ == all_.size()) all_.emplace_back();
        location& l = all_[locations_];
        l.address = address;
        l.count = 0;
        l.born_by = by, l.born_at = old ? 0 : step_of(by);
        l.gone = false, l.used = {};
        l.last_contender = -1;
        l.wakes.clear(), l.readers.clear();
        message& first = next(l);
        first.value = value;
        return static_cast<std::uint32_t>(locations_++);
    }

    /// Appends every way in which `op` of thread t may come out. A store is not listed when an older one of equal value
    /// can be read and brings no knowledge that it lacks: whatever may follow the newer may follow the older.
    /// from: stores before it need not be read, they have been (see search). all: list equal values too.
    void outcomes(unsigned t, const operation& op, std::uint32_t from, bool all, bool may_fail,
                  std::vector<outcome_choice>& out) {
        out.clear();
        if (!op.has_location() || (op.what != act::load && op.what != act::swap_if)) {
            out.push_back({op.has_location() ? at(op.where).newest() : 0});
            return;
        }
        const location& l = at(op.where);
        const std::uint32_t newest = l.newest(), oldest = old_values_ ? threads_[t].now.oldest(op.where) : newest;
        const bool swaps = op.what == act::swap_if;
        if (swaps && l.messages[newest].value == op.expected) {
            out.push_back({newest});
            if (op.weak && may_fail) out.push_back({newest, true, true});
        }
        for (std::uint32_t i = newest + 1; i-- > oldest;) {
            if (i < from) break;
            if (swaps && l.messages[i].value == op.expected) {  // only the newest can be swapped; any can be read in vain
                if (i != newest && op.weak && may_fail) out.push_back({i, true, true});
                continue;
            }
            bool listed = false;
            for (std::uint32_t older = oldest; !all && older < i && !listed; ++older)
                listed = is_weaker(l.messages[older], l.messages[i]);
            if (!listed) out.push_back({i, swaps, false});
        }
    }

    /// Effects: the operation, come out as `o`. event: the depth of the step.
    effect perform(unsigned t, const operation& op, outcome_choice o, int event) {
        effect e;
        if (op.what == act::fence) return fence(t, op.success), e;
        if (!op.has_location()) return e;
        location& l = at(op.where);
        e.before = l.messages[o.index].value;
        switch (op.what) {
            case act::load: read(t, op.where, o.index, acquires(op.success)); break;
            case act::park: read(t, op.where, l.newest(), true); break;
            case act::store: write(t, op, op.value, event, false), e.wrote = true, e.after = op.value; break;
            case act::add:
                e.after = wrapped_sum(e.before, op.value, op.bits), e.wrote = true;
                write(t, op, e.after, event, true);
                break;
            case act::change:
                e.after = (e.before | op.value) & ~op.expected, e.wrote = e.after != e.before;
                if (e.wrote) write(t, op, e.after, event, true);
                else read(t, op.where, o.index, acquires(op.failure));
                break;
            case act::take:
            case act::swap_if:
                if (o.fails) {
                    read(t, op.where, o.index, acquires(op.failure));
                } else {
                    e.after = op.value, e.wrote = e.swapped = true;
                    write(t, op, op.value, event, true);
                }
                break;
            default: break;
        }
        return e;
    }

    /// Returns: the step that wrote `value` over another, by which a take of it became possible; −1: it was all along.
    /// Requires: the take has been performed.
    [[nodiscard]] static int made_possible(const location& l, std::int64_t value) noexcept {
        const std::size_t found = l.count - 2;
        return found == 0 || l.messages[found - 1].value == value ? -1 : l.messages[found].event;
    }

private:
    message& next(location& l) {
        if (l.count == l.messages.size()) l.messages.emplace_back();
        message& m = l.messages[l.count++];
        m.event = -1, m.carries = false;
        m.released.clear();
        return m;
    }

    static bool is_weaker(const message& a, const message& b) noexcept {
        return a.value == b.value && (!a.carries || (b.carries && b.released.covers(a.released)));
    }

    void read(unsigned t, std::uint32_t where, std::uint32_t index, bool acquire) {
        thread& me = threads_[t];
        me.now.raise(where, index);
        const message& m = at(where).messages[index];
        if (m.carries) (acquire ? me.now : me.unacquired).join(m.released);
    }

    void write(unsigned t, const operation& op, std::int64_t value, int event, bool reads) {
        thread& me = threads_[t];
        location& l = at(op.where);
        if (reads) read(t, op.where, l.newest(), acquires(op.success));
        message& m = next(l);
        m.value = value, m.event = event;
        me.now.raise(op.where, l.newest());
        if (releases(op.success))
            m.released.join(me.now), m.carries = true;
        else if (me.has_fenced)
            m.released.join(me.fenced), m.carries = true;
        if (reads) {
            const message& before = l.messages[l.count - 2];
            if (before.carries) m.released.join(before.released), m.carries = true;  // a release sequence goes on
        }
        if (op.is_seq_cst_rmw()) total_.raise(op.where, l.newest());
    }

    void fence(unsigned t, order o) {
        thread& me = threads_[t];
        if (acquires(o)) me.now.join(me.unacquired);
        if (o == order::seq_cst) {
            me.now.join_seen(total_.seen);
            total_.join_seen(me.now.seen);
        }
        if (releases(o)) me.fenced = me.now, me.has_fenced = true;
    }

    bool old_values_;
    std::vector<location> all_;
    std::size_t locations_ = 0;
    std::array<thread, max_threads> threads_;
    knowledge total_;  ///< what sequentially consistent fences have in common
};

}  // namespace pinfold::check
