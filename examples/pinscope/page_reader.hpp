// SPDX-License-Identifier: BSL-1.0
// Fetches the page states of a process region by region, in large reads, and keeps runs only: the memory it takes
// goes with what is present, not with the size of the address space.
#pragma once

#include <string>
#include <vector>

#include "files.hpp"
#include "pagemap.hpp"
#include "pagemap_scan.hpp"

namespace pinscope {

class page_reader {
public:
    /// `proc` is the directory of all processes, "/proc" but in tests.
    page_reader(const std::string& proc, u64 pid);

    /// Effects: fills r.runs and what else only single pages tell. Returns: false when the process has no memory
    /// any more: it ended.
    [[nodiscard]] bool read(region& r);

    /// Returns: what had to be approximated so far, a sentence each.
    [[nodiscard]] std::vector<std::string> notes() const;

private:
    [[nodiscard]] bool read_range(region& r, page_range range, u64& huge_budget);
    void look_up_frames(region& r, std::span<const u64> words);

    input pagemap_;
    input flags_;
    input counts_;
    u64 idle_budget_;             ///< words that may still be spent on regions with nothing in Rss
    bool frames_hidden_ = false;  ///< a present page came without its frame
    bool skipped_ = false;
    std::vector<u64> words_;
    std::vector<u64> frame_words_;
    std::vector<std::optional<frame_flags>> known_;
    std::vector<presence> states_;
    std::vector<bool> may_be_huge_;
};

}  // namespace pinscope
