// SPDX-License-Identifier: BSL-1.0
#include "table.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <tuple>

namespace pinscope {

namespace {

std::string right(std::string_view text, std::size_t width) {
    const auto have = columns(text);
    return have >= width ? std::string(text) : std::string(width - have, ' ') + std::string(text);
}

std::string trimmed(std::string text) {
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

std::string limit_text(u64 bytes) { return bytes == unlimited ? "unlimited" : human_bytes(bytes); }

std::string memlock_text(u64 needed, u64 limit) {
    return "RLIMIT_MEMLOCK for all of it: " + human_bytes(needed) + " of " + limit_text(limit) +
           (needed > limit ? ", too much" : "");
}

const char* colour_of(outcome o) {
    switch (o) {
        case outcome::all: return "32";
        case outcome::none: return "31";
        case outcome::not_asked: return "2";
        default: return "33";
    }
}

/// "rwRW": a letter for what is granted, '-' for refused, '~' for some pages, blank for not asked.
std::string letters(const region_report& r) {
    constexpr std::string_view granted = "rwRW";
    std::string text;
    for (std::size_t p = 0; p < purposes.size(); ++p)
        switch (r.verdict(p)) {
            case verdict::granted: text += granted[p]; break;
            case verdict::partly: text += '~'; break;
            case verdict::refused: text += '-'; break;
            case verdict::nothing_asked: text += ' '; break;
        }
    return text;
}

std::string range(const region& r) { return hex(r.begin) + "-" + hex(r.end); }

void add_wrapped(std::string& out, const std::string& text, const style& s, std::size_t indent) {
    bool first = true;
    for (const auto& line : wrapped(text, s.width - indent - 2)) {
        out += std::string(first ? indent : indent + 2, ' ') + line + "\n";
        first = false;
    }
}

std::string list(const std::vector<path_use>& paths) {
    std::string text;
    for (const auto& p : paths)
        text += (text.empty() ? "" : ", ") + p.id + " " + grouped(p.pages);
    return text;
}

/// Returns: one line per reason, with the questions it answered put together.
std::vector<std::string> reasons(const region_report& r) {
    struct reason {
        const refusal* why;
        u64 pages;
        std::vector<std::size_t> questions;
    };
    std::vector<reason> all;
    for (std::size_t q = 0; q < questions.size(); ++q)
        for (const auto& refused : r.answers[q].refusals) {
            auto known = std::find_if(all.begin(), all.end(), [&](const reason& x) {
                return x.why->rule == refused.rule && x.why->error == refused.error;
            });
            if (known == all.end()) known = all.insert(all.end(), reason{&refused, 0, {}});
            known->pages = std::max(known->pages, refused.pages);
            known->questions.push_back(q);
        }

    std::vector<std::string> lines;
    for (const auto& x : all) {
        std::string who;
        for (std::size_t p = 0; p < purposes.size(); ++p) {
            const auto asked = [&](std::size_t q) {
                return std::find(x.questions.begin(), x.questions.end(), q) != x.questions.end();
            };
            const bool fast = asked(2 * p);
            const bool slow = asked(2 * p + 1);
            if (fast || slow)
                who += (who.empty() ? "" : ", ") + std::string(purposes[p]) +
                       (fast && slow ? ""
                        : fast       ? " (fast)"
                                     : " (slow)");
        }
        if (x.questions.size() == questions.size()) who = "any pin";
        lines.push_back(who + " refused with " + errno_name(x.why->error) + " for " + counted(x.pages, "page") + ": " +
                        x.why->rule);
    }
    return lines;
}

/// With this many columns a row holds the name as well.
constexpr std::size_t wide_enough = 80;

void add_row(std::string& out, const report& what, std::size_t i, const style& s) {
    const auto& r = what.process.regions[i];
    const auto& answers = what.regions[i];
    const auto pages = grouped(r.present_pages()) + "/" + grouped(r.pages());
    const auto colour = colour_of(answers.outcome());
    const auto addresses = range(r);
    auto row = right(std::to_string(i + 1), 5) + "  " + fitted(addresses, std::max<std::size_t>(25, addresses.size())) +
               " " + right(human_bytes(r.size()), 8) + " " + r.permissions() + " ";
    auto used = columns(row) + 4;
    row += s.painted(letters(answers), colour);
    const auto title = r.title();
    if (s.width >= wide_enough) {
        const auto pages_column = " " + right(pages, 13) + "  ";
        used += columns(pages_column);
        out += row + pages_column;
        // A name that would be cut to pieces goes on a line of its own.
        if (used + 8 <= s.width || used + columns(title) <= s.width)
            out += trimmed(fitted(title, s.width - used, true)) + "\n";
        else
            out += "\n       " + trimmed(fitted(title, s.width - 7, true)) + "\n";
    } else {
        out += row + "\n";
        add_wrapped(out, pages + " present, " + trimmed(fitted(title, s.width - 9, true)), s, 7);
    }
    if (answers.pinned() != 0)
        add_wrapped(out,
                    "pinned " + counted(answers.pinned(), "page") + " in all, " +
                        counted(answers.units(), "reference") + " added, over " + list(answers.paths()),
                    s, 7);
    for (const auto& reason : reasons(answers))
        add_wrapped(out, reason, s, 7);
    if (const auto needed = answers.memlock_needed(r); needed != 0)
        add_wrapped(out, memlock_text(needed, what.process.memlock_soft), s, 7);
}

}  // namespace

std::string draw_table(const report& what, const style& s, std::size_t limit) {
    const auto& regions = what.process.regions;
    std::vector<std::size_t> rows(regions.size());
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    if (limit != 0 && limit < rows.size()) {
        std::vector<u64> present;
        for (const auto& r : regions)
            present.push_back(r.present_pages());
        const auto rank = [&](std::size_t i) {
            return std::tuple(!regions[i].label.empty(), present[i], regions[i].size());
        };
        std::stable_sort(rows.begin(), rows.end(), [&](std::size_t a, std::size_t b) { return rank(a) > rank(b); });
        rows.resize(limit);
        std::sort(rows.begin(), rows.end());
    }

    const std::string heading = "    #  address                       size perm pins";
    auto out = s.painted(heading + (s.width >= wide_enough ? " present/pages  what" : ""), "1") + "\n";
    for (const auto i : rows)
        add_row(out, what, i, s);
    if (rows.size() < regions.size())
        add_wrapped(out,
                    counted(regions.size() - rows.size(), "region") +
                        " with fewer pages present not listed; --limit 0 lists all",
                    s, 7);
    add_wrapped(out, "pins: r read, w write, R long-term read, W long-term write; - refused, ~ refused for some pages.",
                s, 0);
    return out;
}

std::string draw_totals(const report& what, const style& s) {
    const auto row = [&](std::string_view question, const std::array<std::string, 4>& cells) {
        auto text = fitted(question, 21) + right(cells[0], 12) + right(cells[1], 12);
        if (s.width >= wide_enough) text += right(cells[2], 12);
        return text + right(cells[3], 15);
    };
    auto out = s.painted(row("question", {"asked", "pinned", "refused", "references"}), "1") + "\n";
    u64 probes = 0;
    for (std::size_t q = 0; q < questions.size(); ++q) {
        answer sum;
        for (const auto& r : what.regions) {
            sum.asked += r.answers[q].asked + r.answers[q].probes;
            sum.pinned += r.answers[q].pinned + r.answers[q].probes_pinned;
            sum.units += r.answers[q].units;
            probes += q == 0 ? r.answers[q].probes : 0;
        }
        out += row(to_string(questions[q]),
                   {grouped(sum.asked), grouped(sum.pinned), grouped(sum.asked - sum.pinned), grouped(sum.units)}) +
               "\n";
    }
    if (probes != 0)
        add_wrapped(out,
                    what.fault_all ? "absent: faulted in and asked, all " + counted(probes, "page") + " (--fault-all)."
                                   : "absent: probed. One page of each absent run was faulted in and asked, " +
                                         counted(probes, "page") + "; --fault-all asks them all.",
                    s, 0);

    u64 needed = 0;
    for (std::size_t i = 0; i < what.regions.size(); ++i)
        needed += what.regions[i].memlock_needed(what.process.regions[i]);
    const auto limit = what.process.memlock_soft;
    add_wrapped(out,
                "memory lock: all that can be pinned for long needs " + human_bytes(needed) +
                    " of RLIMIT_MEMLOCK; the limit is " + limit_text(limit) + (needed > limit ? ": too low." : "."),
                s, 0);

    const auto& b = what.balance;
    out += s.painted(std::string("balance: ") + (b.kept() ? "kept" : "BROKEN"), b.kept() ? "32" : "31;1");
    out += ".\n";
    add_wrapped(out,
                counted(b.acquired, "pin") + " taken, " + grouped(b.released) +
                    " given back; the count words of all present pages add up to " + grouped(b.words_before) +
                    " before the first question and " + grouped(b.words_after) + " after the last.",
                s, 2);
    for (const auto& note : what.process.notes)
        add_wrapped(out, "note: " + note, s, 0);
    return out;
}

std::string draw_region(const report& what, std::size_t index, const style& s) {
    const auto& r = what.process.regions[index];
    const auto& answers = what.regions[index];
    std::string out = s.painted("region " + std::to_string(index + 1) + ": " + r.title(), "1") + "\n";
    out += "  " + range(r) + "  " + human_bytes(r.size()) + "  " + r.permissions() + "  " + to_string(r.backing()) +
           (r.filesystem.empty() ? "" : " on " + printable(r.filesystem)) + "\n";
    if (!r.name.empty() && r.label.size() != 0)
        add_wrapped(out, "named " + printable(r.name) + (r.deleted ? " (deleted)" : ""), s, 2);
    std::string states;
    for (const auto p : {presence::anon, presence::anon_huge, presence::file, presence::zero, presence::hugetlb,
                         presence::swapped, presence::special, presence::absent})
        if (const auto n = r.pages_in(p)) states += (states.empty() ? "" : ", ") + grouped(n) + " " + to_string(p);
    add_wrapped(out, counted(r.pages(), "page") + ": " + states, s, 2);
    if (r.most_mapped > 1)
        add_wrapped(out, "its most shared page is mapped " + grouped(r.most_mapped) + " times", s, 2);

    for (std::size_t q = 0; q < questions.size(); ++q) {
        const auto& a = answers.answers[q];
        out += "  " + fitted(to_string(questions[q]), 22) + to_string(a.verdict()) + "\n";
        if (a.asked != 0)
            add_wrapped(out, "present: " + grouped(a.pinned) + " of " + counted(a.asked, "page") + " pinned", s, 6);
        if (a.probes != 0)
            add_wrapped(out,
                        (what.fault_all ? "absent: " : "absent, probed: ") + grouped(a.probes_pinned) + " of " +
                            counted(a.probes, "page") + " pinned",
                        s, 6);
        if (a.units != 0) add_wrapped(out, counted(a.units, "reference") + " added, over " + list(a.paths), s, 6);
        for (const auto& why : a.refusals)
            add_wrapped(out,
                        errno_name(why.error) + " for " + counted(why.pages, "page") + " from " + hex(why.first) +
                            " on: " + why.rule,
                        s, 6);
    }
    const auto needed = answers.memlock_needed(r);
    if (needed != 0) add_wrapped(out, memlock_text(needed, what.process.memlock_soft), s, 2);

    constexpr std::size_t most_runs = 40;
    out += "  runs of pages:\n";
    for (std::size_t i = 0; i < std::min(r.runs.size(), most_runs); ++i)
        out += "    " + hex(r.runs[i].first * page_size) + "  " + right(counted(r.runs[i].pages, "page"), 20) + "  " +
               to_string(r.runs[i].what) + "\n";
    if (r.runs.size() > most_runs)
        out += "    and " + grouped(r.runs.size() - most_runs) + " more; --json has them all\n";
    return out;
}

}  // namespace pinscope
