// SPDX-License-Identifier: BSL-1.0
#include "layout.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace pinscope {

u64 block::pages(const report& what) const {
    u64 sum = 0;
    for (auto i = first; i < last; ++i)
        sum += what.process.regions[i].pages();
    return sum;
}

u64 block::present_pages(const report& what) const {
    u64 sum = 0;
    for (auto i = first; i < last; ++i)
        sum += what.process.regions[i].present_pages();
    return sum;
}

verdict block::verdict(const report& what, std::size_t purpose) const {
    const auto shared = what.regions[first].verdict(purpose);
    for (auto i = first + 1; i < last; ++i)
        if (what.regions[i].verdict(purpose) != shared) return verdict::partly;
    return shared;
}

outcome block::outcome(const report& what) const {
    const auto shared = what.regions[first].outcome();
    for (auto i = first + 1; i < last; ++i)
        if (what.regions[i].outcome() != shared) return outcome::mixed;
    return shared;
}

std::vector<block> blocks(const report& what, std::size_t limit) {
    const auto& regions = what.process.regions;
    const auto count = regions.size();
    std::vector<bool> alone(count, count <= limit);
    std::size_t together = 1;
    if (count > limit) {
        // The largest keep a block of their own, the many small ones between them share: n stretches of shared ones
        // waste less than n blocks, of which there is one more than there are large regions.
        const auto large = limit / 4;
        std::vector<std::size_t> order(count);
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::stable_sort(order.begin(), order.end(),
                         [&](std::size_t a, std::size_t b) { return regions[a].size() > regions[b].size(); });
        for (std::size_t i = 0; i < large; ++i)
            alone[order[i]] = true;
        const auto shares = limit - std::min(limit - 1, 2 * large + 1);
        together = (count - large + shares - 1) / shares;
    }

    std::vector<block> result;
    for (std::size_t i = 0; i < count;) {
        auto end = i + 1;
        while (!alone[i] && end < count && !alone[end] && end - i < together)
            ++end;
        result.push_back({i, end, i == 0 ? 0 : regions[i].begin - regions[i - 1].end});
        i = end;
    }
    return result;
}

unsigned log_size(u64 pages) { return static_cast<unsigned>(std::bit_width(std::max<u64>(pages, 1)) - 1); }

u64 present_between(const region& r, u64 from, u64 to) {
    const auto base = r.begin / page_size;
    from += base;
    to += base;
    // Runs are sorted: begin with the first that ends behind `from`.
    auto run =
        std::partition_point(r.runs.begin(), r.runs.end(), [&](const auto& x) { return x.first + x.pages <= from; });
    u64 sum = 0;
    for (; run != r.runs.end() && run->first < to; ++run)
        if (is_present(run->what)) sum += std::min(to, run->first + run->pages) - std::max(from, run->first);
    return sum;
}

}  // namespace pinscope
