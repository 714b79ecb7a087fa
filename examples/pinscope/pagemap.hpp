// SPDX-License-Identifier: BSL-1.0
// /proc/PID/pagemap: one 64-bit word per page of address space; /proc/kpageflags and /proc/kpagecount: one per
// frame of RAM. Here words become runs; page_reader.hpp fetches them.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "region.hpp"

namespace pinscope {

/// One word of pagemap.
struct pagemap_word {
    u64 bits = 0;

    [[nodiscard]] bool present() const { return bits >> 63 & 1; }
    [[nodiscard]] bool swapped() const { return bits >> 62 & 1; }
    [[nodiscard]] bool file_or_shared() const { return bits >> 61 & 1; }
    [[nodiscard]] bool exclusive() const { return bits >> 56 & 1; }
    /// Returns: the frame; 0 where the reader may not know it (no CAP_SYS_ADMIN).
    [[nodiscard]] u64 frame() const { return present() ? bits & ((u64{1} << 55) - 1) : 0; }
};

/// One word of kpageflags.
struct frame_flags {
    u64 bits = 0;

    [[nodiscard]] bool anon() const { return bits >> 12 & 1; }
    [[nodiscard]] bool hugetlb() const { return bits >> 17 & 1; }
    [[nodiscard]] bool part_of_huge() const { return bits >> 22 & 1; }
    [[nodiscard]] bool zero_page() const { return bits >> 24 & 1; }
};

/// Returns: the state that a word of pagemap tells, made exact by the frame's flags where they are known.
/// anon_huge is not among the answers: that takes neighbours, see mark_huge.
[[nodiscard]] presence classify(const region& r, pagemap_word word, std::optional<frame_flags> flags);

/// Effects: turns whole, aligned 2 MiB stretches of `anon` into `anon_huge` while `budget` (bytes: AnonHugePages
/// of smaps) lasts; what was used is taken off it. `may_be_huge[i]` says whether frame i can be part of one.
/// Requires: both spans describe the pages from page number `first` on.
void mark_huge(std::span<presence> states, const std::vector<bool>& may_be_huge, u64 first, u64& budget);

/// Returns: runs for a region of which only the totals of smaps are known: present pages first.
[[nodiscard]] std::vector<run> estimated_runs(const region& r);

}  // namespace pinscope
