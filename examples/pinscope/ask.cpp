// SPDX-License-Identifier: BSL-1.0
#include "ask.hpp"

#include <algorithm>
#include <utility>

namespace pinscope {

namespace {

constexpr u64 most_at_once = u64{1} << 16;  ///< pages per call: bounds the page array, and units per count word

/// Pages that are asked for together: neighbouring runs that are all present, or one run that is not.
struct stretch {
    u64 first = 0;
    u64 pages = 0;
    bool present = false;
};

std::vector<stretch> stretches(const region& r) {
    std::vector<stretch> result;
    for (const auto& run : r.runs) {
        const bool present = is_present(run.what);
        if (present && !result.empty() && result.back().present)
            result.back().pages += run.pages;
        else
            result.push_back({run.first, run.pages, present});
    }
    return result;
}

class asker {
public:
    asker(const region& r, model& m, bool fault_all)
        : region_(r),
          model_(m),
          fault_all_(fault_all),
          stretches_(stretches(r)) {}

    answer ask(question q) {
        answer a;
        bool changed = false;
        for (const auto& s : stretches_) {
            const auto pages = s.present || fault_all_ ? s.pages : 1;
            (s.present ? a.asked : a.probes) += pages;
            changed = ask(q, s, pages, a) || changed;
        }
        // Only now: a fault on one page of a file may map cached neighbours, also in stretches asked before.
        for (const auto& s : stretches_)
            if (!s.present) model_.discard(region_, s.first, s.pages);
        if (changed) {
            // A pin broke copy-on-write or the like: the next question gets the process as it was.
            model_.tear_down(region_);
            model_.build(region_);
        }
        return a;
    }

private:
    /// Returns: whether present pages were replaced.
    bool ask(question q, const stretch& s, u64 pages, answer& a) {
        auto& pinned = s.present ? a.pinned : a.probes_pinned;
        bool changed = false;
        for (u64 done = 0; done < pages;) {
            const auto result = model_.pin(q, s.first + done, std::min(pages - done, most_at_once));
            model_.unpin();
            pinned += result.pinned;
            a.units += result.units;
            changed = changed || result.changed;
            for (const auto& p : result.paths)
                a.used(p.id, p.pages);
            done += result.pinned;
            if (result.pinned == 0) {
                const auto refused = result.everywhere ? pages - done : 1;
                a.refused({result.rule, result.error, refused, (s.first + done) * page_size});
                done += refused;
            }
        }
        return s.present && changed;
    }

    const region& region_;
    model& model_;
    bool fault_all_;
    std::vector<stretch> stretches_;
};

u64 count_words(const process& p, model& m) {
    u64 sum = 0;
    for (const auto& r : p.regions)
        sum += m.count_words(r);
    return sum;
}

}  // namespace

report ask(process p, model& m, bool fault_all, const progress_function& progress) {
    report result;
    result.fault_all = fault_all;
    const auto steps = p.regions.size() * 2;
    u64 step = 0;
    for (const auto& r : p.regions) {
        progress(step++, steps);
        m.build(r);
    }
    result.balance.words_before = count_words(p, m);
    for (const auto& r : p.regions) {
        progress(step++, steps);
        asker of_region(r, m, fault_all);
        auto& answers = result.regions.emplace_back();
        for (std::size_t q = 0; q < questions.size(); ++q)
            answers.answers[q] = of_region.ask(questions[q]);
    }
    result.balance.words_after = count_words(p, m);
    m.read_counters(result.balance);
    result.process = std::move(p);
    return result;
}

}  // namespace pinscope
