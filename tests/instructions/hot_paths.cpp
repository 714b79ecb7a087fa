// SPDX-License-Identifier: BSL-1.0
// The hot paths, each in a function of its own: a simulator counts the instructions of everything `measured` calls.
// Prints the name of each and how many operations (pages, or calls) it did.
#include <pinfold/mm.hpp>
#include <pinfold/range.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace mm = pinfold::mm;

namespace {

constexpr std::size_t pages = 512;
constexpr std::size_t times = 8;  // a scenario is run so often, in each of the two passes

void must(bool ok) {
    if (!ok) std::abort();
}

// ---- the library ------------------------------------------------------------------------------------------

template <bool Blocks>
struct pool {
    struct policy;
    struct alignas(64) page {
        pinfold::count<> count;
        pinfold::atomic_word<std::intptr_t> link;
        using pinfold_policy = policy;
    };
    static void freed(page&) noexcept { std::abort(); }

    std::vector<page> all{pages};
    std::vector<page*> slots{pages};

    pool() {
        for (std::size_t i = 0; i < pages; ++i) {
            slots[i] = &all[i];
            if constexpr (Blocks) {
                if (i != 0) {
                    policy::head::make_tail(all[i], all[0]);
                    continue;
                }
            }
            all[i].count.init();
        }
    }
    void pin() {
        auto got = pinfold::try_pin_all(slots);
        must(static_cast<bool>(got));
        (void)got.batch.release();
    }
    void unpin() { must(pinfold::unpin_all(slots) == pages); }
};
template <>
struct pool<false>::policy : pinfold::page_defaults<&pool<false>::page::count> {
    using release = pinfold::free_at_zero<&pool<false>::freed>;
};
template <>
struct pool<true>::policy : pinfold::page_defaults<&pool<true>::page::count> {
    using head = pinfold::tagged_head<&pool<true>::page::link>;
    using release = pinfold::free_at_zero<&pool<true>::freed>;
};

struct beside {
    struct policy;
    struct alignas(64) page {
        std::array<char, 64> rest;
        using pinfold_policy = policy;
    };
    static page* first() noexcept { return all.data(); }
    static pinfold::count<>* counts() noexcept { return words.data(); }
    static void freed(page&) noexcept { std::abort(); }
    static inline std::array<page, pages> all;
    alignas(64) static inline std::array<pinfold::count<>, pages> words;
};
struct beside::policy : pinfold::packed_counts<&beside::first, &beside::counts> {
    using release = pinfold::free_at_zero<&beside::freed>;
};

pool<false>& singles() {
    static pool<false> p;
    return p;
}
pool<true>& block() {
    static pool<true> p;
    return p;
}

// ---- the reference MM -------------------------------------------------------------------------------------

using profile = mm::linux_6_12;

/// One mapping of `pages` pages, all of them there.
struct scene {
    explicit scene(bool huge, bool by_ptes) {
        a = *t.mmap(pages * mm::page_size, {.huge = huge});
        must(t.fault_in(a, pages, true) == pages);
        if (by_ptes) must(mm::split_or_drop_pmd(t.mm(), a));
        box.phys().lru_drain_all();
    }
    void pin(std::size_t n) { pin_from(a, n); }
    void pin_inner() { pin_from(a + 5 * mm::page_size, 1); }
    void pin_from(mm::vaddr from, std::size_t n) {
        must(t.pin_user_pages_fast(from, static_cast<std::int64_t>(n), mm::foll::write, {slots.data(), n}) ==
             static_cast<long>(n));
    }
    void unpin(std::size_t n) { t.unpin_user_pages({slots.data(), n}); }
    void pin_range() {
        must(t.pin_user_pages_fast_ranges(a, pages, mm::foll::write, runs) == static_cast<long>(pages));
    }
    void unpin_range() {
        t.unpin_user_page_ranges({&runs.back(), 1});
        runs.pop_back();
    }

    mm::machine<profile> box{[] {
        mm::options o;
        o.ram = std::uint64_t{64} << 20;
        o.device_space = std::uint64_t{16} << 20;
        return o;
    }()};
    mm::task<profile>& t = box.spawn();
    mm::vaddr a = 0;
    std::vector<mm::frame<profile>*> slots{pages};
    std::vector<mm::pinned_run<profile>> runs;
};
scene& small() {
    static scene s(false, false);
    return s;
}
scene& by_ptes() {
    static scene s(true, true);
    return s;
}
scene& by_pmd() {
    static scene s(true, false);
    return s;
}

template <class F>
void repeat(F f) {
    for (std::size_t k = 0; k < times; ++k) f();
}

}  // namespace

