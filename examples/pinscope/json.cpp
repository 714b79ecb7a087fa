// SPDX-License-Identifier: BSL-1.0
#include "json.hpp"

#include <nlohmann/json.hpp>

namespace pinscope {

namespace {

// Keys stay in the order in which they are written here.
using nlohmann::ordered_json;

ordered_json limit(u64 bytes) { return bytes == unlimited ? ordered_json(nullptr) : ordered_json(bytes); }

ordered_json of(question q, const answer& a) {
    ordered_json j{{"question", to_string(q)},          {"write", q.write},
                   {"long_term", q.long_term},          {"fast", q.fast},
                   {"verdict", to_string(a.verdict())}, {"present_asked", a.asked},
                   {"present_pinned", a.pinned},        {"absent_asked", a.probes},
                   {"absent_pinned", a.probes_pinned},  {"references_added", a.units},
                   {"paths", ordered_json::object()},   {"refusals", ordered_json::array()}};
    for (const auto& p : a.paths)
        j["paths"][p.id] = p.pages;
    for (const auto& r : a.refusals)
        j["refusals"].push_back({{"error", errno_name(r.error)},
                                 {"errno", r.error},
                                 {"rule", r.rule},
                                 {"pages", r.pages},
                                 {"first", hex(r.first)}});
    return j;
}

ordered_json of(const region& r, const region_report& answers) {
    ordered_json j{{"begin", hex(r.begin)},
                   {"end", hex(r.end)},
                   {"size", r.size()},
                   {"permissions", r.permissions()},
                   {"backing", to_string(r.backing())},
                   {"name", printable(r.name)},
                   {"label", printable(r.label)},
                   {"deleted", r.deleted},
                   {"filesystem", printable(r.filesystem)},
                   {"offset", r.offset},
                   {"pages", r.pages()},
                   {"present_pages", r.present_pages()},
                   {"most_mapped", r.most_mapped},
                   {"outcome", to_string(answers.outcome())},
                   {"memlock_needed", answers.memlock_needed(r)}};
    auto& runs = j["runs"] = ordered_json::array();
    for (const auto& run : r.runs)
        runs.push_back({{"begin", hex(run.first * page_size)}, {"pages", run.pages}, {"state", to_string(run.what)}});
    auto& all = j["answers"] = ordered_json::array();
    for (std::size_t q = 0; q < questions.size(); ++q)
        all.push_back(of(questions[q], answers.answers[q]));
    return j;
}

ordered_json totals(const report& what) {
    auto j = ordered_json::array();
    for (std::size_t q = 0; q < questions.size(); ++q) {
        answer sum;
        for (const auto& r : what.regions) {
            const auto& a = r.answers[q];
            sum.asked += a.asked;
            sum.pinned += a.pinned;
            sum.probes += a.probes;
            sum.probes_pinned += a.probes_pinned;
            sum.units += a.units;
        }
        j.push_back({{"question", to_string(questions[q])},
                     {"pages_asked", sum.asked + sum.probes},
                     {"pages_pinned", sum.pinned + sum.probes_pinned},
                     {"references_added", sum.units}});
    }
    return j;
}

}  // namespace

std::string to_json(const report& what) {
    ordered_json j{{"pid", what.process.pid},
                   {"command", printable(what.process.command)},
                   {"profile", what.profile},
                   {"fault_all", what.fault_all},
                   {"size", what.process.size()},
                   {"present_pages", what.process.present_pages()},
                   {"memlock_limit", limit(what.process.memlock_soft)},
                   {"notes", what.process.notes},
                   {"balance",
                    {{"kept", what.balance.kept()},
                     {"pins_taken", what.balance.acquired},
                     {"pins_given_back", what.balance.released},
                     {"count_words_before", what.balance.words_before},
                     {"count_words_after", what.balance.words_after}}},
                   {"totals", totals(what)}};
    auto& regions = j["regions"] = ordered_json::array();
    for (std::size_t i = 0; i < what.regions.size(); ++i)
        regions.push_back(of(what.process.regions[i], what.regions[i]));
    return j.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace pinscope
