// SPDX-License-Identifier: BSL-1.0
// What an exploration found, for a person and for a machine. It claims what was explored and no more.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "schedule.hpp"

namespace pinfold::check {

/// How far to look, at most.
struct limits {
    std::uint64_t executions = 5'000'000;  ///< begun, also those given up
    std::uint32_t steps = 2'000;  ///< of one execution
    std::uint32_t spurious = 1;   ///< weak compare-exchanges that fail for no reason, per execution
    bool reduce = true;           ///< false: every interleaving on its own, to check the reduction
    bool fences = true;           ///< false: every fence is left out, to see what it is there for
    bool old_values = true;       ///< false: a load reads the newest store, as if memory were sequentially consistent
    std::uint32_t shortening = 2'000;  ///< executions to make a failing schedule shorter
};

enum class fault : unsigned char {
    none, assertion, data_race, use_after_free, double_free, leak, deadlock, lost_wake_up, overflow, precondition,
    bad_schedule
};

[[nodiscard]] constexpr const char* message(fault f) noexcept {
    switch (f) {
        case fault::none: return "no fault";
        case fault::assertion: return "assertion does not hold";
        case fault::data_race: return "data race";
        case fault::use_after_free: return "use after free";
        case fault::double_free: return "double free";
        case fault::leak: return "leak";
        case fault::deadlock: return "deadlock";
        case fault::lost_wake_up: return "lost wake-up";
        case fault::overflow: return "overflow";
        case fault::precondition: return "precondition does not hold";
        case fault::bad_schedule: return "schedule cannot be followed";
    }
    return "unknown fault";
}

namespace detail {
inline void put_json_string(std::string& out, const std::string& text) {
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    out += '"';
}
}  // namespace detail

struct [[nodiscard]] exploration {
    std::string name;
    fault found = fault::none;
    std::string what;                ///< of the fault
    std::string schedule;            ///< that leads to it: give it to replay()
    std::vector<std::string> trace;  ///< its steps, one line each
    unsigned threads = 0;
    std::uint64_t executions = 0;  ///< run to their end
    std::uint64_t redundant = 0;   ///< given up because equal ones had been run
    std::uint64_t cut = 0;         ///< given up because they took too many steps
    std::uint64_t steps = 0;       ///< of all executions, repeated prefixes included
    std::uint32_t longest = 0;     ///< execution, in steps
    bool finished = false;         ///< nothing was left to explore
    std::size_t shared = 0;        ///< words found by themselves (found_atomic.hpp) that two threads touch
    bool weak = false;             ///< there are weak compare-exchanges, which limits::spurious bounds
    limits bounds;

    [[nodiscard]] explicit operator bool() const noexcept { return found == fault::none; }
    /// Returns: whether it holds in every execution of the covered model, or, without old_values, of the sequentially
    /// consistent part of it.
    [[nodiscard]] bool proved() const noexcept { return found == fault::none && finished && cut == 0; }

    /// Returns: one line, or a failure with its schedule.
    [[nodiscard]] std::string text() const {
        std::string out = name + ": ";
        if (found != fault::none) {
            out += std::string("FAILS: ") + message(found) + ": " + what + "\n  after " + std::to_string(executions) +
                   " executions; schedule " + (schedule.empty() ? "(none)" : schedule + changes_of_thread()) + "\n";
            for (const std::string& line : trace) out += "    " + line + "\n";
            return out;
        }
        const std::string ran = std::to_string(executions) + " executions of " + std::to_string(threads) +
                                " threads (" + std::to_string(steps) + " steps, the longest " +
                                std::to_string(longest) + "; " + std::to_string(redundant) + " given up as equal to others" +
                                (shared != 0 ? "; " + std::to_string(shared) + " words that two of them touch" : "") +
                                (weak ? "; weak compare-exchanges failed for no reason at most " +
                                            std::to_string(bounds.spurious) + " times in each" : "") + ")";
        if (proved())
            return out + (bounds.fences ? "" : "WITHOUT its fences, ") + (bounds.old_values ? "holds in all interleavings: " : "holds in all sequentially consistent interleavings: ") +
                   ran + "\n";
        out += "no fault in " + ran + ", but NOT everything was explored:";
        if (!finished) out += " stopped at the limit of " + std::to_string(bounds.executions) + " executions;";
        if (cut != 0)
            out += " " + std::to_string(cut) + " executions were cut after " + std::to_string(bounds.steps) + " steps;";
        out.back() = '\n';
        return out;
    }

    [[nodiscard]] std::string json() const {
        std::string out = "{\"name\":";
        detail::put_json_string(out, name);
        const auto number = [&](const char* key, std::uint64_t n) {
            out += std::string(",\"") + key + "\":" + std::to_string(n);
        };
        out += std::string(",\"proved\":") + (proved() ? "true" : "false") + ",\"fault\":";
        detail::put_json_string(out, found == fault::none ? "" : message(found));
        out += ",\"what\":";
        detail::put_json_string(out, what);
        out += ",\"schedule\":";
        detail::put_json_string(out, schedule);
        out += ",\"trace\":[";
        for (const std::string& line : trace) {
            if (&line != &trace.front()) out += ',';
            detail::put_json_string(out, line);
        }
        out += std::string("],\"finished\":") + (finished ? "true" : "false");
        number("threads", threads), number("executions", executions), number("redundant", redundant), number("cut", cut);
        number("steps", steps), number("longest", longest);
        number("limit_executions", bounds.executions), number("limit_steps", bounds.steps);
        number("limit_spurious", bounds.spurious), number("shared_words", shared);
        out += std::string(",\"old_values\":") + (bounds.old_values ? "true" : "false");
        return out + "}";
    }

    [[nodiscard]] std::string changes_of_thread() const {
        const auto of = parse_schedule(schedule);
        return of ? " (" + std::to_string(context_switches(*of)) + " changes of thread)" : "";
    }

    void print(std::FILE* to = stdout) const { std::fputs(text().c_str(), to); }
};

}  // namespace pinfold::check