extern "C" {
[[gnu::noinline]] void library_pin_all() { repeat([&at = singles()] { at.pin(); }); }
[[gnu::noinline]] void library_unpin_all() { repeat([&at = singles()] { at.unpin(); }); }
[[gnu::noinline]] void library_pin_all_one_head() { repeat([&at = block()] { at.pin(); }); }
[[gnu::noinline]] void library_unpin_all_one_head() { repeat([&at = block()] { at.unpin(); }); }
[[gnu::noinline]] void library_pin_packed() {
    repeat([] {
        auto got = pinfold::try_pin_packed(beside::first(), pages);
        must(static_cast<bool>(got));
        (void)got.batch.release();
    });
}
[[gnu::noinline]] void library_unpin_packed() { repeat([] { pinfold::unpin_packed(beside::first(), pages); }); }

[[gnu::noinline]] void mm_pin_fast_512() { repeat([&at = small()] { at.pin(pages); }); }
[[gnu::noinline]] void mm_unpin_512() { repeat([&at = small()] { at.unpin(pages); }); }
[[gnu::noinline]] void mm_pin_fast_1() { repeat([&at = small()] { at.pin(1); }); }
[[gnu::noinline]] void mm_unpin_1() { repeat([&at = small()] { at.unpin(1); }); }
[[gnu::noinline]] void mm_pin_fast_thp_by_ptes() { repeat([&at = by_ptes()] { at.pin(pages); }); }
[[gnu::noinline]] void mm_unpin_thp_by_ptes() { repeat([&at = by_ptes()] { at.unpin(pages); }); }
[[gnu::noinline]] void mm_pin_fast_pmd_leaf() { repeat([&at = by_pmd()] { at.pin(pages); }); }
[[gnu::noinline]] void mm_unpin_pmd_leaf() { repeat([&at = by_pmd()] { at.unpin(pages); }); }
[[gnu::noinline]] void mm_pin_fast_thp_by_ptes_1() { repeat([&at = by_ptes()] { at.pin_inner(); }); }
[[gnu::noinline]] void mm_unpin_thp_by_ptes_1() { repeat([&at = by_ptes()] { at.unpin(1); }); }
[[gnu::noinline]] void mm_pin_fast_pmd_leaf_1() { repeat([&at = by_pmd()] { at.pin_inner(); }); }
[[gnu::noinline]] void mm_unpin_pmd_leaf_1() { repeat([&at = by_pmd()] { at.unpin(1); }); }
[[gnu::noinline]] void mm_pin_fast_leaf_as_run_1() { repeat([&at = by_pmd()] { at.pin_range(); }); }
[[gnu::noinline]] void mm_unpin_leaf_as_run_1() { repeat([&at = by_pmd()] { at.unpin_range(); }); }
}

namespace {

struct scenario {
    const char* name;
    void (*run)();
    std::size_t operations;
};
const scenario all[] = {
    {"library_pin_all", library_pin_all, pages},
    {"library_unpin_all", library_unpin_all, pages},
    {"library_pin_all_one_head", library_pin_all_one_head, pages},
    {"library_unpin_all_one_head", library_unpin_all_one_head, pages},
    {"library_pin_packed", library_pin_packed, pages},
    {"library_unpin_packed", library_unpin_packed, pages},
    {"mm_pin_fast_512", mm_pin_fast_512, pages},
    {"mm_unpin_512", mm_unpin_512, pages},
    {"mm_pin_fast_1", mm_pin_fast_1, 1},
    {"mm_unpin_1", mm_unpin_1, 1},
    {"mm_pin_fast_thp_by_ptes", mm_pin_fast_thp_by_ptes, pages},
    {"mm_unpin_thp_by_ptes", mm_unpin_thp_by_ptes, pages},
    {"mm_pin_fast_pmd_leaf", mm_pin_fast_pmd_leaf, pages},
    {"mm_unpin_pmd_leaf", mm_unpin_pmd_leaf, pages},
    {"mm_pin_fast_thp_by_ptes_1", mm_pin_fast_thp_by_ptes_1, 1},
    {"mm_unpin_thp_by_ptes_1", mm_unpin_thp_by_ptes_1, 1},
    {"mm_pin_fast_pmd_leaf_1", mm_pin_fast_pmd_leaf_1, 1},
    {"mm_unpin_pmd_leaf_1", mm_unpin_pmd_leaf_1, 1},
    {"mm_pin_fast_leaf_as_run_1", mm_pin_fast_leaf_as_run_1, 1},
    {"mm_unpin_leaf_as_run_1", mm_unpin_leaf_as_run_1, 1},
};

}  // namespace

/// The second pass: by then everything that is made at first use is there.
extern "C" [[gnu::noinline]] void measured() {
    for (const scenario& s : all) s.run();
}

int main() {
    for (auto& c : beside::words) c.init();
    for (const scenario& s : all) s.run();
    measured();
    for (const scenario& s : all) std::printf("%s %zu\n", s.name, s.operations * times);
    return 0;
}
