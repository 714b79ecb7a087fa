// SPDX-License-Identifier: BSL-1.0
// How the costs of the reference MM grow: with the number of mappings, of pages, of places a page is mapped at, of
// frames of a machine and of threads. A row is how many times as much one operation costs in the large state as in the
// small one; its bound says what the operation may depend on.
#include <pinfold/mm.hpp>

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "linux_6_shape.hpp"
#include "together.hpp"

namespace {

namespace mm = pinfold::mm;
using namespace mm::literals;
using mm::vaddr;
using paired::candidate;
using profile = mm::linux_6_12;
using machine = mm::machine<profile>;
using process = mm::task<profile>;
using paired::no_goal;

void must(bool ok) {
    if (!ok) std::abort();
}

mm::options of_ram(std::uint64_t bytes) {
    mm::options o;
    o.ram = bytes;
    o.device_space = 16_MiB;
    o.thp = mm::thp_mode::never;
    return o;
}

/// What may grow how far between a state and one `larger` times as large. A tree has log n steps, and in a large one each
/// step is a line from memory: together less than the square root of n. What is counted per page touched may only get
/// slower by the caches it outgrows.
paired::goal logarithmic(double larger) { return {std::sqrt(larger), no_goal, "x small state"}; }
paired::goal per_page() { return {4, no_goal, "x small state, per page"}; }

/// One operation in states of several sizes, measured in turn: a row for the ends, a point for each.
struct growth {
    std::string what, plotted;
    paired::goal bound;
    std::vector<candidate> sizes{};
    std::vector<double> at{};

    void add(double size, candidate c) {
        c.name = what;
        sizes.push_back(std::move(c));
        at.push_back(size);
    }
    void measure(const paired::effort& how) {
        take_turns(how);
        for (std::size_t i = 0; i < sizes.size(); ++i) paired::point("scale", plotted, at[i], sizes[i].ns);
        paired::row("scale", what, bound, paired::ratio(sizes.back(), sizes.front()), 9);
    }

private:
    /// A large state is worked on for longer than a processor is left alone, and a bound is no question of a few in a
    /// hundred: every round counts.
    void take_turns(const paired::effort& how) {
        for (candidate& c : sizes)
            if (c.operations == 0) paired::choose_operations(c, how);
        const double end = paired::now_ns() + how.seconds * 1e9;
        for (int round = 0; round < how.rounds && (round < 9 || paired::now_ns() < end); ++round)
            for (candidate& c : sizes) c.ns.push_back(paired::slice(c).ns / static_cast<double>(c.operations));
    }
};

std::string count_of(double n) {
    char text[32];
    std::snprintf(text, sizeof text, n >= 1e6 ? "%.0fM" : n >= 1e3 ? "%.0fK" : "%.0f", n >= 1e6 ? n / 1e6 : n >= 1e3 ? n / 1e3 : n);
    return text;
}
std::string sizes_of(const std::string& what, const std::vector<std::uint64_t>& n, const char* unit) {
    return what + ": " + count_of(static_cast<double>(n.front())) + " to " + count_of(static_cast<double>(n.back())) + " " + unit;
}

// ---- mappings ---------------------------------------------------------------------------------------------

/// A process with n mappings of one page, a hole between two.
struct many_mappings {
    explicit many_mappings(std::uint64_t of) : n(of) {
        for (std::uint64_t i = 0; i < n; ++i)
            must(static_cast<bool>(t.mmap(mm::page_size, {.at = place(i)})));
    }
    [[nodiscard]] static vaddr place(std::uint64_t i) { return 0x10000000000 + i * 2 * mm::page_size; }
    [[nodiscard]] vaddr any() { return place(roll() % n); }

