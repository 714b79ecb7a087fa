// SPDX-License-Identifier: BSL-1.0
#include "options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "model.hpp"
#include "problem.hpp"

namespace pinscope {

std::optional<options> parse_options(int count, char** arguments) {
    options o;
    std::string pid, limit;
    CLI::App app{
        "Shows which memory of a process could be pinned for devices, region by region, and why not.\n"
        "Reads /proc/PID, builds the same address space in a model of Linux' memory management and asks\n"
        "it for pins: short and long-term, read and write, fast and slow. The process is not touched.",
        "pinscope"};
    app.add_option("PID", pid, "process to look at; none: pinscope itself, with a demonstration in it");
    app.add_option("--profile", o.profile, "whose rules: linux_6_12 (default) or foll_pin_2019");
    const auto region = app.add_option("--region", o.region,
                                       "only regions whose name contains TEXT, or the one at an address, in full");
    region->type_name("TEXT|ADDRESS");
    app.add_option("--limit", limit, "rows of the table, 0 for all (default 24)")->type_name("N");
    app.add_option("--svg", o.svg, "also write a picture to FILE")->type_name("FILE");
    app.add_flag("--json", o.json, "print everything as JSON instead")->excludes(region);
    app.add_flag("--fault-all", o.fault_all, "fault in and ask for absent pages as well, not one of each run");
    try {
        app.parse(count, arguments);
    } catch (const CLI::CallForHelp& help) {
        app.exit(help);
        return std::nullopt;
    } catch (const CLI::ParseError& error) {
        throw problem(printable(error.what()) + "; 'pinscope --help' lists what there is");
    }

    if (!pid.empty()) {
        o.pid = to_number(pid, 10);
        if (!o.pid || *o.pid == 0 || *o.pid > 0x7fffffff)
            throw problem("'" + printable(pid) + "' is not a process number; 'ps -e' lists them");
    }
    if (!limit.empty()) {
        const auto rows = to_number(limit, 10);
        if (!rows) throw problem("'" + printable(limit) + "' is not a number of rows; --limit 0 shows all");
        o.limit = *rows;
    }
    const auto& known = profile_names();
    if (std::find(known.begin(), known.end(), o.profile) == known.end())
        throw problem("no profile '" + printable(o.profile) + "'; there are linux_6_12 and foll_pin_2019");
    return o;
}

}  // namespace pinscope
