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

#include "report.hpp"

namespace {

double child_seconds() {
    rusage u{};
    getrusage(RUSAGE_CHILDREN, &u);
    const auto s = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
    return s(u.ru_utime) + s(u.ru_stime);
}

/// Returns: processor seconds of compiling a text; NAN when that failed, and the compiler has said why.
double compile_text(const std::string& compiler, const std::string& text, const char* optimised = "-O2") {
    const std::string command = "printf '" + text + "' | " + compiler + " -std=c++20 " + optimised +
                                " -I" PINFOLD_INCLUDE_DIR " -x c++ -c -o /dev/null -";
    const double before = child_seconds();
    if (std::system(command.c_str()) != 0) return NAN;
    return child_seconds() - before;
}
/// The same of one include.
double compile(const std::string& compiler, const std::string& include) {
    return compile_text(compiler, include.empty() ? "" : "#include <" + include + ">\\n");
}

/// Everything a program of a profile's machine may use.
constexpr const char* whole_mm =
    "#include <pinfold/mm.hpp>\\nusing namespace pinfold::mm;\\ntemplate class pinfold::mm::machine<linux_6_12>;\\n"
    "template class pinfold::mm::task<linux_6_12>;\\ntemplate class pinfold::mm::physical<linux_6_12>;\\n";

struct header {
    const char* name;
    paired::goal goal;
    std::vector<double> ratios{};
};

}  // namespace

int main(int argc, char** argv) {
    const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
    const paired::goal core{2.0, 1.5, "x boost/atomic/atomic.hpp"};
    const paired::goal none{paired::no_goal, paired::no_goal, core.unit};
    for (const std::string compiler : {"g++", "clang++"}) {
        header headers[] = {{"pinfold/count/count.hpp", core}, {"pinfold/pinfold.hpp", core}, {"atomic", none},
                            {"pinfold/range.hpp", none},       {"pinfold/mm.hpp", none}};
        if (std::system((compiler + " --version >/dev/null 2>&1").c_str()) != 0) {
            for (const header& h : headers)
                paired::left_out("21", "including " + std::string(h.name) + ", " + compiler, h.goal, compiler + " is not here");
            continue;
        }
        // The MM takes longer than all the others together, and is no part of the goal: one round tells it, if any.
        const int rounds = quick ? 3 : 11;
        for (int round = 0; round < rounds; ++round) {
            const double empty = compile(compiler, "");
            const double base = compile(compiler, "boost/atomic/atomic.hpp") - empty;
            for (header& h : headers)
                if (std::strcmp(h.name, "pinfold/mm.hpp") != 0 || (round == 0 && !quick))
                    if (const double took = compile(compiler, h.name); std::isfinite(took))
                        h.ratios.push_back((took - empty) / base);
        }
        for (const header& h : headers) {
            const std::string what = "including " + std::string(h.name) + ", " + compiler;
            if (quick && std::strcmp(h.name, "pinfold/mm.hpp") == 0)
                paired::left_out("21", what, h.goal, "not with --quick");
            else if (h.ratios.empty())
                paired::left_out("21", what, h.goal, "it does not compile");
            else
                paired::row("21", what, h.goal, h.ratios, 1);
        }
        for (const char* optimised : {"-O0", "-O2"}) {
            const bool judged = optimised[2] == '0';
            if (!judged && quick) continue;
            const paired::goal ten{judged ? 10.0 : paired::no_goal, judged ? 10.0 : paired::no_goal, "s"};
            const std::string what = std::string("the MM of linux_6_12 instantiated, ") + optimised + ", " + compiler;
            if (const double took = compile_text(compiler, whole_mm, optimised); std::isfinite(took))
                paired::row("21", what, ten, {took}, 1);
            else
                paired::left_out("21", what, ten, "it does not compile");
        }
    }
    return 0;
}