    std::uint64_t n;
    machine box{of_ram(256_MiB)};
    process& t = box.spawn();
    std::minstd_rand roll{7};
};

void mappings(bool quick, const paired::effort& how) {
    std::vector<std::uint64_t> sizes{10, 1000, 100000, 1000000};
    if (!quick) sizes.push_back(10000000);
    const double larger = static_cast<double>(sizes.back()) / static_cast<double>(sizes.front());
    growth find{sizes_of("find a mapping", sizes, "mappings, bound O(log n)"), "find a mapping (n mappings)", logarithmic(larger)};
    growth map{sizes_of("mmap and munmap a page", sizes, "mappings, bound O(log n)"), "mmap and munmap (n mappings)",
               logarithmic(larger)};
    growth fault{sizes_of("fault a page in", sizes, "mappings, bound O(log n)"), "fault (n mappings)", logarithmic(larger)};
    std::vector<std::unique_ptr<many_mappings>> states;
    for (const std::uint64_t n : sizes) {
        states.push_back(std::make_unique<many_mappings>(n));
        many_mappings& s = *states.back();
        find.add(static_cast<double>(n), {"", [&s](std::uint64_t k) {
                     for (std::uint64_t i = 0; i < k; ++i) must(s.t.mm().find(s.any()) != nullptr);
                 }});
        map.add(static_cast<double>(n), {"", [&s](std::uint64_t k) {
                    for (std::uint64_t i = 0; i < k; ++i) {
                        const vaddr a = s.any() + mm::page_size;
                        must(static_cast<bool>(s.t.mmap(mm::page_size, {.prot = mm::prot::read, .at = a})));
                        must(s.t.munmap(a, mm::page_size) == 0);
                    }
                }});
        // Sixty-four pages at a time, given back untimed.
        const auto touched = std::make_shared<std::vector<vaddr>>();
        candidate c;
        c.step = c.operations = 64;
        c.before = [&s, touched](std::uint64_t k) {
            touched->clear();
            for (std::uint64_t i = 0; i < k; ++i) touched->push_back(s.any());
        };
        c.run = [&s, touched](std::uint64_t) {
            for (const vaddr a : *touched) must(s.t.touch(a, true) == mm::fault_result::ok);
        };
        c.after = [&s, touched](std::uint64_t) {
            for (const vaddr a : *touched) must(s.t.madvise(a, mm::page_size, mm::advice::dontneed) == 0);
        };
        fault.add(static_cast<double>(n), c);
    }
    find.measure(how);
    map.measure(how);
    fault.measure(how);
}

// ---- pages ------------------------------------------------------------------------------------------------

/// A process with n pages of its own.
struct many_pages {
    explicit many_pages(std::uint64_t of) : n(of) { fill(); }
    void fill() {
        a = *t.mmap(n * mm::page_size, {});
        must(t.fault_in(a, n, true) == n);
        box.phys().lru_drain_all();
    }

    std::uint64_t n;
    machine box{of_ram((n * mm::page_size) + 64_MiB)};
    process& t = box.spawn();
    vaddr a = 0;
    std::vector<process*> children;
};

void pages(bool quick, const paired::effort& how) {
    const std::vector<std::uint64_t> sizes{512, 16384, quick ? 65536U : 262144U};
    growth fork{sizes_of("fork", sizes, "pages, per page"), "fork, per page (n pages)", per_page()};
    growth leave{sizes_of("munmap", sizes, "pages, per page"), "munmap, per page (n pages)", per_page()};
    growth fault{sizes_of("fault in", sizes, "pages one after the other, per page"), "fault in, per page (n pages)", per_page()};
    std::vector<std::unique_ptr<many_pages>> states;
    for (const std::uint64_t n : sizes) {
        const auto one_pass = [n](auto&& f) {
            candidate c;
            c.step = c.operations = n;
            c.run = f;
            return c;
        };
        states.push_back(std::make_unique<many_pages>(n));
        many_pages& s = *states.back();
        candidate c = one_pass([&s](std::uint64_t) { s.children.push_back(*s.box.fork(s.t)); });
        c.after = [&s](std::uint64_t) {
            s.box.exit(*s.children.back());
            s.children.pop_back();
        };
        fork.add(static_cast<double>(n), c);
        c = one_pass([&s](std::uint64_t) { must(s.t.munmap(s.a, s.n * mm::page_size) == 0); });
        c.after = [&s](std::uint64_t) { s.fill(); };
        leave.add(static_cast<double>(n), c);
        c = one_pass([&s](std::uint64_t) { must(s.t.fault_in(s.a, s.n, true) == s.n); });
        c.before = [&s](std::uint64_t) { must(s.t.madvise(s.a, s.n * mm::page_size, mm::advice::dontneed) == 0); };
        fault.add(static_cast<double>(n), c);
    }
    fork.measure(how);
    leave.measure(how);
    fault.measure(how);
}

// ---- files ------------------------------------------------------------------------------------------------

/// A file of n pages, all in the cache, and n blocks behind them where it has any.
struct large_file {
    large_file(mm::file_kind kind, std::uint64_t of) : n(of), f(box.create_file(kind, n * mm::page_size)) { fill(0); }
    void fill(std::uint64_t first) {
        must(box.truncate(f, n * mm::page_size) == 0);
        for (std::uint64_t k = first; k < n; ++k) must(box.pwrite(f, k * mm::page_size, 1) == 0);
        if (f.kind == mm::file_kind::ext4) (void)box.fsync(f);
    }
    void cut(std::uint64_t left) { must(box.truncate(f, left * mm::page_size) == 0); }

