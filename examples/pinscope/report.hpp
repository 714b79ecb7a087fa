// SPDX-License-Identifier: BSL-1.0
// What was asked and what came out: everything that the table, the pictures and the JSON show.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "region.hpp"

namespace pinscope {

/// One way to ask for pins: of the eight, a program uses the one that fits what its device does.
struct question {
    bool write = false;      ///< the device writes the memory (FOLL_WRITE)
    bool long_term = false;  ///< it keeps it indefinitely (FOLL_LONGTERM)
    bool fast = false;       ///< pin_user_pages_fast, the lockless walk first; else pin_user_pages

    friend bool operator==(const question&, const question&) = default;
};
inline constexpr std::array<question, 8> questions{{
    {false, false, true},
    {false, false, false},
    {true, false, true},
    {true, false, false},
    {false, true, true},
    {false, true, false},
    {true, true, true},
    {true, true, false},
}};
/// "read", "write", "long-term read", "long-term write": what the two ways to ask have in common.
inline constexpr std::array<std::string_view, 4> purposes{"read", "write", "long-term read", "long-term write"};
/// Returns: "long-term read, fast".
[[nodiscard]] std::string to_string(question q);

enum class verdict : std::uint8_t { nothing_asked, granted, partly, refused };
[[nodiscard]] const char* to_string(verdict v);

/// Pages that were served over one path of the page table walk.
struct path_use {
    std::string id;  ///< of the specification: "FP-PTE", "PMD/F"
    u64 pages = 0;
};

/// Why pages were refused.
struct refusal {
    std::string rule;  ///< a sentence
    int error = 0;     ///< positive errno
    u64 pages = 0;
    u64 first = 0;  ///< address of the first one
};

struct answer {
    u64 asked = 0;   ///< pages that were present
    u64 pinned = 0;  ///< of these
    u64 probes = 0;  ///< pages that were absent: one of each run, or all of them with --fault-all
    u64 probes_pinned = 0;
    u64 units = 0;  ///< added to count words
    std::vector<path_use> paths;
    std::vector<refusal> refusals;

    [[nodiscard]] pinscope::verdict verdict() const;
    void used(std::string_view id, u64 pages);
    void refused(refusal more);
};

/// A region in one word, for colours.
enum class outcome : std::uint8_t { all, short_term, read_only, none, mixed, not_asked };
inline constexpr std::size_t outcome_count = 6;
[[nodiscard]] const char* to_string(outcome o);

struct region_report {
    std::array<answer, questions.size()> answers;

    /// Returns: the verdict on purposes[purpose]; `partly` also when fast and slow do not agree.
    [[nodiscard]] pinscope::verdict verdict(std::size_t purpose) const;
    [[nodiscard]] pinscope::outcome outcome() const;
    /// Returns: bytes that a driver must account against RLIMIT_MEMLOCK to pin for long all that can be.
    [[nodiscard]] u64 memlock_needed(const region& r) const;
    [[nodiscard]] std::vector<path_use> paths() const;
    [[nodiscard]] u64 pinned() const;
    [[nodiscard]] u64 units() const;
};

/// Whether everything that was pinned has been given back.
struct balance {
    u64 acquired = 0;
    u64 released = 0;
    u64 words_before = 0;  ///< sum of the count words of all present pages …
    u64 words_after = 0;   ///< … after the last question

    [[nodiscard]] bool kept() const { return acquired == released && words_before == words_after; }
};

struct report {
    pinscope::process process;
    std::string profile;
    bool fault_all = false;
    std::vector<region_report> regions;  ///< as process.regions
    pinscope::balance balance;
};

}  // namespace pinscope
