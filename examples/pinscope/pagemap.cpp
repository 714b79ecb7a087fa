// SPDX-License-Identifier: BSL-1.0
#include "pagemap.hpp"

#include <algorithm>

namespace pinscope {

presence classify(const region& r, pagemap_word word, std::optional<frame_flags> flags) {
    if (word.swapped()) return presence::swapped;
    if (!word.present()) return presence::absent;
    if (r.backing() == backing::hugetlb || (flags && flags->hugetlb())) return presence::hugetlb;
    if (flags && flags->zero_page()) return presence::zero;
    if (word.file_or_shared()) return presence::file;
    // The zero page counts in neither Rss nor Anonymous: without flags that is how it shows.
    if (!flags && r.anonymous == 0 && r.rss == 0 && !word.exclusive()) return presence::zero;
    return presence::anon;
}

void mark_huge(std::span<presence> states, const std::vector<bool>& may_be_huge, u64 first, u64& budget) {
    const auto lead = (huge_pages - first % huge_pages) % huge_pages;
    for (auto at = lead; at + huge_pages <= states.size() && budget >= huge_size; at += huge_pages) {
        const auto block = states.subspan(at, huge_pages);
        const auto flag = may_be_huge.begin() + static_cast<std::ptrdiff_t>(at);
        if (!std::all_of(block.begin(), block.end(), [](presence p) { return p == presence::anon; }) ||
            !std::all_of(flag, flag + static_cast<std::ptrdiff_t>(huge_pages), [](bool b) { return b; }))
            continue;
        std::fill(block.begin(), block.end(), presence::anon_huge);
        budget -= huge_size;
    }
}

std::vector<run> estimated_runs(const region& r) {
    std::vector<run> runs;
    u64 at = r.begin / page_size;
    u64 left = r.pages();
    const auto take = [&](u64 bytes, presence what) {
        const auto n = std::min(bytes / page_size, left);
        append(runs, {at, n, what});
        at += n;
        left -= n;
    };
    take(r.hugetlb, presence::hugetlb);
    take(r.anonymous, presence::anon);
    take(r.rss - std::min(r.anonymous, r.rss), presence::file);
    take(r.swap, presence::swapped);
    take(left * page_size, presence::absent);
    return runs;
}

}  // namespace pinscope
