// SPDX-License-Identifier: BSL-1.0
// A failing schedule as a person would have written it: the search ends where it happens to meet the fault, after more
// changes from thread to thread than the fault needs. Blocks of steps are moved, left out or swapped at their ends as long
// as the program still fails in the same way, until no neighbour is better: few changes of thread, though not always the
// fewest. The result depends on the program and the schedule alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "schedule.hpp"

namespace pinfold::check::detail {

/// What makes a schedule hard to read, the worst first.
struct effort {
    std::size_t switches = 0;
    std::size_t oddities = 0;  ///< old values, and compare-exchanges that fail for no reason
    std::size_t steps = 0;

    explicit effort(const schedule& s) noexcept : switches(context_switches(s)), steps(s.size()) {
        for (const scheduled_step& step : s) oddities += step.age != 0 || step.spurious;
    }
    [[nodiscard]] bool operator<(const effort& other) const noexcept {
        if (switches != other.switches) return switches < other.switches;
        return oddities != other.oddities ? oddities < other.oddities : steps < other.steps;
    }
};

/// run(schedule): runs what can be run of it, and returns what was run if that failed in the same way.
template <class Run>
class shortener {
public:
    shortener(schedule s, std::uint32_t tries, Run run) : equals_{std::move(s)}, tries_(tries), run_(std::move(run)) {}

    [[nodiscard]] schedule shortest() {
        for (std::size_t next = 0; next < equals_.size() && tries_ != 0;)
            next = improves(schedule(equals_[next])) ? 0 : next + 1;
        return std::move(equals_.front());
    }

private:
    /// Steps of one thread in a row.
    using block = schedule;

    /// Returns: whether a neighbour of `s` is better than all so far.
    bool improves(const schedule& s) {
        const std::vector<block> blocks = split(s);
        for (std::size_t i = 0; i < blocks.size() && tries_ != 0; ++i) {
            std::vector<block> fewer = blocks;
            fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
            if (is_better(joined(fewer))) return true;
        }
        for (std::size_t i = 0; i < blocks.size() && tries_ != 0; ++i)
            for (std::size_t to = 0; to < blocks.size(); ++to)
                if (to != i && is_better(joined(moved(blocks, i, to)))) return true;
        for (std::size_t i = 0; i < s.size(); ++i) {
            if (s[i].age == 0 && !s[i].spurious) continue;
            schedule plainer = s;
            plainer[i].age = 0, plainer[i].spurious = false;
            if (is_better(plainer)) return true;
        }
        for (std::size_t i = 0; i + 1 < s.size(); ++i) {
            schedule swapped = s;
            std::swap(swapped[i], swapped[i + 1]);
            if (s[i].thread != s[i + 1].thread && is_better(swapped)) return true;
        }
        return false;
    }

    [[nodiscard]] static std::vector<block> split(const schedule& s) {
        std::vector<block> blocks;
        for (const scheduled_step& step : s) {
            if (blocks.empty() || blocks.back().back().thread != step.thread) blocks.emplace_back();
            blocks.back().push_back(step);
        }
        return blocks;
    }
    /// Returns: the blocks, the one at `from` at `to`.
    [[nodiscard]] static std::vector<block> moved(std::vector<block> blocks, std::size_t from, std::size_t to) {
        block b = std::move(blocks[from]);
        blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(from));
        blocks.insert(blocks.begin() + static_cast<std::ptrdiff_t>(to), std::move(b));
        return blocks;
    }

    [[nodiscard]] static schedule joined(const std::vector<block>& blocks) {
        schedule s;
        for (const block& b : blocks) s.insert(s.end(), b.begin(), b.end());
        return s;
    }

    /// Effects: a schedule as good as the best is kept: there may be a better one beside it.
    bool is_better(const schedule& s) {
        if (tries_ == 0) return false;
        --tries_;
        std::optional<schedule> ran = run_(s);
        if (!ran || effort(equals_.front()) < effort(*ran)) return false;
        const bool better = effort(*ran) < effort(equals_.front());
        if (better) equals_.clear();
        bool known = false;
        for (const schedule& other : equals_) known = known || to_string(other) == to_string(*ran);
        if (!known) equals_.push_back(*std::move(ran));
        return better;
    }

    std::vector<schedule> equals_;  ///< the best there are
    std::uint32_t tries_;
    Run run_;
};

}  // namespace pinfold::check::detail
