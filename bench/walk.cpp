// SPDX-License-Identifier: BSL-1.0
// What the reference MM's pin_user_pages_fast and unpin_user_pages cost per page, against one prefetched locked addition
// per touched head and against what Linux 6 does per page over the same tables (linux_6_shape.hpp). Beside a goal that
// may be missed stands what bounds it (bounds.hpp). The picture is drawn by cost.cpp.
// walk [--quick] [--only order0|cold|ptes|64k|leaves|threads]
#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "scene.hpp"
#include "together.hpp"

namespace {

using namespace walks;

paired::effort part(bool quick) { return quick ? paired::effort{100, 0.5, 10e3, 4} : paired::effort{200, 4, 10e3, 4}; }

/// Descriptors that are hot: 256 of them are 16 KiB.
constexpr std::uint64_t hot = 256;
constexpr const char* of_linux = "x Linux-6 shape";

template <class P, class F>
beside<P> pins(const char* name, F f) {
    return {name, [f](scene<P>& s, std::uint64_t n) { s.each_call(n, [&](vaddr at, mm::frame<P>** to) { f(s.t.mm(), at, n, to); }); }};
}
template <class P, class F>
beside<P> unpins(const char* name, F f) {
    return {name, [f](scene<P>& s, std::uint64_t n) { s.each_call(n, [&](vaddr, mm::frame<P>** of) { f(s.t.mm(), of, n); }); }};
}

template <class P>
void order_0(bool quick) {
    using space = mm::space<P>;
    using slots = mm::frame<P>**;
    const bounds_of<P> least{
        {pins<P>("entries, a locked addition each, slots", [](space& m, vaddr a, std::uint64_t n, slots to) { bounds::pin<P>(m, a, n, to); }),
         pins<P>("and what makes it right, entry by entry", [](space& m, vaddr a, std::uint64_t n, slots to) { bounds::pin_rightly<P>(m, a, n, to); })},
        {unpins<P>("slots, a locked subtraction and a test each", [](space&, slots of, std::uint64_t n) { bounds::unpin<P>(of, n); }),
         unpins<P>("and what makes it right", [](space& m, slots of, std::uint64_t n) { bounds::unpin_rightly<P>(m, of, n); })}};
    for (const std::uint64_t n : {1U, 16U, 64U, 256U, 512U}) {
        scene<P> s(std::max(n, hot), {}, 64_MiB);
        const figures f = compare(s, n, part(quick), true, least);
        const paired::goal g = n == 1    ? paired::goal{1.9, 1.4}
                               : n == 16 ? paired::goal{1.15, 1.05}
                                         : paired::goal{1.08, 1.02};
        const std::string size = "order-0, N=" + std::to_string(n);
        paired::row("5", named<P>("pin fast, " + size), g, f.pin(figures::floor));
        f.pin_bounds(figures::floor);
        paired::row("5", named<P>("pin fast, " + size), {paired::no_goal, paired::no_goal, of_linux}, f.pin(figures::peer));
        paired::row("7", named<P>("unpin array, " + size), n < 16 ? paired::goal{} : paired::goal{1.02, 1.00},
                    f.unpin(figures::floor));
        f.unpin_bounds(figures::floor);
    }
}

template <class P>
void cold(bool quick) {
    constexpr std::uint64_t total = 1U << 20, n = 1U << 14;
    scene<P> s(total, {}, total * mm::page_size + 256_MiB);
    s.shuffle();
    s.take_turns(n);
    const figures f = compare(s, n, {quick ? 40 : 200, quick ? 2.0 : 20.0, 1, 1});
    const std::string what = "order-0, cold, 1M in no order, N=16384";
    paired::row("6", named<P>("pin fast, " + what), {1.30, 1.07}, f.pin(figures::floor));
    paired::row("6", named<P>("pin fast, " + what), {0.25, 0.15, of_linux}, f.pin(figures::peer));
    paired::row("7", named<P>("unpin array, " + what), {1.15, 1.05}, f.unpin(figures::floor));
}

/// What bounds the walk of folios of `size` pages by ptes.
template <class P>
bounds_of<P> of_folios(std::uint64_t size) {
    using slots = mm::frame<P>**;
    using space = mm::space<P>;
    return {{pins<P>("entries twice, locked instruction of a folio, slots", [size](space& m, vaddr a, std::uint64_t n, slots to) {
                 bounds::pin_folios<P, bounds::barely>(m, a, n, to, size);
             }),
             pins<P>("and what makes it right", [size](space& m, vaddr a, std::uint64_t n, slots to) {
                 bounds::pin_folios<P, bounds::rightly<P>>(m, a, n, to, size);
             })},
            {unpins<P>("slots, locked instruction of a folio",
                       [size](space&, slots of, std::uint64_t n) { bounds::unpin_folios<P>(of, n, size); })}};
}

template <class P>
void huge_by_ptes(bool quick) {
    for (const std::uint64_t n : {512U, 16384U}) {
        scene<P> s(n, {.huge = true}, 256_MiB);
        s.split_entries();
        const figures f = compare(s, n, part(quick), true, of_folios<P>(mm::pages_per_pmd));
        const std::string what = "PTE-mapped THP, N=" + std::to_string(n);
        paired::row("8", named<P>("pin fast, " + what), {0.05, 0.018, of_linux}, f.pin(figures::peer));
        f.pin_bounds(figures::peer);
        paired::row("8", named<P>("unpin array, " + what), {0.20, 0.10, of_linux}, f.unpin(figures::peer));
        f.unpin_bounds(figures::peer);
    }
}

template <class P>
void folios_of_64k(bool quick) {
    const paired::goal g{1.6, 1.15, "x one RMW per folio"};
    if constexpr (P::has_small_thp) {
        for (const std::uint64_t n : {64U, 1024U}) {
            scene<P> s(1024, {}, 64_MiB, 4);
            const figures f = compare(s, n, part(quick), true, of_folios<P>(16));
            paired::row("9", named<P>("pin fast, 64K folios, N=" + std::to_string(n)), g, f.pin(figures::floor));
            f.pin_bounds(figures::floor);
        }
    } else {
        paired::left_out("9", named<P>("pin fast, 64K folios"), g, "anonymous folios of less than a pmd came later");
    }
}

template <class P>
void huge_entries(bool quick) {
    for (const std::uint64_t n : {512U, 16384U}) {
        scene<P> s(n, {.huge = true}, 256_MiB);
        candidate fill{"vector fill", passes(n, [&s, n] {  // of the same array
                           s.each_call(n, [&](vaddr, mm::frame<P>** to) { vectors::fill(to, 64, sizeof **to, n); });
                           paired::clobber(s.pages.data());
                       })};
        candidate pin{"pin", passes(n, [&s, n] { s.pin(n); })};
        pin.after = passes(n, [&s, n] { s.unpin(n); });
        fill.step = pin.step = n;
        std::vector<candidate> both{fill, pin};
        paired::measure(both, part(quick));
        paired::row("10", named<P>("PMD leaf, pages[], N=" + std::to_string(n)), {2.5, 1.3, "x vector fill"},
                    paired::ratio(both[1], both[0]));
    }
    for (const std::uint64_t leaves : {1U, 32U}) {  // an operation is a leaf
        scene<P> s(leaves * 512, {.huge = true}, 256_MiB);
        std::vector<mm::pinned_run<P>> runs;
        std::int32_t* const word = s.words(s.total)[0];
        candidate lock{"lock add", [word](std::uint64_t n) {
                           for (std::uint64_t k = 0; k < n; ++k) __atomic_fetch_add(word, 1024, __ATOMIC_SEQ_CST);
                       }};
        lock.after = [word](std::uint64_t n) {
            __atomic_fetch_sub(word, static_cast<std::int32_t>(n * 1024), __ATOMIC_SEQ_CST);
        };
        candidate pin{"pin", passes(leaves, [&s, &runs] {
                          runs.clear();
                          if (s.t.pin_user_pages_fast_ranges(s.a, static_cast<std::int64_t>(s.total), mm::foll::write,
                                                             runs) != static_cast<long>(s.total))
                              std::abort();
                      })};
        const auto bound = [&](const char* name, auto call) {
            return candidate{name, passes(leaves, [&s, &runs, leaves, call] {
                                 runs.resize(leaves);
                                 call(s.t.mm(), s.a, leaves, runs.data());
                             })};
        };
        std::vector<candidate> all{
            lock, pin, bound("entry, locked instruction of a folio, element", &bounds::pin_leaves<P, bounds::barely>),
            bound("and what makes it right", &bounds::pin_leaves<P, bounds::rightly<P>>)};
        for (candidate& c : all) {
            c.step = leaves;
            if (!c.after) c.after = passes(leaves, [&s, &runs] { s.t.unpin_user_page_ranges(runs); });
        }
        paired::measure(all, part(quick));
        paired::row("11", named<P>("PMD leaf, range output, time of a leaf, " + std::to_string(leaves) + " at once"),
                    {4, 1.5, "x one lock"}, paired::ratio(all[1], all[0]));
        for (std::size_t i = 2; i < all.size(); ++i) paired::bound(all[i].name, paired::ratio(all[i], all[0]));
    }
}

/// Both threads call pin and unpin on n pages, each with an array of its own. An operation is a pair of calls.
template <class P, class Pin, class Unpin>
paired::task pairs_of_calls(const char* name, std::uint64_t n, Pin pin, Unpin unpin) {
    struct alignas(256) lonely {
        std::vector<mm::frame<P>*> pages;
    };
    const auto arrays = std::make_shared<std::array<lonely, 2>>();
    for (lonely& a : *arrays) a.pages.resize(n + 64);
    paired::task t{name, [n, arrays, pin, unpin](int who, std::uint64_t operations) {
                       mm::frame<P>** const pages = (*arrays)[static_cast<std::size_t>(who)].pages.data();
                       for (std::uint64_t k = 0; k < operations; ++k) {
                           if (pin(who, n, pages) != static_cast<long>(n)) std::abort();
                           unpin(who, n, pages);
                       }
                   }};
    t.chunk = std::max<std::uint64_t>(512 / n, 8);
    return t;
}
template <class P>
paired::task calls(const char* name, mm::task<P>& zero, vaddr a, mm::task<P>& one, vaddr b, std::uint64_t n) {
    return pairs_of_calls<P>(
        name, n,
        [&zero, &one, a, b](int who, std::uint64_t k, mm::frame<P>** pages) {
            return (who == 0 ? zero : one).pin_user_pages_fast(who == 0 ? a : b, static_cast<std::int64_t>(k),
                                                               mm::foll::write, {pages, k});
        },
        [&zero, &one](int who, std::uint64_t k, mm::frame<P>** pages) {
            (who == 0 ? zero : one).unpin_user_pages({pages, k});
        });
}
template <class P>
paired::task peer_calls(const char* name, scene<P>& s, std::uint64_t n) {
    return pairs_of_calls<P>(
        name, n,
        [&s](int, std::uint64_t k, mm::frame<P>** pages) {
            return static_cast<long>(peer::linux_6_shape<P>::pin(s.t.mm(), s.a, k, pages));
        },
        [](int, std::uint64_t k, mm::frame<P>** pages) { peer::linux_6_shape<P>::unpin(pages, k); });
}

/// Both threads count in the words of n pages, up and down, and do nothing else.
template <class P>
paired::task additions(const char* name, mm::task<P>& zero, vaddr a, mm::task<P>& one, vaddr b, std::uint64_t n) {
    const auto words = [n](mm::task<P>& t, vaddr at) {
        std::vector<mm::frame<P>*> pages(n);
        if (t.pin_user_pages_fast(at, static_cast<std::int64_t>(n), mm::foll::write, pages) != static_cast<long>(n)) std::abort();
        std::vector<std::int32_t*> of;
        for (mm::frame<P>* const p : pages) of.push_back(peer::refs_of<P>(p));
        t.unpin_user_pages(pages);
        return of;
    };
    paired::task t{name, [of = std::array{words(zero, a), words(one, b)}](int who, std::uint64_t operations) {
                       for (std::uint64_t k = 0; k < operations; ++k)
                           for (const std::int32_t units : {1024, -1024})
                               floor_pass(of[static_cast<std::size_t>(who)], units);
                   }};
    t.chunk = std::max<std::uint64_t>(512 / n, 8);
    return t;
}

template <class P>
void two_at_once(bool quick) {
    const paired::goal scales{1.9, 1.98, "x one thread", "higher"};
    const paired::goal shared{0.05, 0.01, of_linux};
    paired::two_threads both;
    if (!both.possible()) {
        paired::left_out("12", named<P>("two threads, pages of their own"), scales, "there is one processor only");
        paired::left_out("14", named<P>("two threads, one PTE-mapped THP, N=512"), shared, "there is one processor only");
        return;
    }
    const paired::effort how{quick ? 40 : 100, quick ? 1.0 : 10.0, 30e3, 1};
    for (const bool one_space : {false, true})
        for (const std::uint64_t n : {1U, 16U, 512U}) {
            scene<P> mine(512, {}, 64_MiB);
            auto& other = one_space ? mine.t : mine.box.spawn();
            const vaddr a = *other.mmap(512 * mm::page_size);
            if (other.fault_in(a, 512, true) != 512) std::abort();
            std::vector<paired::task> tasks{calls<P>("own", mine.t, mine.a, other, a, n),
                                            additions<P>("bare", mine.t, mine.a, other, a, n)};
            both.measure(tasks, how);
            const std::string what = one_space ? "two threads of one space, pages of their own, N=" : "two threads, pages of their own, N=";
            paired::row("12", named<P>(what + std::to_string(n)), scales, paired::speed_up(tasks[0]));
            paired::bound("bare locked additions to those pages", paired::speed_up(tasks[1]));
        }
    scene<P> s(512, {.huge = true}, 64_MiB);
    s.split_entries();
    std::vector<paired::task> tasks{calls<P>("one folio", s.t, s.a, s.t, s.a, 512), peer_calls<P>("Linux-6 shape", s, 512)};
    both.measure(tasks, how);
    paired::row("14", named<P>("two threads, one PTE-mapped THP, N=512, pin and unpin"), shared,
                paired::ratio(tasks[0], tasks[1]));
}

template <class P>
void all(bool quick, const std::string& only) {
    const auto wanted = [&](const char* what) { return only.empty() || only == what; };
    if (wanted("order0")) order_0<P>(quick);
    if (wanted("cold")) cold<P>(quick);
    if (wanted("ptes")) huge_by_ptes<P>(quick);
    if (wanted("64k")) folios_of_64k<P>(quick);
    if (wanted("leaves")) huge_entries<P>(quick);
    if (wanted("threads")) two_at_once<P>(quick);
}

}  // namespace

int main(int argc, char** argv) {
    const bool quick = paired::quick(argc, argv);
    std::string only;
    for (int i = 1; i + 1 < argc; ++i)
        if (std::string(argv[i]) == "--only") only = argv[i + 1];
    all<mm::linux_6_12>(quick, only);
    all<mm::foll_pin_2019>(quick, only);
    return 0;
}
