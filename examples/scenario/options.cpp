// SPDX-License-Identifier: BSL-1.0
#include "options.hpp"

#include <CLI/CLI.hpp>

namespace scenario {

parsed parse_options(int argc, char** argv, options& o) {
    CLI::App app{"Plays scenarios on the reference MM and prints one JSON line per executed line."};
    app.add_option("--profile", o.profile, "which MM answers")
        ->check(CLI::IsMember({"linux_6_12", "foll_pin_2019"}))
        ->capture_default_str();
    app.add_flag("--explain", o.explain, "also say, in lines that begin with #, which path each call took, what each "
                                         "count was before and after, and why a call was refused");
    app.add_flag("--audit", o.audit, "check every count against its holders and every mapping count against the page "
                                     "tables after each line; status 4 if one is wrong");
    app.add_option("--audit-every", o.audit_every, "audit, but each so many lines, and at the end")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--out", o.out, "write DIR/<family>/<name>.jsonl instead of printing");
    app.add_option("FILE", o.inputs, "scenarios (*.scn), or directories of them")->required()->check(CLI::ExistingPath);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return {false, app.exit(e) == 0 ? 0 : 2};
    }
    o.audit = o.audit || app.count("--audit-every") != 0;
    return {true, 0};
}

}  // namespace scenario
