// SPDX-License-Identifier: BSL-1.0
// What including pinfold costs the compiler, against Boost.Atomic alone: processor seconds above an empty file.
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

double child_seconds() {
    rusage u{};
    getrusage(RUSAGE_CHILDREN, &u);
    const auto s = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
    return s(u.ru_utime) + s(u.ru_stime);
}

double median(std::vector<double> v) {
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
}

double compile(const std::string& compiler, const std::string& include) {
    const std::string source = include.empty() ? "" : "#include <" + include + ">\\n";
    const std::string command = "printf '" + source + "' | " + compiler + " -std=c++20 -O2 -I" PINFOLD_INCLUDE_DIR
                                " -x c++ -c -o /dev/null -";
    const double before = child_seconds();
    if (std::system(command.c_str()) != 0) {
        std::fprintf(stderr, "include_cost: this failed: %s\n", command.c_str());
        std::exit(2);
    }
    return child_seconds() - before;
}

}  // namespace

int main(int argc, char** argv) {
    const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
    const char* headers[] = {"boost/atomic/atomic.hpp", "pinfold/pinfold.hpp", "atomic", "pinfold/range.hpp",
                             "pinfold/mm.hpp"};
    constexpr std::size_t count = sizeof headers / sizeof *headers;
    std::puts("include_cost: compiler seconds above an empty file (median), and paired ratio to boost/atomic/atomic.hpp");
    for (const std::string compiler : {"g++", "clang++"}) {
        if (std::system((compiler + " --version >/dev/null 2>&1").c_str()) != 0) {
            std::printf("  %s: not found, left out\n", compiler.c_str());
            continue;
        }
        std::vector<double> seconds[count];
        std::vector<double> ratios[count];
        for (int round = 0; round < (quick ? 5 : 15); ++round) {
            const double empty = compile(compiler, "");
            for (std::size_t i = 0; i < count; ++i) {
                seconds[i].push_back(compile(compiler, headers[i]) - empty);
                ratios[i].push_back(seconds[i].back() / seconds[0].back());
            }
        }
        for (std::size_t i = 0; i < count; ++i)
            std::printf("  %-8s %-26s %6.3f s %7.2f x\n", compiler.c_str(), headers[i], median(seconds[i]),
                        median(ratios[i]));
    }
    return 0;
}
