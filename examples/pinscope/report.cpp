// SPDX-License-Identifier: BSL-1.0
#include "report.hpp"

#include <algorithm>

namespace pinscope {

std::string to_string(question q) {
    const auto purpose = static_cast<std::size_t>(q.long_term) * 2 + static_cast<std::size_t>(q.write);
    return std::string(purposes[purpose]) + (q.fast ? ", fast" : ", slow");
}

const char* to_string(verdict v) {
    switch (v) {
        case verdict::nothing_asked: return "not asked";
        case verdict::granted: return "granted";
        case verdict::partly: return "partly";
        case verdict::refused: return "refused";
    }
    return "?";
}

const char* to_string(outcome o) {
    switch (o) {
        case outcome::all: return "every pin granted";
        case outcome::short_term: return "short-term pins only, or no long-term writes";
        case outcome::read_only: return "pins for reading only";
        case outcome::none: return "no pins at all";
        case outcome::mixed: return "differs from page to page";
        case outcome::not_asked: return "not asked";
    }
    return "?";
}

verdict answer::verdict() const {
    const auto all = asked + probes;
    const auto good = pinned + probes_pinned;
    return all == 0      ? verdict::nothing_asked
           : good == all ? verdict::granted
           : good == 0   ? verdict::refused
                         : verdict::partly;
}

namespace {

void add(std::vector<path_use>& paths, std::string_view id, u64 pages) {
    const auto known = std::find_if(paths.begin(), paths.end(), [&](const path_use& p) { return p.id == id; });
    if (known != paths.end())
        known->pages += pages;
    else
        paths.push_back({std::string(id), pages});
}

}  // namespace

void answer::used(std::string_view id, u64 pages) { add(paths, id, pages); }

void answer::refused(refusal more) {
    const auto known = std::find_if(refusals.begin(), refusals.end(),
                                    [&](const refusal& r) { return r.rule == more.rule && r.error == more.error; });
    if (known != refusals.end())
        known->pages += more.pages;
    else
        refusals.push_back(std::move(more));
}

verdict region_report::verdict(std::size_t purpose) const {
    const auto fast = answers[2 * purpose].verdict();
    const auto slow = answers[2 * purpose + 1].verdict();
    return fast == slow ? fast : verdict::partly;
}

outcome region_report::outcome() const {
    using enum pinscope::verdict;
    const auto is = [&](std::size_t purpose, pinscope::verdict v) { return verdict(purpose) == v; };
    if (is(0, nothing_asked)) return outcome::not_asked;
    for (std::size_t purpose = 0; purpose < purposes.size(); ++purpose)
        if (is(purpose, partly)) return outcome::mixed;
    if (is(0, granted) && is(1, granted)) return is(2, granted) && is(3, granted) ? outcome::all : outcome::short_term;
    if (is(0, granted)) return outcome::read_only;
    return is(1, refused) && is(2, refused) && is(3, refused) ? outcome::none : outcome::mixed;
}

u64 region_report::memlock_needed(const region& r) const {
    u64 needed = 0;
    for (std::size_t i = 0; i < questions.size(); ++i) {
        const auto& a = answers[i];
        if (!questions[i].long_term) continue;
        // A probe speaks for its run: where every one was granted, the driver would account all pages.
        const auto whole = a.verdict() == verdict::granted && a.probes != 0;
        needed = std::max(needed, whole ? r.pages() : a.pinned + a.probes_pinned);
    }
    return needed * page_size;
}

std::vector<path_use> region_report::paths() const {
    std::vector<path_use> sum;
    for (const auto& a : answers)
        for (const auto& p : a.paths)
            add(sum, p.id, p.pages);
    return sum;
}

u64 region_report::pinned() const {
    u64 sum = 0;
    for (const auto& a : answers)
        sum += a.pinned + a.probes_pinned;
    return sum;
}

u64 region_report::units() const {
    u64 sum = 0;
    for (const auto& a : answers)
        sum += a.units;
    return sum;
}

}  // namespace pinscope
