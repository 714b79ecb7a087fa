// SPDX-License-Identifier: BSL-1.0
// pinscope [PID]: which memory of a process could be pinned for devices, and why not the rest.
// Everything is collected first and printed at the end: who gets an error gets nothing else.
#include <unistd.h>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>
#include <new>
#include <optional>

#include "ask.hpp"
#include "demo_space.hpp"
#include "files.hpp"
#include "import.hpp"
#include "json.hpp"
#include "model.hpp"
#include "options.hpp"
#include "picture.hpp"
#include "problem.hpp"
#include "progress.hpp"
#include "svg.hpp"
#include "table.hpp"

namespace pinscope {

namespace {

constexpr u64 spare_pages = u64{1} << 18;  ///< for probes, tables and what the page cache keeps

/// Returns: how many pages --fault-all has in memory at once, on top of those present: one region after the other.
u64 most_to_fault(const process& p) {
    constexpr u64 too_many = u64{1} << 24;  // 64 GiB, for which the model takes more than 1 GiB
    u64 most = 0;
    for (const auto& r : p.regions) {
        const auto absent = r.read || r.write ? r.pages_in(presence::absent) : 0;
        if (absent > too_many)
            throw problem("--fault-all would fault in " + human_bytes(absent * page_size) + " of the region at " +
                          hex(r.begin) + " (" + r.title() +
                          "); more than 64 GiB are not tried: leave --fault-all out, absent pages are probed then");
        most = std::max(most, absent);
    }
    return most;
}

report examine(const options& o) {
    process p;
    {
        std::optional<demo_space> demo;
        if (!o.pid) demo.emplace();
        progress_bar bar("reading");
        p = import_process(o.pid.value_or(static_cast<u64>(::getpid())), {}, std::ref(bar));
        if (demo) {
            demo->label(p.regions);
            p.notes.insert(p.notes.end(), demo->notes().begin(), demo->notes().end());
        }
    }
    const auto needed = p.present_pages() + (o.fault_all ? most_to_fault(p) : 0) + spare_pages;
    const auto machine = make_model(o.profile, p, needed);
    progress_bar bar("asking");
    auto result = ask(std::move(p), *machine, o.fault_all, std::ref(bar));
    result.profile = o.profile;
    return result;
}

/// Returns: the regions that `wanted` names, by address or by part of the name.
std::vector<std::size_t> matches(const report& what, const std::string& wanted) {
    const auto& regions = what.process.regions;
    std::vector<std::size_t> found;
    const auto digits = std::string_view(wanted).substr(wanted.starts_with("0x") ? 2 : 0);
    if (const auto address = to_number(digits, 16))
        for (std::size_t i = 0; i < regions.size(); ++i)
            if (regions[i].begin <= *address && *address < regions[i].end) return {i};
    for (std::size_t i = 0; i < regions.size(); ++i)
        if (regions[i].title().find(wanted) != std::string::npos || regions[i].name.find(wanted) != std::string::npos)
            found.push_back(i);
    if (found.empty())
        throw problem("no region is named or contains '" + printable(wanted) + "'; without --region all are shown");
    return found;
}

std::string in_words(const report& what, const options& o, const style& s) {
    const auto& p = what.process;
    auto out = s.painted("pinscope: process " + std::to_string(p.pid) + " (" + printable(p.command) + ")", "1") + "\n";
    for (const auto& line :
         wrapped(counted(p.regions.size(), "region") + ", " + human_bytes(p.size()) + " mapped, " +
                     human_bytes(p.present_pages() * page_size) +
                     " present. Could a device get at it? Asked for pins by the rules of " + what.profile + ".",
                 s.width))
        out += line + "\n";
    out += "\n";
    if (!o.region.empty()) {
        for (const auto i : matches(what, o.region))
            out += draw_region(what, i, s) + "\n";
        return out;
    }
    return out + draw_picture(what, s) + "\n" + draw_table(what, s, o.limit) + "\n" + draw_totals(what, s);
}

int main_program(int count, char** arguments) {
    const auto o = parse_options(count, arguments);
    if (!o) return 0;
    const auto what = examine(*o);
    const auto text = o->json ? to_json(what) : in_words(what, *o, style_of_stdout());
    if (!o->svg.empty()) replace_file(o->svg, to_svg(what));
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
        throw problem("cannot write to standard output");
    if (!o->svg.empty()) std::fprintf(stderr, "picture written to %s\n", o->svg.c_str());
    return what.balance.kept() ? 0 : 1;
}

}  // namespace

}  // namespace pinscope

int main(int count, char** arguments) {
    try {
        return pinscope::main_program(count, arguments);
    } catch (const std::bad_alloc&) {
        std::fputs("pinscope: out of memory; a smaller process, or one without --fault-all, may fit\n", stderr);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pinscope: %s\n", error.what());
    }
    return 2;
}
