// SPDX-License-Identifier: BSL-1.0
// Two threads that count pages: each its own, with statistics, and both the same one.
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/make_shared.hpp>
#include <boost/smart_ptr/shared_ptr.hpp>
#include <pinfold/policy/sharded_statistics.hpp>
#include <pinfold/range.hpp>

#include <array>
#include <memory>

#include "pages.hpp"
#include "together.hpp"

namespace {

using namespace paired;

struct of_bench;
using counted_page = page_of<pinfold::count_defaults, pinfold::sharded_statistics<of_bench>>;

/// One atomic for everybody: what sharded_statistics is there to avoid.
struct one_counter {
    static inline std::atomic<std::uint64_t> acquired_{0}, released_{0};
    template <class Page>
    static void acquired(const Page&, std::uint64_t n) noexcept {
        acquired_.fetch_add(n, std::memory_order_relaxed);
    }
    template <class Page>
    static void released(const Page&, std::uint64_t n) noexcept {
        released_.fetch_add(n, std::memory_order_relaxed);
    }
};

template <class T>
struct alignas(256) apart {
    T value;
};

template <class Page>
Page& shared_page() {
    static apart<Page> page;
    static const bool once = (page.value.count.init(), true);
    (void)once;
    return page.value;
}

template <class C>
task same_page(const char* name) {
    return {name, [](int, std::uint64_t n) { pin_and_unpin(shared_page<page_of<C>>(), n); }};
}

template <class Pointer>
task same_object(const char* name, const Pointer& strong) {
    return {name, [&strong](int, std::uint64_t n) {
                for (std::uint64_t i = 0; i < n; ++i) {
                    const Pointer p = strong;
                    clobber(&strong);
                }
            }};
}

/// N pages for each thread, pinned one by one and given back as a range.
template <class Page, std::size_t N>
task own_pages(const char* name) {
    struct alignas(256) mine {
        struct alignas(64) line {
            Page page;
        };
        std::array<line, N> pages;
        std::array<Page*, N> slots;
        mine() {
            for (std::size_t i = 0; i < N; ++i) {
                slots[i] = &pages[i].page;
                slots[i]->count.init();
            }
        }
    };
    static std::array<mine, 2> all;
    return {name,
            [](int who, std::uint64_t n) {
                for (std::uint64_t done = 0; done < n; done += N) {
                    for (Page* const p : all[static_cast<std::size_t>(who)].slots)
                        if (!pinfold::page_ops<Page>::try_pin(p)) std::abort();
                    if (pinfold::unpin_all(all[static_cast<std::size_t>(who)].slots) != N) std::abort();
                }
            },
            512};
}

const goal scales{1.9, 1.98, "x one thread", "higher"};
const goal against_2019{0.80, 0.57, "x peer"};
const goal against_linux6{0.60, 0.41, "x peer"};

void disjoint(two_threads& threads, const effort& how) {
    std::vector<task> all;
    all.push_back(own_pages<counted_page, 1>("N=1"));
    all.push_back(own_pages<counted_page, 16>("N=16"));
    all.push_back(own_pages<counted_page, 512>("N=512"));
    all.push_back(own_pages<page_of<pinfold::count_defaults, one_counter>, 1>("N=1, one counter for all"));
    threads.measure(all, how);
    for (std::size_t i = 0; i < 3; ++i)
        row("12", "two threads, pages of their own, statistics on, " + all[i].name, scales, speed_up(all[i]));
    row("12", "the same if both threads counted in one atomic, N=1", {no_goal, no_goal, "x one thread", "higher"},
        speed_up(all[3]), 10);
    point("contention", "pinfold, with statistics", "two threads, a page each", cycles_together(all[0]));
    point("contention", "pinfold, with statistics", "one thread", cycles_alone(all[0]));
}

void one_page(two_threads& threads, const effort& how) {
    static apart<std::int32_t> bare{1}, w2019{1}, wlinux6{1};
    const std::shared_ptr<int> standard = std::make_shared<int>(1);
    const boost::shared_ptr<int> boosted = boost::make_shared<int>(1);
    const boost::intrusive_ptr<page_of<pinfold::count_defaults, one_counter>> intrusive(
        &shared_page<page_of<pinfold::count_defaults, one_counter>>());
    std::vector<task> all;
    all.push_back(same_page<pinfold::count_defaults>("pinfold"));
    all.push_back({"2019 shape (2 RMWs)", [](int, std::uint64_t n) { shape_2019_pair(w2019.value, n); }});
    all.push_back({"Linux 6 shape (3 RMWs)", [](int, std::uint64_t n) { shape_linux6_pair(wlinux6.value, n); }});
    all.push_back(same_page<load_test_count>("pinfold, looking first"));
    all.push_back(same_page<zero_is_dead_count>("pinfold, zero_is_dead"));
    all.push_back(same_page<split_count>("pinfold, exact in a split word"));
    all.push_back(same_page<exact_count>("pinfold, exact in a second word"));
    all.push_back(same_object("boost::intrusive_ptr", intrusive));
    all.push_back(same_object("boost::shared_ptr", boosted));
    all.push_back(same_object("std::shared_ptr", standard));
    all.push_back({"lock add; lock sub", [](int, std::uint64_t n) { floor_pair(bare.value, n); }});
    threads.measure(all, how);
    row("13", "two threads, one page, against the 2019 shape (load and compare-exchange)", against_2019,
        ratio(all[0], all[1]));
    row("13", "two threads, one page, against the Linux 6 shape (3 RMWs)", against_linux6, ratio(all[0], all[2]));
    row("13", "two threads, one page, against std::shared_ptr", {no_goal, no_goal, "x peer"}, ratio(all[0], all[9]));
    // Where lines travel fast, a load and compare-exchange seldom fails: those ratios say as much about the way between
    // the processors as about the code. This one is about the code.
    row("13", "two threads, one page, against bare locked instructions", {}, ratio(all[0], all[10]));
    row("13", "the pair itself, two threads, one page", {no_goal, no_goal, "cycles"}, cycles_together(all[0]));
    for (const task& t : all) {
        point("contention", t.name, "one thread", cycles_alone(t));
        point("contention", t.name, "two threads, one page", cycles_together(t));
    }
}

}  // namespace

int main(int argc, char** argv) {
    two_threads threads;
    if (!threads.possible()) {
        const std::string why = "two threads need two processors, and there is one";
        left_out("12", "two threads, pages of their own, statistics on", scales, why);
        left_out("13", "two threads, one page, against the 2019 shape", against_2019, why);
        left_out("13", "two threads, one page, against the Linux 6 shape", against_linux6, why);
        return 0;
    }
    const effort how = quick(argc, argv) ? effort{60, 7, 60e3, 1} : effort{200, 40, 100e3, 1};
    plot("contention", "One pin and unpin, one thread and two", "who works on what",
         "cycles per pair, of all threads together");
    disjoint(threads, how);
    one_page(threads, how);
    return 0;
}
