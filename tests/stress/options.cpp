// SPDX-License-Identifier: BSL-1.0
#include "options.hpp"

#include <CLI/CLI.hpp>

namespace stress {

int parse(int argc, char** argv, options& o) {
    CLI::App app{"Threads do everything at once to one reference MM; every count is checked against what they hold."};
    app.add_option("--seconds", o.seconds, "how long, in each profile")->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--threads", o.threads, "how many")->check(CLI::Range(1, 32))->capture_default_str();
    app.add_option("--seed", o.seed, "what each thread's dice begin with")->capture_default_str();
    app.add_option("--profile", o.profile, "which MM")
        ->check(CLI::IsMember({"linux_6_12", "foll_pin_2019", "both"}))
        ->capture_default_str();
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : 2;
    }
    return -1;
}

}  // namespace stress
