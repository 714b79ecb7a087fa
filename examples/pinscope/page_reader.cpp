// SPDX-License-Identifier: BSL-1.0
#include "page_reader.hpp"

#include <algorithm>
#include <cstring>

namespace pinscope {

namespace {
constexpr u64 chunk = u64{1} << 16;  ///< words per read; a multiple of huge_pages
}  // namespace

page_reader::page_reader(const std::string& proc, u64 pid)
    : pagemap_(proc + "/" + std::to_string(pid) + "/pagemap"),
      flags_(proc + "/kpageflags"),
      counts_(proc + "/kpagecount"),
      idle_budget_(u64{1} << 22),
      words_(chunk) {}

bool page_reader::read(region& r) {
    const auto first = r.begin / page_size;
    const auto kind = r.backing();
    if (kind == backing::device || kind == backing::gate) {
        r.runs = {{first, r.pages(), presence::special}};
        return true;
    }
    if (!pagemap_) {
        r.runs = estimated_runs(r);
        return true;
    }
    const page_range whole{first, r.end / page_size};
    auto ranges = occupied_ranges(pagemap_.descriptor(), whole);
    if (!ranges && r.rss + r.swap + r.hugetlb == 0) {
        // Only the zero page can be here. Worth a look, but not at a reservation of terabytes.
        if (r.pages() > idle_budget_) {
            skipped_ = true;
            r.runs = {{first, r.pages(), presence::absent}};
            return true;
        }
        idle_budget_ -= r.pages();
    }
    if (!ranges) ranges = {whole};

    u64 huge_budget = r.anon_huge;
    u64 at = first;
    for (const auto& range : *ranges) {
        append(r.runs, {at, range.first - at, presence::absent});
        if (!read_range(r, range, huge_budget)) return false;
        at = range.last;
    }
    append(r.runs, {at, whole.last - at, presence::absent});
    return true;
}

bool page_reader::read_range(region& r, page_range range, u64& huge_budget) {
    for (u64 at = range.first; at < range.last;) {
        const auto n = std::min(range.last - at, chunk - at % huge_pages);
        const auto words = std::span(words_).first(n);
        if (pagemap_.read_words(at, words) != n) return false;
        if (std::all_of(words.begin(), words.end(), [](u64 w) { return w >> 62 == 0; })) {
            append(r.runs, {at, n, presence::absent});
            at += n;
            continue;
        }
        look_up_frames(r, words);
        states_.resize(n);
        may_be_huge_.assign(n, true);
        for (u64 i = 0; i < n; ++i) {
            const pagemap_word word{words[i]};
            states_[i] = classify(r, word, known_[i]);
            may_be_huge_[i] = !known_[i] || known_[i]->part_of_huge();
            r.shared_anon_pages += states_[i] == presence::anon && !word.exclusive();
        }
        mark_huge(states_, may_be_huge_, at, huge_budget);
        for (u64 i = 0; i < n; ++i)
            append(r.runs, {at + i, 1, states_[i]});
        at += n;
    }
    return true;
}

void page_reader::look_up_frames(region& r, std::span<const u64> words) {
    known_.assign(words.size(), std::nullopt);
    for (u64 i = 0; i < words.size();) {
        const auto frame = pagemap_word{words[i]}.frame();
        if (frame == 0) {
            frames_hidden_ = frames_hidden_ || pagemap_word{words[i]}.present();
            ++i;
            continue;
        }
        // Neighbours in the address space are often neighbours in RAM: one read for all of them.
        u64 n = 1;
        while (i + n < words.size() && pagemap_word{words[i + n]}.frame() == frame + n)
            ++n;
        frame_words_.resize(n);
        if (flags_)
            for (u64 k = 0, got = flags_.read_words(frame, frame_words_); k < got; ++k)
                known_[i + k] = frame_flags{frame_words_[k]};
        if (counts_)
            for (u64 k = 0, got = counts_.read_words(frame, frame_words_); k < got; ++k)
                r.most_mapped = std::max(r.most_mapped, frame_words_[k]);
        i += n;
    }
}

std::vector<std::string> page_reader::notes() const {
    std::vector<std::string> notes;
    if (!pagemap_)
        notes.push_back("pagemap is not readable (" + std::string(std::strerror(pagemap_.error())) +
                        "): which pages are present is estimated from the totals of smaps.");
    else if (frames_hidden_)
        notes.emplace_back(
            "frame numbers are hidden without CAP_SYS_ADMIN: zero pages and huge pages are "
            "estimated from the totals of smaps.");
    else if (!flags_)
        notes.push_back("kpageflags is not readable (" + std::string(std::strerror(flags_.error())) +
                        "): zero pages and huge pages are estimated from the totals of smaps.");
    if (skipped_) notes.emplace_back("zero pages in very large regions with nothing else in them were not looked for.");
    return notes;
}

}  // namespace pinscope
