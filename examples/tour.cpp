// SPDX-License-Identifier: BSL-1.0
// By which paths does gup reach a page, and what does the count of the page say before, during and after a pin?
#include <cstdint>
#include <cstdio>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include <pinfold/mm.hpp>

namespace mm = pinfold::mm;
namespace foll = mm::foll;
using namespace mm::literals;
using mm::vaddr;

/// 2019 let an architecture answer for an address before any table was looked at. This one does, for one page.
struct own_answer {
    static constexpr bool enabled = true;
    static inline vaddr mine = ~vaddr{0};
    template <class P>
    static mm::frame<P>* page_at(mm::physical<P>& phys, vaddr a, bool) noexcept {
        return a == mine ? phys.zero_page() : nullptr;
    }
};
struct year_2019 : mm::foll_pin_2019 {
    using huge_addr = own_answer;
};
using today = mm::linux_6_12;

template <class P>
inline constexpr bool modern = std::is_base_of_v<mm::linux_6_12, P>;

enum class call { slow, fast, follow };
constexpr const char* call_names[] = {"pin_user_pages", "pin_user_pages_fast", "follow_page"};

/// A machine with one mapping, and the address that is asked for.
template <class P>
struct place {
    place() : box(sizes()), task(box.spawn()) { box.warn().set_handler([](mm::warn_id, std::int64_t) noexcept {}); }
    static mm::options sizes() {
        mm::options o;
        o.ram = 2_GiB + 64_MiB;
        o.device_space = 4_GiB;
        o.huge_pools = {{mm::pmd_order, 1}, {mm::pud_order, 1}, {12, 1}};
        return o;
    }
    void map(std::uint64_t len, const mm::mapping& m, bool write = true) {
        at = *task.mmap(len, m);
        (void)task.touch(at, write);
    }
    void map_device(unsigned order) {
        mm::mapping m;
        m.shared = true;
        m.source = &box.create_device_file(mm::page_size << order, order);
        m.at = vaddr{1} << 40;
        map(mm::page_size << order, m);
    }

    mm::machine<P> box;
    mm::task<P>& task;
    vaddr at = 0;
    std::unique_ptr<mm::vma> own;  ///< of an entry put in by hand
};

/// One stop of the tour: what to look at, how it gets there, and which call asks for it.
template <class P>
struct stop {
    const char* what;
    void (*arrive)(place<P>&);
    call by = call::slow;
    unsigned flags = 0;
};

template <class P>
std::vector<stop<P>> both() {
    return {
        {"a page of memory", [](place<P>& p) { p.map(mm::page_size, {}); }},
        {"the same without a lock", [](place<P>& p) { p.map(mm::page_size, {}); }, call::fast},
        {"memory nobody has written", [](place<P>& p) { p.map(mm::page_size, {}, false); }},
        {"raw memory of a driver",
         [](place<P>& p) {
             p.map(mm::page_size, {.kind = mm::map_kind::mixedmap});
             (void)p.task.insert_pfn(p.at, p.box.device_frames(1));
         }},
        {"the tail of a huge page",
         [](place<P>& p) {
             p.map(mm::pmd_size, {.huge = true});
             p.at += 7 * mm::page_size;
         }},
        {"the same without a lock",
         [](place<P>& p) {
             p.map(mm::pmd_size, {.huge = true});
             p.at += 7 * mm::page_size;
         },
         call::fast},
        {"a huge page, its entry split first", [](place<P>& p) { p.map(mm::pmd_size, {.huge = true}); }, call::slow, foll::split_pmd},
        {"a page of persistent memory",
         [](place<P>& p) {
             mm::mapping m;
             m.shared = true;
             m.source = &p.box.create_file(mm::file_kind::fsdax, mm::page_size, mm::fill::pattern);
             p.map(mm::page_size, m);
         }},
        {"2 MiB of a device", [](place<P>& p) { p.map_device(mm::pmd_order); }},
        {"1 GiB of a device", [](place<P>& p) { p.map_device(mm::pud_order); }},
        {"the same without a lock", [](place<P>& p) { p.map_device(mm::pud_order); }, call::fast},
        {"hugetlb, 2 MiB", [](place<P>& p) { p.map(mm::pmd_size, {.huge_order = mm::pmd_order}); }},
        {"hugetlb, 1 GiB", [](place<P>& p) { p.map(mm::pud_size, {.huge_order = mm::pud_order}); }},
        {"the same without a lock", [](place<P>& p) { p.map(mm::pud_size, {.huge_order = mm::pud_order}); }, call::fast},
        {"an entry of the top table, by hand",
         [](place<P>& p) {
             p.map(mm::pud_size, {.huge_order = mm::pud_order});
             auto& tables = p.task.mm().tables;
             const mm::entry e = tables.find(p.at, mm::level::pud).slot->read();
             p.at = 512_GiB * 3;
             tables.slot_in(tables.root(), mm::level::pgd, p.at).slot->set(e);
         },
         call::fast},
        {"the gate area (vsyscall)", [](place<P>& p) { p.at = mm::gate_area::start; }},
    };
}

