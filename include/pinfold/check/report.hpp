// SPDX-License-Identifier: BSL-1.0
// What the conformance kit found: every law by name and sentence, kept or broken, and by what.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "result.hpp"

namespace pinfold::check {

/// A rule every counting policy keeps. The name is stable: tests and reports refer to it.
struct law {
    const char* name;
    const char* sentence;
};

enum class verdict : unsigned char { kept, broken, not_proved, not_applicable };

/// One law and what came of it. counterexample: how it is broken, or why it does not apply.
struct finding {
    law of;
    verdict is = verdict::kept;
    std::string counterexample;
    std::uint64_t cases = 0;       ///< states or histories tried; executions where interleavings were explored
    std::uint64_t executions = 0;  ///< of the explorer
    std::uint64_t steps = 0;
};

class report {
public:
    explicit report(std::string policy) : policy_(std::move(policy)) {}

    void add(finding f) { findings_.push_back(std::move(f)); }

    /// Returns: whether every law that applies is kept; explored ones in all interleavings.
    [[nodiscard]] bool passed() const noexcept { return first_broken() == nullptr && !findings_.empty(); }
    [[nodiscard]] explicit operator bool() const noexcept { return passed(); }
    /// Returns: the first law that is broken or could not be proved, or null.
    [[nodiscard]] const finding* first_broken() const noexcept {
        for (const finding& f : findings_)
            if (f.is == verdict::broken || f.is == verdict::not_proved) return &f;
        return nullptr;
    }
    /// Returns: whether a law is broken: what was not proved may still hold.
    [[nodiscard]] bool any_broken() const noexcept {
        for (const finding& f : findings_)
            if (f.is == verdict::broken) return true;
        return false;
    }
    [[nodiscard]] bool broke(const char* name) const {
        for (const finding& f : findings_)
            if (f.is == verdict::broken && name == std::string(f.of.name)) return true;
        return false;
    }
    [[nodiscard]] const std::vector<finding>& findings() const noexcept { return findings_; }
    [[nodiscard]] const std::string& policy() const noexcept { return policy_; }
    [[nodiscard]] std::uint64_t executions() const noexcept {
        std::uint64_t sum = 0;
        for (const finding& f : findings_) sum += f.executions;
        return sum;
    }

    /// Returns: one line per law, counterexamples below the broken ones.
    [[nodiscard]] std::string text() const {
        static constexpr const char* marks[] = {"kept", "BROKEN", "NOT PROVED", "-"};
        std::string out = policy_ + (passed() ? ": keeps every law\n" : any_broken() ? ": BREAKS a law\n" : ": NOT PROVED\n");
        for (const finding& f : findings_) {
            std::string line = "  " + std::string(marks[static_cast<unsigned>(f.is)]);
            line.resize(line.size() < 14 ? 14 : line.size() + 1, ' ');
            line += f.of.name;
            line.resize(line.size() < 36 ? 36 : line.size() + 1, ' ');
            out += line + f.of.sentence;
            if (f.executions != 0)
                out += " [" + std::to_string(f.executions) + " executions, " + std::to_string(f.steps) + " steps]";
            else if (f.cases != 0)
                out += " [" + std::to_string(f.cases) + " cases]";
            out += '\n';
            if (!f.counterexample.empty() && f.is != verdict::kept) out += indented(f.counterexample);
        }
        return out;
    }
    [[nodiscard]] std::string json() const {
        static constexpr const char* words[] = {"kept", "broken", "not proved", "not applicable"};
        std::string out = "{\"policy\":";
        detail::put_json_string(out, policy_);
        out += std::string(",\"passed\":") + (passed() ? "true" : "false") + ",\"laws\":[";
        for (const finding& f : findings_) {
            if (&f != &findings_.front()) out += ',';
            out += "{\"law\":";
            detail::put_json_string(out, f.of.name);
            out += ",\"sentence\":";
            detail::put_json_string(out, f.of.sentence);
            out += ",\"verdict\":";
            detail::put_json_string(out, words[static_cast<unsigned>(f.is)]);
            out += ",\"counterexample\":";
            detail::put_json_string(out, f.counterexample);
            out += ",\"cases\":" + std::to_string(f.cases) + ",\"executions\":" + std::to_string(f.executions) +
                   ",\"steps\":" + std::to_string(f.steps) + "}";
        }
        return out + "]}";
    }
    void print(std::FILE* to = stdout) const { std::fputs(text().c_str(), to); }

private:
    static std::string indented(const std::string& text) {
        std::string out = "              ";
        for (const char c : text) {
            out += c;
            if (c == '\n') out += "              ";
        }
        while (!out.empty() && (out.back() == ' ' || out.back() == '\n')) out.pop_back();
        return out + '\n';
    }

    std::string policy_;
    std::vector<finding> findings_;
};

}  // namespace pinfold::check
