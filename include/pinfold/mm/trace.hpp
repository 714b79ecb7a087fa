// SPDX-License-Identifier: BSL-1.0
// What one gup call did: the paths it took, the units it added, and why it stopped, as a rule, a limit and an
// errno. Optional: a null pointer costs one predicted branch per lookup.
#pragma once

#include <cstdint>
#include <vector>

#include "geometry.hpp"

namespace pinfold::mm {

/// The paths of spec 04 and spec 05, and the two places that are no path: the VMA check and the fault.
enum class path_id : unsigned char {
    fp_pte, fp_pte_devmap, fp_zero, fp_pfn, fp_pmd_trans_huge, fp_huge_pmd, fp_huge_pud, fp_huge_pgd, fp_huge_pd,
    fp_huge_addr, fp_hugetlb_range, fp_split, fp_split_pmd, fp_devmap_pmd, fp_devmap_pud, fp_gate, fp_none,
    fast_pte, fast_pmd, fast_pud, fast_pgd, fast_huge_pd, fast_devmap, vma_check, fault, longterm, entry_point,
};
[[nodiscard]] constexpr const char* name_of(path_id p) noexcept {
    constexpr const char* names[] = {
        "FP-PTE", "FP-PTE-DEVMAP", "FP-ZERO", "FP-PFN", "FP-PMD-TRANS-HUGE", "FP-HUGE-PMD", "FP-HUGE-PUD",
        "FP-HUGE-PGD", "FP-HUGE-PD", "FP-HUGE-ADDR", "FP-HUGETLB-RANGE", "FP-SPLIT", "FP-SPLIT-PMD",
        "FP-DEVMAP-PMD", "FP-DEVMAP-PUD", "FP-GATE", "no page table", "PTE/F", "PMD/F", "PUD/F", "PGD/F", "HUGEPD/F",
        "DEVMAP/F", "VMA check", "fault", "long-term", "entry point"};
    return names[static_cast<unsigned>(p)];
}

struct trace_event {
    path_id path = path_id::fp_none;
    level at = level::pte;
    vaddr address = 0;
    std::uint64_t pages = 0;      ///< slots filled
    std::int64_t units = 0;       ///< added to the head's count word
    int error = 0;                ///< errno, positive; 0: no refusal
    const char* rule_id = "";     ///< e.g. "06-3.7"
    const char* rule = "";        ///< one English sentence
    std::int64_t limit = 0;
    std::int64_t used = 0;
    std::int64_t needed = 0;
};

class gup_trace {
public:
    std::vector<trace_event> events;

    void add(const trace_event& e) { events.push_back(e); }
    void clear() noexcept { events.clear(); }
    /// Returns: the last refusal, or null. The one that ended the call is the last.
    [[nodiscard]] const trace_event* refusal() const noexcept {
        for (auto it = events.rbegin(); it != events.rend(); ++it)
            if (it->error != 0) return &*it;
        return nullptr;
    }
    [[nodiscard]] std::uint64_t pages_by(path_id p) const noexcept {
        std::uint64_t n = 0;
        for (const trace_event& e : events)
            if (e.path == p) n += e.pages;
        return n;
    }
};

/// A rule of the specification and what it answers.
struct rule {
    const char* id;
    const char* text;
};
inline constexpr rule overflowed{"01-4.2", "the count word has overflowed: no more units until some are returned"};

}  // namespace pinfold::mm
