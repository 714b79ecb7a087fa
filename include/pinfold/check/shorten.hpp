// SPDX-License-Identifier: BSL-1.0
// A failing schedule as a person would have written it: the search ends where it happens to meet the fault, after more
// changes from thread to thread than the fault needs. Blocks of steps are moved together, left out or changed about as long
// as the program still fails in the same way. The result depends on the program and the schedule alone.
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
    shortener(schedule s, std::uint32_t tries, Run run) : best_(std::move(s)), tries_(tries), run_(std::move(run)) {}

    [[nodiscard]] schedule shortest() {
        while (improves()) {
        }
        return std::move(best_);
    }

private:
    /// Steps of one thread in a row.
    using block = schedule;

    /// Returns: whether a better schedule was found.
    bool improves() {
        const std::vector<block> blocks = split();
        for (std::size_t i = 0; i + 1 < blocks.size(); ++i) {
            const std::size_t j = next_of_the_same(blocks, i);
            if (j != blocks.size() && (is_better(moved(blocks, j, i + 1)) || is_better(moved(blocks, i, j - 1)))) return true;
        }
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            std::vector<block> fewer = blocks;
            fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
            if (is_better(fewer)) return true;
        }
        for (std::size_t i = 0; i + 1 < blocks.size(); ++i)
            if (is_better(moved(blocks, i, i + 1))) return true;
        for (std::size_t i = 0; i < best_.size(); ++i) {
            if (best_[i].age == 0 && !best_[i].spurious) continue;
            schedule plainer = best_;
            plainer[i].age = 0, plainer[i].spurious = false;
            if (is_better(plainer)) return true;
        }
        return false;
    }

    [[nodiscard]] std::vector<block> split() const {
        std::vector<block> blocks;
        for (const scheduled_step& s : best_) {
            if (blocks.empty() || blocks.back().back().thread != s.thread) blocks.emplace_back();
            blocks.back().push_back(s);
        }
        return blocks;
    }
    [[nodiscard]] static std::size_t next_of_the_same(const std::vector<block>& blocks, std::size_t i) {
        std::size_t j = i + 1;
        while (j != blocks.size() && blocks[j].front().thread != blocks[i].front().thread) ++j;
        return j;
    }
    /// Returns: the blocks, the one at `from` at `to`.
    [[nodiscard]] static std::vector<block> moved(std::vector<block> blocks, std::size_t from, std::size_t to) {
        block b = std::move(blocks[from]);
        blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(from));
        blocks.insert(blocks.begin() + static_cast<std::ptrdiff_t>(to), std::move(b));
        return blocks;
    }

    bool is_better(const std::vector<block>& blocks) {
        schedule s;
        for (const block& b : blocks) s.insert(s.end(), b.begin(), b.end());
        return is_better(s);
    }
    bool is_better(const schedule& s) {
        if (tries_ == 0) return false;
        --tries_;
        std::optional<schedule> ran = run_(s);
        if (!ran || !(effort(*ran) < effort(best_))) return false;
        best_ = *std::move(ran);
        return true;
    }

    schedule best_;
    std::uint32_t tries_;
    Run run_;
};

}  // namespace pinfold::check::detail
