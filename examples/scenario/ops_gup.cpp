// SPDX-License-Identifier: BSL-1.0
// pin and get: the gup functions under the names of the language.
#include <algorithm>

#include "ops.hpp"

namespace scenario {

namespace {

constexpr std::pair<std::string_view, unsigned> flag_names[] = {
    {"write", mm::foll::write},         {"get", mm::foll::get},
    {"dump", mm::foll::dump},           {"force", mm::foll::force},
    {"nowait", mm::foll::nowait},       {"nofault", mm::foll::nofault},
    {"hwpoison", mm::foll::hwpoison},   {"anon", mm::foll::anon},
    {"longterm", mm::foll::longterm},   {"split_pmd", mm::foll::split_pmd},
    {"p2pdma", mm::foll::pci_p2pdma},   {"interruptible", mm::foll::interruptible},
    {"numa", mm::foll::honor_numa_fault}, {"touch", mm::foll::touch},
    {"tried", mm::foll::tried},         {"remote", mm::foll::remote},
    {"pin", mm::foll::pin},             {"fast_only", mm::foll::fast_only},
    {"unlockable", mm::foll::unlockable}, {"madv_populate", mm::foll::madv_populate},
};

unsigned flags_in(std::string_view list) {
    unsigned flags = 0;
    while (!list.empty()) {
        const std::string_view word = list.substr(0, list.find(','));
        list.remove_prefix(std::min(word.size() + 1, list.size()));
        const auto known = std::find_if(std::begin(flag_names), std::end(flag_names),
                                        [&](const auto& f) { return f.first == word; });
        flags |= known != std::end(flag_names) ? known->second : static_cast<unsigned>(number_in(word));
    }
    return flags;
}

/// One gup call as the line describes it.
template <class P>
struct gup_call {
    using array = std::span<mm::frame<P>*>;

    mm::task<P>& task;           ///< who calls
    mm::task<P>& of;             ///< whose pages; only `remote` may name another
    std::string_view api;
    bool pins;
    mm::vaddr start;
    std::uint64_t nr;
    unsigned flags;
    mm::gup_trace* trace;

    [[nodiscard]] long make(array pages) {
        const auto count = static_cast<std::int64_t>(nr);
        if (api == "fast")
            return pins ? task.pin_user_pages_fast(start, count, flags, pages, trace)
                        : task.get_user_pages_fast(start, count, flags, pages, trace);
        if (api == "slow")
            return pins ? task.pin_user_pages(start, nr, flags, pages, trace)
                        : task.get_user_pages(start, nr, flags, pages, trace);
        if (api == "remote") return remote(pages);
        if (api == "fastonly" && !pins) return task.get_user_pages_fast_only(start, count, flags, pages, trace);
        if (api == "unlocked") {
            if (!pins) return task.get_user_pages_unlocked(start, nr, pages, flags, trace);
            if constexpr (requires { task.pin_user_pages_unlocked(start, nr, pages, flags, trace); })
                return task.pin_user_pages_unlocked(start, nr, pages, flags, trace);
        }
        return -mm::err::eopnotsupp;
    }

private:
    [[nodiscard]] long remote(array pages) {
        mm::space<P>& space = of.mm();
        space.mmap_lock.lock_shared();
        int locked = 1;
        const long got = pins ? task.pin_user_pages_remote(space, start, nr, flags, pages, &locked, trace)
                              : task.get_user_pages_remote(space, start, nr, flags, pages, &locked, trace);
        if (locked != 0) space.mmap_lock.unlock_shared();
        return got;
    }
};

/// Returns: how many pages a call over `nr` pages from `a` can find at most: an array need not be longer.
template <class P>
std::size_t room_for(mm::task<P>& t, mm::vaddr a, std::uint64_t nr) {
    constexpr std::uint64_t few = 1024;
    std::uint64_t mapped = 0;
    for (const auto& [start, v] : t.mm().vmas())
        if (v.end > a) mapped += (v.end - std::max(start, a & mm::page_mask)) >> mm::page_shift;
    return static_cast<std::size_t>(std::min(nr, std::max(mapped, few)));
}

template <class P, bool Pins>
answer run_gup(call<P>& c) {
    const std::string_view api = c.option("api").value_or("fast");
    constexpr std::string_view apis[] = {"fast", "slow", "unlocked", "remote", "fastonly"};
    if (std::find(std::begin(apis), std::end(apis), api) == std::end(apis))
        throw malformed{"no gup call is named '" + std::string(api) + "'"};
    mm::task<P>* of = c.self.task;
    if (const auto name = c.option("mm")) of = c.actor_called(*name).task;
    if (!of) return fails("EDIED");
    gup_call<P> one{*c.self.task, *of, api, Pins, c.address(1), c.number(2), flags_in(c.option("flags").value_or("")),
                    c.world.trace};
    const std::uint64_t times = c.option_number("times", 1);
    auto& h = c.target(0);
    if (!h.empty()) return fails("EBADSLT");

    h.pins = Pins;
    std::vector<mm::frame<P>*> found(c.has("nopages") ? 0 : room_for(*of, one.start, one.nr));
    std::int64_t total = 0;
    for (std::uint64_t k = 0; k < times; ++k) {
        const long got = one.make(found);
        if (got < 0 && total == 0) return result_of(got);
        if (got <= 0) break;
        total += got;
        if (!found.empty()) h.pages.insert(h.pages.end(), found.begin(), found.begin() + got);
    }
    answer a = done(total);
    std::vector<page_name> names;
    for (std::size_t i = 0; i < h.pages.size() && i < 8; ++i) names.push_back(c.world.name_of(h.pages[i]));
    if (!names.empty()) a.observed.emplace_back("pages", std::move(names));
    return a;
}

}  // namespace

template <class P>
void add_gup_ops(op_table<P>& t) {
    t.add("pin", &run_gup<P, true>);
    t.add("get", &run_gup<P, false>);
}
template void add_gup_ops(op_table<linux_6_12>&);
template void add_gup_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
