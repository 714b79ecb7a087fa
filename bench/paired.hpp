// SPDX-License-Identifier: BSL-1.0
// Paired measuring: candidates and floor run in turn in every round, and what is reported is the median over the
// rounds of the ratio within a round. A round in which the kernel took the processor away is thrown away.
#pragma once

#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace paired {

[[nodiscard]] inline double now_ns() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

[[nodiscard]] inline long switches() {
    rusage u{};
    getrusage(RUSAGE_THREAD, &u);
    return u.ru_nivcsw;
}

/// The compiler must believe that the object behind p was read and written.
inline void clobber(void* p) { __asm__ volatile("" : : "r"(p) : "memory"); }

struct candidate {
    std::string name;
    std::function<void(std::uint64_t)> run;  // does so many operations
    std::vector<double> ratios{};
    std::vector<double> ns{};
};

[[nodiscard]] inline double quantile(std::vector<double> v, double q) {
    if (v.empty()) return 0;
    std::sort(v.begin(), v.end());
    return v[static_cast<std::size_t>(q * static_cast<double>(v.size() - 1) + 0.5)];
}

/// Effects: measures `rounds` rounds of `operations` operations of the floor and of each candidate.
inline void measure(candidate& floor, std::vector<candidate>& others, std::uint64_t operations, int rounds) {
    floor.run(operations);
    for (auto& c : others) c.run(operations);
    for (int kept = 0, tried = 0; kept < rounds && tried < rounds * 20; ++tried) {
        const long before = switches();
        const auto timed = [operations](candidate& c) {
            const double start = now_ns();
            c.run(operations);
            return (now_ns() - start) / static_cast<double>(operations);
        };
        const double base = timed(floor);
        std::vector<double> took;
        for (auto& c : others) took.push_back(timed(c));
        if (switches() != before) continue;
        ++kept;
        floor.ns.push_back(base);
        for (std::size_t i = 0; i < others.size(); ++i) {
            others[i].ns.push_back(took[i]);
            others[i].ratios.push_back(took[i] / base);
        }
    }
}

inline void print(const candidate& floor, const std::vector<candidate>& others) {
    std::printf("  %-46s %8s %26s\n", "", "ns", "x floor: median (p10-p90)");
    std::printf("  %-46s %8.2f %9.3f\n", floor.name.c_str(), quantile(floor.ns, 0.5), 1.0);
    for (const auto& c : others)
        std::printf("  %-46s %8.2f %9.3f (%.3f-%.3f)\n", c.name.c_str(), quantile(c.ns, 0.5), quantile(c.ratios, 0.5),
                    quantile(c.ratios, 0.1), quantile(c.ratios, 0.9));
}

}  // namespace paired
