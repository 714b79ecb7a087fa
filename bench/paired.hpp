// SPDX-License-Identifier: BSL-1.0
// Paired measuring on one thread: all candidates run in turn in every round, and what is reported is the median over
// the rounds of a ratio within a round. A slice that was disturbed is taken again, a round that stays so thrown away.
#pragma once

#include <sys/resource.h>
#include <time.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "report.hpp"

namespace paired {

[[nodiscard]] inline double now_ns() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

/// Returns: how often the kernel took the processor away from this thread.
[[nodiscard]] inline long switches() {
    rusage u{};
    getrusage(RUSAGE_THREAD, &u);
    return u.ru_nivcsw;
}

/// The compiler must believe that the object behind p was read and written.
inline void clobber(const void* p) { __asm__ volatile("" : : "r"(p) : "memory"); }

/// Returns: p, of which the compiler knows no more than that. An address in a register is reached by shorter
/// instructions than a fixed one, and a short loop is faster for it.
template <class T>
[[nodiscard]] inline T* unknown(T* p) {
    __asm__ volatile("" : "+r"(p));
    return p;
}

/// Returns: ns of one processor cycle now, from a chain of additions each of which waits for the one before.
[[nodiscard]] inline double cycle_ns() {
    constexpr int links = 32 * 600;
    std::uint64_t x = 1;
    std::uint64_t y = 3;
    __asm__ volatile("" : "+r"(y));
    const double start = now_ns();
    for (int i = 0; i < links / 32; ++i) {
#pragma GCC unroll 32
        for (int j = 0; j < 32; ++j) {
            x += y;
            __asm__ volatile("" : "+r"(x));
        }
    }
    return (now_ns() - start) / links;
}

/// One side of a comparison. `run(n)` does n operations and is timed; `before(n)` and `after(n)` are not: what they
/// take or put back is not part of the figure. n is a multiple of `step`, the operations of one indivisible call.
struct candidate {
    std::string name;
    std::function<void(std::uint64_t)> run;
    std::uint64_t step = 1;
    std::function<void(std::uint64_t)> before{};
    std::function<void(std::uint64_t)> after{};

    std::uint64_t operations = 0;      ///< of one slice; chosen by measure() where it is 0
    std::vector<double> ns{};          ///< per operation, one value per accepted round
    std::vector<double> cycle{};       ///< ns of a cycle in the same rounds
};

/// How long to try. A sample is a sum of short slices in which the candidates take turns: a neighbour that comes and
/// goes, or a loop that settles at one of several speeds when it is entered, meets them all alike.
struct effort {
    int rounds = 500;        ///< accepted rounds at most
    double seconds = 20;     ///< no further round is begun after this long
    double slice_ns = 10e3;
    int slices = 8;          ///< of each candidate in a round

    [[nodiscard]] static effort of(bool quick) { return quick ? effort{200, 2.5, 10e3, 8} : effort{}; }
};

[[nodiscard]] inline bool quick(int argc, char** argv) {
    for (int i = 1; i < argc; ++i)
        if (std::strcmp(argv[i], "--quick") == 0) return true;
    return false;
}

struct timed {
    double ns;
    bool disturbed;  ///< the kernel took the processor away meanwhile
};
[[nodiscard]] inline timed slice(const candidate& c) {
    if (c.before) c.before(c.operations);
    const long undisturbed = switches();
    const double start = now_ns();
    c.run(c.operations);
    const double took = now_ns() - start;
    const bool disturbed = switches() != undisturbed;
    if (c.after) c.after(c.operations);
    return {took, disturbed};
}

/// Effects: chooses how many operations make a slice. The first runs are slow for other reasons, and a short slice
/// would be a look at the clock: the fastest of a few decides.
inline void choose_operations(candidate& c, const effort& how) {
    for (c.operations = c.step;; c.operations *= 2) {
        double fastest = slice(c).ns;
        for (int again = 0; again < 4; ++again) fastest = std::min(fastest, slice(c).ns);
        if (fastest >= how.slice_ns / 1.5) return;
    }
}

/// Effects: runs rounds of all candidates and keeps the undisturbed ones: no involuntary context switch in what is timed
/// (a slice that had one is taken again, not too often), and the clock of the core moved by less than 4 %. Ends after
/// how.seconds with what there is.
inline void measure(std::vector<candidate>& all, const effort& how) {
    for (candidate& c : all)
        if (c.operations == 0) choose_operations(c, how);
    std::vector<std::size_t> order(all.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::minstd_rand random(1);
    const double end = now_ns() + how.seconds * 1e9;
    for (int kept = 0; kept < how.rounds && now_ns() < end;) {
        const double before = cycle_ns();
        std::vector<double> took(all.size(), 0.0);
        bool good = true;
        for (int turn = 0; turn < how.slices; ++turn) {
            std::shuffle(order.begin(), order.end(), random);  // a slice feels what ran before it
            for (const std::size_t i : order) {
                timed t = slice(all[i]);
                for (int again = 0; t.disturbed && again < 4; ++again) t = slice(all[i]);
                good = good && !t.disturbed;
                took[i] += t.ns / static_cast<double>(all[i].operations) / how.slices;
            }
        }
        const double after = cycle_ns();
        if (!good || after > before * 1.04 || before > after * 1.04) continue;
        ++kept;
        for (std::size_t i = 0; i < all.size(); ++i) {
            all[i].ns.push_back(took[i]);
            all[i].cycle.push_back((before + after) / 2);
        }
    }
}

/// Returns: how many times as long as b an operation of a took, in each accepted round.
[[nodiscard]] inline std::vector<double> ratio(const candidate& a, const candidate& b) {
    std::vector<double> out;
    for (std::size_t i = 0; i < a.ns.size() && i < b.ns.size(); ++i) out.push_back(a.ns[i] / b.ns[i]);
    return out;
}

/// Returns: cycles per operation in each accepted round.
[[nodiscard]] inline std::vector<double> cycles(const candidate& c) {
    std::vector<double> out;
    for (std::size_t i = 0; i < c.ns.size(); ++i) out.push_back(c.ns[i] / c.cycle[i]);
    return out;
}

}  // namespace paired
