// SPDX-License-Identifier: BSL-1.0
// Threads in a pause(). Whoever waits reads the same again and again until one of the reads finds something newer. So
// pause() ends by the change of one location, any of those that have changed, and the others may still be read as they
// were: to go on means to depend on one store, not on all that happen to have been executed.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "memory.hpp"

namespace pinfold::check::detail {

class waits {
public:
    void clear() noexcept {
        for (auto& r : reads_) r.clear();
        retries_ = 0;
    }
    /// Effects: thread t has read a location, without writing, in that way.
    void looked(unsigned t, std::uint32_t where, outcome_choice way) {
        if (way.spurious) retries_ |= 1u << t;  // what it waits for is there already
        for (const look& l : reads_[t])
            if (l.where == where) return;  // what the first read found is the oldest
        reads_[t].push_back({where, way.index});
    }
    [[nodiscard]] bool may_go_on(unsigned t, memory& m) const {
        if (waits_for_nothing(t)) return true;
        for (const look& l : reads_[t])
            if (m.at(l.where).newest() > l.index) return true;
        return false;
    }

    /// Effects: `ways` are those in which the pause may end. all: as in memory::outcomes; from: one more than the step of
    /// the first store it may go on by.
    void outcomes(unsigned t, memory& m, std::uint32_t from, bool all, std::vector<outcome_choice>& ways) const {
        ways.clear();
        if (waits_for_nothing(t)) {
            if (from == 0) ways.push_back({});
            return;
        }
        std::uint32_t changed = 0;
        for (const look& l : reads_[t]) {
            const memory::location& at = m.at(l.where);
            if (at.newest() <= l.index) continue;
            const outcome_choice way{changed++};
            const bool known = !all && knows_better(t, m, l);
            if (known) ways.clear();  // this way allows what any other allows
            if (static_cast<std::uint32_t>(at.messages[l.index + 1].event + 1) >= from) ways.push_back(way);
            if (known) return;
        }
    }

    /// Effects: the next read of the location that `way` chooses sees at least the next value. causes: the stores it went
    /// on by; watched: the locations it might have gone on by.
    void resume(unsigned t, memory& m, outcome_choice way, std::vector<int>& causes, std::vector<std::uint32_t>& watched) {
        bool depends = !waits_for_nothing(t);
        std::uint32_t changed = 0;
        for (const look& l : reads_[t]) depends = depends && !knows_better(t, m, l);
        for (const look& l : reads_[t]) {
            const memory::location& at = m.at(l.where);
            if (!depends) break;
            if (at.newest() <= l.index) {
                watched.push_back(l.where);
            } else if (changed++ == way.index) {
                m.of(t).now.raise(l.where, l.index + 1);
                causes.push_back(at.messages[l.index + 1].event);
            }
        }
        reads_[t].clear();
        retries_ &= ~(1u << t);
    }

private:
    /// A read since the last pause().
    struct look {
        std::uint32_t where, index;
    };
    [[nodiscard]] bool waits_for_nothing(unsigned t) const noexcept {
        return reads_[t].empty() || (retries_ >> t & 1u) != 0;
    }
    /// Whether the thread has learnt since that what it read is old: it goes on whatever the others do.
    [[nodiscard]] static bool knows_better(unsigned t, memory& m, const look& l) {
        return m.of(t).now.oldest(l.where) > l.index;
    }

    std::array<std::vector<look>, max_threads> reads_;
    std::uint32_t retries_ = 0;  ///< threads of which a compare-exchange failed for no reason since the last pause()
};

}  // namespace pinfold::check::detail