    std::uint64_t n;
    machine box{of_ram((n * mm::page_size) + 64_MiB)};
    mm::file& f;
};

void files(bool quick, const paired::effort& how) {
    const std::vector<std::uint64_t> sizes{512, 16384, quick ? 32768U : 131072U};
    const double larger = static_cast<double>(sizes.back()) / static_cast<double>(sizes.front());
    growth last{sizes_of("truncate by one page, of a filesystem", sizes, "pages cached, bound O(log n)"),
                "truncate by a page (n pages)", logarithmic(larger)};
    growth all{sizes_of("truncate all, in memory", sizes, "pages, per page"), "truncate all, per page (n pages)", per_page()};
    std::vector<std::unique_ptr<large_file>> states;
    for (const std::uint64_t n : sizes) {
        states.push_back(std::make_unique<large_file>(mm::file_kind::ext4, n));
        large_file& disk = *states.back();
        candidate c;
        c.operations = 1;
        c.run = [&disk](std::uint64_t) { disk.cut(disk.n - 1); };
        c.after = [&disk](std::uint64_t) { disk.fill(disk.n - 1); };
        last.add(static_cast<double>(n), c);

        states.push_back(std::make_unique<large_file>(mm::file_kind::memfd, n));
        large_file& memory = *states.back();
        c = {};
        c.step = c.operations = n;
        c.run = [&memory](std::uint64_t) { memory.cut(0); };
        c.after = [&memory](std::uint64_t) { memory.fill(0); };
        all.add(static_cast<double>(n), c);
    }
    last.measure(how);
    all.measure(how);
}

// ---- from a page to its places ----------------------------------------------------------------------------

/// One page of memory that was one mapping and is cut into n, of every second page other rights.
struct cut_to_pieces {
    explicit cut_to_pieces(std::uint64_t of) : n(of) {
        a = *t.mmap(n * mm::page_size, {});
        must(t.touch(a + n / 2 * mm::page_size, true) == mm::fault_result::ok);
        for (std::uint64_t i = 0; i < n; i += 2) must(t.mprotect(a + i * mm::page_size, mm::page_size, mm::prot::read) == 0);
        page = t.inspect(a + n / 2 * mm::page_size).page.page;
    }
    std::uint64_t n;
    machine box{of_ram(256_MiB)};
    process& t = box.spawn();
    vaddr a = 0;
    mm::frame<profile>* page = nullptr;
};

/// A page that n processes map.
struct shared_page {
    explicit shared_page(std::uint64_t n) : a(*t.mmap(mm::page_size, {})) {
        must(t.touch(a, true) == mm::fault_result::ok);
        page = t.inspect(a).page.page;
        for (std::uint64_t i = 1; i < n; ++i) (void)*box.fork(t);
    }
    machine box{of_ram(256_MiB)};
    process& t = box.spawn();
    vaddr a = 0;
    mm::frame<profile>* page = nullptr;
};

std::uint64_t places(machine& box, mm::frame<profile>* page) {
    std::uint64_t found = 0;
    mm::detail::each_slot(box.phys(), page, [&found](auto&&...) { ++found; });
    return found;
}

void walks(const paired::effort& how) {
    const std::vector<std::uint64_t> pieces{16, 256, 4096, 65536};
    growth one{sizes_of("from a page to its one place", pieces, "mappings of its family, bound O(log n)"),
               "rmap walk (n mappings of the family)", logarithmic(4096)};
    std::vector<std::unique_ptr<cut_to_pieces>> states;
    for (const std::uint64_t n : pieces) {
        states.push_back(std::make_unique<cut_to_pieces>(n));
        auto& s = *states.back();
        one.add(static_cast<double>(n), {"", [&s](std::uint64_t k) {
                    for (std::uint64_t i = 0; i < k; ++i) must(places(s.box, s.page) == 1);
                }});
    }
    one.measure(how);

    const std::vector<std::uint64_t> sharers{4, 64, 1024};
    growth each{sizes_of("from a page to its places", sharers, "processes, per place"), "rmap walk, per place (n processes)",
                {6, no_goal, "x small state, per place"}};  // five lines of another process's tables, in no cache
    std::vector<std::unique_ptr<shared_page>> families;
    for (const std::uint64_t n : sharers) {
        families.push_back(std::make_unique<shared_page>(n));
        auto& s = *families.back();
        candidate c;
        c.step = n;
        c.run = [&s, n](std::uint64_t k) {
            for (std::uint64_t i = 0; i < k; i += n) must(places(s.box, s.page) == n);
        };
        each.add(static_cast<double>(n), c);
    }
    each.measure(how);
}

// ---- frames -----------------------------------------------------------------------------------------------

/// Returns: bytes of this process that are in memory.
double resident() {
    long pages = 0;
    if (std::FILE* f = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(f, "%*s %ld", &pages) != 1) pages = 0;
        std::fclose(f);
    }
    return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

void frames() {
    const auto start = [](std::uint64_t ram, std::vector<double>& kib) {
        std::vector<double> us;
        for (int i = 0; i < 30; ++i) {
            const double before = resident();
            const double begun = paired::now_ns();
            machine box(of_ram(ram));
            us.push_back((paired::now_ns() - begun) / 1e3);
            auto& t = box.spawn();
            const auto a = t.mmap(mm::page_size, {});
            must(t.touch(*a, true) == mm::fault_result::ok);
            kib.push_back((resident() - before) / 1024);
        }
        return us;
    };
    std::vector<double> kib_small, kib;
    const std::vector<double> us_small = start(1_GiB, kib_small);
    const std::vector<double> us = start(std::uint64_t{1} << 40, kib);
    std::vector<double> times;
    for (std::size_t i = 0; i < us.size(); ++i) times.push_back(us[i] / us_small[i]);
    paired::row("scale", "start of a machine with 1 TiB of frames, against one with 1 GiB", {3, no_goal, "x small state"}, times);
    paired::row("scale", "start of a machine with 1 TiB of frames", {1000, no_goal, "us"}, us);
    paired::row("scale", "memory that a machine with 1 TiB of frames and one page in use takes", {16384, no_goal, "KiB"}, kib);
}

// ---- threads ----------------------------------------------------------------------------------------------

/// A process with pages of its own, what a call says of them, and the words that it counts in.
struct side {
    static constexpr std::uint64_t n = 512;