/// What only 2019 has.
std::vector<stop<year_2019>> before_the_clean_up() {
    using P = year_2019;
    return {
        {"a huge page, split into pages first", [](place<P>& p) { p.map(mm::pmd_size, {.huge = true}); }, call::slow, foll::split},
        {"hugetlb, 16 MiB: no table's size", [](place<P>& p) { p.map(16_MiB, {.huge_order = 12}); }, call::fast},
        {"one lookup of it", [](place<P>& p) { p.map(16_MiB, {.huge_order = 12}); }, call::follow, foll::get},
        {"one lookup of 2 MiB", [](place<P>& p) { p.map(mm::pmd_size, {.huge_order = mm::pmd_order}); }, call::follow, foll::get},
        {"one lookup of 1 GiB: no lock, no count", [](place<P>& p) { p.map(mm::pud_size, {.huge_order = mm::pud_order}); }, call::follow},
        {"one lookup in the top table",
         [](place<P>& p) {
             both<P>()[14].arrive(p);
             p.own = std::make_unique<mm::vma>();
             p.own->kind = mm::vma_kind::hugetlb;
             p.own->huge_order = 27;
             p.own->start = p.at;
             p.own->end = p.at + 512_GiB;
         },
         call::follow},
        {"an address of the architecture's own",
         [](place<P>& p) {
             p.map(mm::page_size, {});
             own_answer::mine = p.at;
         }},
    };
}

/// Units of the page's head, in short: "1", or "1 + 1 pin" where pins have a count of their own.
template <class P>
std::string units(mm::frame<P>* page) {
    if (!page) return "-";
    auto* const head = mm::physical<P>::head(page);
    std::string text = std::to_string(head->count.refs());
    if constexpr (modern<P>)
        if (head->is(mm::pg::large) && head->count.pins() != 0) text += " (" + std::to_string(head->count.pins()) + " pin)";
    return text;
}

template <class P>
long ask(place<P>& p, const stop<P>& s, std::vector<mm::frame<P>*>& pages, mm::gup_trace& trace) {
    if (s.by == call::fast) return p.task.pin_user_pages_fast(p.at, 1, s.flags, pages, &trace);
    if (s.by == call::slow) return p.task.pin_user_pages(p.at, 1, s.flags, pages, &trace);
    if constexpr (!modern<P>) {
        std::shared_lock lock(p.task.mm().mmap_lock);
        const auto got = p.task.follow_page(p.own ? *p.own : *p.task.mm().find(p.at), p.at, s.flags, &trace);
        pages[0] = got.page;
        return got.page ? 1 : got.error;
    }
    return 0;
}

/// Returns: whether the page counts afterwards what it counted before.
template <class P>
bool visit(const stop<P>& s) {
    place<P> p;
    s.arrive(p);
    mm::frame<P>* page = p.task.inspect(p.at).page.page;
    if (p.at == mm::gate_area::start) page = p.box.phys().at(p.box.phys().gate.slot.read().number());
    const std::string before = units(page);
    std::vector<mm::frame<P>*> pages(1);
    mm::gup_trace trace;
    const long got = ask(p, s, pages, trace);
    const std::string during = units(page);
    const bool counted = s.by != call::follow || s.flags != 0;
    if (got == 1 && counted) s.by == call::follow ? p.task.put_page(pages[0]) : p.task.unpin_user_page(pages[0]);
    const std::string after = units(page);

    std::string path;
    const mm::trace_event* refusal = got == 1 ? nullptr : trace.refusal();
    for (const auto& e : trace.events)
        if (e.error == 0 || &e == refusal) path += (path.empty() ? "" : " > ") + std::string(name_of(e.path));
    std::printf("%-30s %-14s %10s %13s %10s   %s, %s\n", path.c_str(), modern<P> ? "6.12" : "2019", before.c_str(),
                during.c_str(), after.c_str(), s.what, call_names[static_cast<int>(s.by)]);
    if (refusal) std::printf("%30s refused with errno %d: %s\n", "", refusal->error, refusal->rule);

    const bool split = (s.flags & (foll::split | foll::split_pmd)) != 0;  // one reference of an entry became 512
    own_answer::mine = ~vaddr{0};
    auto& tables = p.task.mm().tables;
    tables.slot_in(tables.root(), mm::level::pgd, 512_GiB * 3).slot->set({});
    return before == after || split;
}

int main() {
    std::printf("%-30s %-14s %10s %13s %10s   %s\n", "path", "profile", "before", "held", "given back", "what is asked for, by which call");
    bool balanced = true;
    const auto old_stops = both<year_2019>();
    const auto new_stops = both<today>();
    for (std::size_t i = 0; i < old_stops.size(); ++i) {
        const bool before = visit(old_stops[i]), now = visit(new_stops[i]);  // both are shown
        balanced = balanced && before && now;
    }
    for (const auto& s : before_the_clean_up()) balanced = visit(s) && balanced;
    std::printf("%s\n", balanced ? "every page counts what it counted before" : "a count did not come back");
    return balanced ? 0 : 1;
}
