// SPDX-License-Identifier: BSL-1.0
// Counts beside the pages: what pinning many pages costs where one instruction changes four counts, and where vectors
// change thirty-two, against one locked instruction per page.
#include <pinfold/range.hpp>

#include <algorithm>
#include <array>
#include <random>
#include <utility>
#include <vector>

#include "pages.hpp"

namespace {

using namespace paired;

constexpr std::size_t total = 1 << 18;

/// Pages of 64 bytes whose counts lie in an array of their own. Nobody writes the pages.
template <class C>
struct beside {
    struct policy;
    struct alignas(64) page {
        std::array<char, 64> rest;
        using pinfold_policy = policy;
    };
    static page* pages() noexcept { return all.data(); }
    static pinfold::count<C>* counts() noexcept { return words.data(); }
    static void freed(page&) noexcept { std::abort(); }

    static inline std::array<page, total> all;
    alignas(64) static inline std::array<pinfold::count<C>, total> words;
};
template <class C>
struct beside<C>::policy : pinfold::packed_counts<&beside::pages, &beside::counts> {
    using release = pinfold::free_at_zero<&beside::freed>;
};

/// Pages of 64 bytes, the count in each.
template <class C>
struct within {
    struct alignas(64) page : page_of<C> {};
    static inline std::array<page, total> all;
};

/// n pages in calls of `many`, one stretch of the array after the other.
template <class F>
void in_calls(std::uint64_t n, std::size_t many, F call) {
    std::size_t at = 0;
    for (std::uint64_t done = 0; done < n; done += many) {
        call(at);
        at += many;
        if (at + many > std::min<std::size_t>(total, std::max<std::size_t>(many, 512))) at = 0;
    }
}

/// Pins and unpins in calls of `many` pages: the two sides as candidates, each with the other untimed.
template <class Pin, class Unpin>
void add(std::vector<candidate>& all, const std::string& name, std::size_t many, Pin pin, Unpin unpin) {
    const auto take = [many, pin](std::uint64_t n) { in_calls(n, many, pin); };
    const auto give = [many, unpin](std::uint64_t n) { in_calls(n, many, unpin); };
    all.push_back({name + ", pin", take, many, {}, give});
    all.push_back({name + ", unpin", give, many, take, {}});
}

template <class C>
void add_packed(std::vector<candidate>& all, const std::string& name, std::size_t many) {
    using world = beside<C>;
    add(all, name, many,
        [many](std::size_t at) {
            auto got = pinfold::try_pin_packed(unknown(world::pages() + at), many);
            if (!got) std::abort();
            (void)got.batch.release();
        },
        [many](std::size_t at) { pinfold::unpin_packed(unknown(world::pages() + at), many); });
}

template <class C>
void add_one_by_one(std::vector<candidate>& all, const std::string& name, std::size_t many) {
    using page = page_of<C>;
    using ops = pinfold::page_ops<page>;
    static auto& pages = within<C>::all;
    add(all, name, many,
        [many](std::size_t at) {
            for (auto* p = unknown(pages.data() + at), *end = p + many; p != end; ++p)
                if (!ops::try_pin(p)) std::abort();
        },
        [many](std::size_t at) {
            for (auto* p = unknown(pages.data() + at), *end = p + many; p != end; ++p) ops::unpin(p);
        });
}

/// One bare locked instruction per page of 64 bytes.
void add_floor(std::vector<candidate>& all, std::size_t many) {
    struct alignas(64) line {
        std::int32_t word = 1;
    };
    static std::vector<line> lines(total);
    add(all, "one lock per page", many,
        [many](std::size_t at) {
            for (line* p = unknown(lines.data() + at), *end = p + many; p != end; ++p)
                __atomic_fetch_add(&p->word, 1024, __ATOMIC_SEQ_CST);
        },
        [many](std::size_t at) {
            for (line* p = unknown(lines.data() + at), *end = p + many; p != end; ++p)
                __atomic_fetch_sub(&p->word, 1024, __ATOMIC_SEQ_CST);
        });
}

void contiguous(const effort& how, bool quick) {
    const char* const packed = "packed counts, cmpxchg16b";
    const char* const vectors = "packed counts, not atomic, vectors";
    const char* const plain = "counts in the pages, not atomic";
    plot("packed", "Pages one after the other: one pin each", "pages per call", "ns per page");
    for (const std::size_t many : {std::size_t{1}, std::size_t{16}, std::size_t{512}, std::size_t{16384}, total}) {
        if (quick && many != 512) continue;
        std::vector<candidate> all;
        add_floor(all, many);
        add_packed<pinfold::count_defaults>(all, packed, many);
        add_packed<unsync_count>(all, vectors, many);
        add_one_by_one<unsync_count>(all, plain, many);
        measure(all, how);
        for (const candidate& c : all) point("packed", c.name, static_cast<double>(many), c.ns);
        if (many != 512) continue;
        row("18", "packed counts, 512 pages in a row, pin", {0.50, 0.32}, ratio(all[2], all[0]));
        row("18", "packed counts, 512 pages in a row, unpin", {0.50, 0.32}, ratio(all[3], all[1]));
        row("19", "packed counts, not atomic, 512 pages in a row, pin", {0.06, 0.03}, ratio(all[4], all[0]));
        row("19", "packed counts, not atomic, 512 pages in a row, unpin", {0.06, 0.03}, ratio(all[5], all[1]));
        row("19", "counts in the pages, not atomic, one page after the other, pin", {0.25, 0.1}, ratio(all[6], all[0]));
        row("19", "counts in the pages, not atomic, one page after the other, unpin", {0.25, 0.1},
            ratio(all[7], all[1]));
    }
}

/// Pages in no order: there is nothing to change together. The floor is one lock on a count found the same way.
void shuffled(const effort& how) {
    using world = beside<pinfold::count_defaults>;
    using page = world::page;
    using ops = pinfold::page_ops<page>;
    static std::vector<page*> list(total);
    for (std::size_t i = 0; i < total; ++i) list[i] = world::pages() + i;
    std::shuffle(list.begin(), list.end(), std::minstd_rand(5));
    static std::vector<std::int32_t> bare(total, 1);

    const auto through = [](auto each) {
        return [each, at = std::size_t{0}](std::uint64_t n) mutable {
            for (std::uint64_t i = 0; i < n; ++i) {
                each(list[at]);
                at = (at + 1) % total;
            }
        };
    };
    std::vector<candidate> all;
    all.push_back({"one lock per page", through([](page* p) {
                       __atomic_fetch_add(&bare[static_cast<std::size_t>(p - world::pages())], 1024, __ATOMIC_SEQ_CST);
                   })});
    all.push_back({"packed, pin", through([](page* p) {
                       if (!ops::try_pin(p)) std::abort();
                   })});
    all.push_back({"packed, unpin", through([](page* p) { ops::unpin(p); })});
    all.push_back({"one lock per page, back", through([](page* p) {
                       __atomic_fetch_sub(&bare[static_cast<std::size_t>(p - world::pages())], 1024, __ATOMIC_SEQ_CST);
                   })});
    for (const auto& [take, give] : {std::pair{0, 3}, std::pair{1, 2}}) {
        auto& pins = all[static_cast<std::size_t>(take)];
        auto& unpins = all[static_cast<std::size_t>(give)];
        unpins.before = pins.run;
        pins.after = unpins.run;
    }
    measure(all, how);
    row("18", "packed counts, 262144 pages in no order, pin", {1.20, 1.08}, ratio(all[1], all[0]));
    row("18", "packed counts, 262144 pages in no order, unpin", {1.20, 1.08}, ratio(all[2], all[3]));
}

template <class Counts>
void give_life(Counts& counts) {
    for (auto& c : counts) c.init();
}

}  // namespace

int main(int argc, char** argv) {
    const bool is_quick = quick(argc, argv);
    give_life(beside<pinfold::count_defaults>::words);
    give_life(beside<unsync_count>::words);
    for (auto& p : within<unsync_count>::all) p.count.init();
    effort how = effort::of(is_quick);
    how.seconds = is_quick ? 2 : 6;
    contiguous(how, is_quick);
    shuffled(how);
    return 0;
}