    explicit side(machine& box) : t(box.spawn()) { must(t.fault_in(a, n, true) == n); }
    void pin() {
        must(t.pin_user_pages_fast(a, static_cast<std::int64_t>(n), mm::foll::write, slots) == static_cast<long>(n));
    }
    void unpin() { t.unpin_user_pages(slots); }
    void fault() {
        must(t.madvise(a, n * mm::page_size, mm::advice::dontneed) == 0);
        must(t.fault_in(a, n, true) == n);
    }
    void look() {
        pin();
        for (std::size_t i = 0; i < n; ++i) words[i] = peer::refs_of<profile>(slots[i]);
        unpin();
    }
    void add(std::int32_t units) {
        for (std::int32_t* const w : words) __atomic_fetch_add(w, units, __ATOMIC_SEQ_CST);
    }

    process& t;
    vaddr a = *t.mmap(n * mm::page_size, {});
    std::vector<mm::frame<profile>*> slots = std::vector<mm::frame<profile>*>(n);
    std::vector<std::int32_t*> words = std::vector<std::int32_t*>(n);
};

/// Two processes on one machine, a thread in each: nothing is shared but the machine. When both have taken pages and given
/// them back, those of the one lie between those of the other, and processors fetch neighbouring lines: bare locked
/// additions tell what that costs.
void threads(bool quick) {
    machine box(of_ram(1_GiB));
    paired::two_threads pair;
    const paired::goal scales{1.9, 1.98, "x one thread", "higher"};
    const paired::goal reported{no_goal, no_goal, "x one thread", "higher"};
    const std::string two = "two processes, a thread in each: ";
    if (!pair.possible())
        return paired::left_out("scale", two + "pin fast and unpin of 512 pages", scales, "it takes two processors");
    std::vector<std::unique_ptr<side>> sides;
    for (int i = 0; i < 2; ++i) sides.push_back(std::make_unique<side>(box));
    const auto of = [&sides](int who) -> side& { return *sides[static_cast<std::size_t>(who)]; };
    const auto task = [](auto run) { return paired::task{"", run, side::n}; };
    const auto pins = task([of](int who, std::uint64_t) {
        of(who).pin();
        of(who).unpin();
    });
    const auto bare = task([of](int who, std::uint64_t) {
        of(who).add(1024);
        of(who).add(-1024);
    });
    paired::effort how = paired::effort::of(quick);
    how.slice_ns = 200e3;
    how.rounds = 100;
    how.seconds = quick ? 2 : 20;
    const auto measured = [&](std::vector<paired::task> all) {
        pair.measure(all, how);
        return all;
    };
    auto found = measured({pins});
    paired::row("scale", two + "pin fast and unpin of 512 pages", scales, paired::speed_up(found[0]), 9);
    found = measured({task([of](int who, std::uint64_t) { of(who).fault(); })});
    paired::row("scale", two + "faults, and dontneed", reported, paired::speed_up(found[0]), 9);
    for (const auto& s : sides) s->look();
    found = measured({pins, bare});
    paired::row("scale", two + "pin fast and unpin where their pages lie mixed", reported, paired::speed_up(found[0]), 9);
    paired::row("scale", two + "bare locked additions to those pages", reported, paired::speed_up(found[1]), 9);
}

}  // namespace

int main(int argc, char** argv) {
    const bool quick = paired::quick(argc, argv);
    std::string only;
    for (int i = 1; i + 1 < argc; ++i)
        if (std::strcmp(argv[i], "--only") == 0) only = argv[i + 1];
    const auto wanted = [&](const char* part) { return only.empty() || only == part; };
    const paired::effort short_slices = quick ? paired::effort{60, 0.5, 20e3} : paired::effort{200, 4, 50e3};
    const paired::effort whole_states = quick ? paired::effort{12, 0.8} : paired::effort{40, 8};
    paired::plot("scale", "What an operation costs in larger states", "n", "ns");
    if (wanted("mappings")) mappings(quick, short_slices);
    if (wanted("pages")) pages(quick, whole_states);
    if (wanted("files")) files(quick, whole_states);
    if (wanted("walks")) walks(short_slices);
    if (wanted("frames")) frames();
    if (wanted("threads")) threads(quick);
    return 0;
}
