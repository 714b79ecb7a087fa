// SPDX-License-Identifier: BSL-1.0
// Two machines with one history: the walk of the first goes by blocks, with everything the processor has for it, that of the
// second entry by entry. Every call has the same answer on both, and what was taken fast is what the slow path takes.
// Source: spec 05 §4 §7 §8.
#include <array>
#include <random>

#include "device_box.hpp"

namespace walk_twins_tests {

using namespace mmt;

namespace {

constexpr vaddr one = mm::page_size, base = vaddr{1} << 40;
/// Each area has a table of its own; some are shorter, and end in a hole.
constexpr std::uint64_t area = mm::pages_per_pmd;
constexpr vaddr place(std::uint64_t n, std::uint64_t k = 0) { return base + (n * area + k) * one; }
enum : std::uint64_t {
    in_order,
    shuffled,
    sparse,
    huge,
    split,
    of_file,
    private_file,
    of_memfd,
    of_tmpfs,
    hugetlb,
    dax_huge,
    dax_small,
    guarded,
    driver,
    secret,
    huge_again,
    tail,
    mixed,
    folios,
    areas
};

inline mm::options enough() {
    mm::options o = small(128_MiB);
    o.huge_pools = {{mm::pmd_order, 2}};
    o.pmem = 8_MiB;
    return o;
}

/// What a call said, with nothing in it that is this machine's own.
struct answer {
    long n = 0;
    std::vector<std::uint64_t> pages;  ///< frame numbers
    std::vector<std::int64_t> counts;  ///< of their heads
    mm::pin_counters counted;
    std::uint64_t warned = 0;
    bool as_slow = true;

    friend bool operator==(const answer&, const answer&) = default;
};
struct question {
    vaddr a;
    std::uint64_t n;
    unsigned flags;
    bool pin, ranges, fast_only;
};

template <class P>
struct twin : world<P> {
    using world<P>::t;
    using world<P>::box;
    using world<P>::pages;

    struct kept {
        std::vector<frame<P>*> pages;
        bool pinned;
    };
    std::vector<kept> held;

    twin() : world<P>(enough()) {
        std::mt19937 rng(11);
        const auto whole = area * one;
        const auto at = [&](std::uint64_t n, std::uint64_t length, mm::mapping m) {
            m.at = place(n);
            REQUIRE(this->map(length * one, m) == place(n));
        };
        const auto write = [&](std::uint64_t n, std::uint64_t k) {
            REQUIRE(t.store(place(n, k), 1) == mm::fault_result::ok);
        };
        const auto touch = [&](std::uint64_t n, std::uint64_t length, unsigned holes, unsigned writes) {
            for (std::uint64_t k = 0; k < length; ++k)
                if (rng() % holes != 0) REQUIRE(t.touch(place(n, k), rng() % writes == 0) == mm::fault_result::ok);
        };
        at(in_order, area, {});
        for (std::uint64_t k = 0; k < area; ++k)
            write(in_order, k);
        at(shuffled, area, {});
        for (std::uint64_t k = 0; k < area; ++k)
            write(shuffled, k * 37 % area);
        at(sparse, area, {});
        touch(sparse, area, 24, 2);
        at(huge, area, {.huge = true});
        write(huge, 0);
        at(split, area, {.huge = true});
        write(split, 0);
        this->split_entry(place(split));
        at(of_file, 300,
           {.shared = true, .source = &box.create_file(mm::file_kind::ext4, 300 * one, mm::fill::pattern)});
        touch(of_file, 300, 40, 3);
        at(private_file, area, {.source = &box.create_file(mm::file_kind::ext4, whole, mm::fill::pattern)});
        touch(private_file, area, 40, 4);
        at(of_memfd, area,
           {.shared = true, .source = &box.create_file(mm::file_kind::memfd, whole, mm::fill::pattern)});
        touch(of_memfd, area, 60, 1);
        at(of_tmpfs, area, {.source = &box.create_file(mm::file_kind::tmpfs_huge, whole, mm::fill::pattern)});
        touch(of_tmpfs, area, 2, 50);
        at(hugetlb, area, {.huge_order = mm::pmd_order});
        write(hugetlb, 3);
        at(dax_huge, area,
           {.shared = true, .source = &box.create_file(mm::file_kind::fsdax, whole, mm::fill::pattern)});
        write(dax_huge, 3);
        at(dax_small, 100,
           {.shared = true, .source = &box.create_file(mm::file_kind::fsdax, 100 * one, mm::fill::pattern)});
        touch(dax_small, 100, 50, 1);
        at(guarded, area, {});
        touch(guarded, area, 100, 1);
        for (std::uint64_t k = 5; k < area; k += 41)
            REQUIRE(t.mprotect(place(guarded, k), 3 * one, k % 2 == 0 ? mm::prot::read : mm::prot::none) == 0);
        at(driver, 16, {.shared = true, .kind = mm::map_kind::mixedmap});
        frame<P>* const page = box.driver_page();
        for (std::uint64_t k = 0; k < 16; k += 2)
            REQUIRE(t.insert_page(place(driver, k), page) == 0);
        box.put_driver_page(page);
        at(secret, 8, {.shared = true, .source = &box.create_file(mm::file_kind::secret, 8 * one)});
        touch(secret, 8, 99, 1);
        at(huge_again, area, {.huge = true});
        write(huge_again, 9);
        at(tail, area, {});
        for (std::uint64_t k = 0; k < 400; ++k)
            write(tail, k);
        at(folios, area, {});
        if constexpr (P::has_small_thp)
            for (const auto& [order, from, to] : {std::array{4U, 0U, 240U}, {5U, 240U, 400U}, {2U, 400U, 440U}, {0U, 440U, 464U}, {4U, 464U, 512U}}) {
                if (order != 0) box.phys().small_thp[order] = mm::thp_mode::always;
                for (std::uint64_t k = from; k < to; ++k)
                    write(folios, k);
                box.phys().small_thp[order] = mm::thp_mode::never;
            }
        at(mixed, area, {});
        for (std::uint64_t k = 0; k < area; ++k)
            write(mixed, k);
        for (std::uint64_t donor = 0; donor < 14; ++donor) {  // a head and tails among small pages, then heads alone
            const vaddr from = this->huge();
            this->split_entry(from);
            for (std::uint64_t k = 0; k < (donor == 0 ? 20 : 1); ++k) {
                const vaddr to = place(mixed, donor == 0 ? 7 * k + 11 : 150 + 25 * donor);
                REQUIRE(*t.mremap(from + k * one, {.old_length = one, .new_length = one, .to = to}) == to);
            }
        }
    }
    ~twin() { release_all(); }
    void release_all() {
        while (!held.empty())
            release(0, 0, false);
    }

    long call(const question& q) {
        pages.assign(q.n, nullptr);
        const auto n = static_cast<std::int64_t>(q.n);
        if (q.pin && q.ranges) {
            std::vector<mm::pinned_run<P>> runs;
            const long got = t.pin_user_pages_fast_ranges(q.a, n, q.flags, runs);
            std::size_t i = 0;
            for (const auto& r : runs)
                for (std::uint64_t k = 0; k < r.count; ++k)
                    pages[i++] = box.phys().nth(r.first, k);
            CHECK(i == static_cast<std::size_t>(got > 0 ? got : 0));
            return got;
        }
        if (q.pin) return t.pin_user_pages_fast(q.a, n, q.flags, pages);
        if (q.fast_only) return t.get_user_pages_fast_only(q.a, n, q.flags, pages);
        return t.get_user_pages_fast(q.a, n, q.flags, pages);
    }
    void give_back(std::span<frame<P>* const> some, bool pinned, bool dirty) {
        if (!pinned)
            t.put_pages(some);
        else
            t.unpin_user_pages_dirty_lock(some, dirty);
    }

    answer ask(const question& q) {
        answer x;
        box.warn().reset();
        const auto before = box.counters();
        x.n = call(q);
        x.counted = box.counters() - before;
        x.warned = box.warn().total();
        for (frame<P>* p : this->first(x.n > 0 ? x.n : 0)) {
            x.pages.push_back(box.phys().number(p).n);
            x.counts.push_back(box.phys().head(p)->count.raw());
        }
        if (x.n <= 0) return x;
        pages.resize(static_cast<std::size_t>(x.n));
        held.push_back({pages, q.pin});
        if (q.fast_only) return x;
        std::vector<frame<P>*> slow(pages.size());  // what is there by now, the slow path finds, too
        const long m = q.pin ? t.pin_user_pages(q.a, slow.size(), q.flags, slow)
                             : t.get_user_pages(q.a, slow.size(), q.flags, slow);
        x.as_slow = m == x.n && slow == pages;
        if (m > 0) give_back({slow.data(), static_cast<std::size_t>(m)}, q.pin, false);
        return x;
    }
    /// Effects: the pages of one call from `first` on are given back.
    void release(std::size_t which, std::size_t first, bool dirty) {
        kept& k = held[which];
        give_back(std::span<frame<P>* const>(k.pages).subspan(first), k.pinned, dirty);
        k.pages.resize(first);
        if (first == 0) held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
    }
    /// Returns: what the operation said.
    long act(unsigned what, vaddr a, std::uint64_t n) {
        switch (what) {
            case 0: return static_cast<long>(t.store(a, 1));
            case 1: return static_cast<long>(t.load(a).fault);
            case 2: return t.madvise(a, n * one, mm::advice::dontneed);
            case 3: return t.mprotect(a, n * one, mm::prot::read);
            case 4: return t.mprotect(a, n * one, mm::prot::rw);
            case 5: return t.madvise(a, n * one, mm::advice::pageout);
            case 6:
                if (t.mm().find(a) && !t.mm().find(a)->is_hugetlb()) this->split_entry(a);
                return 0;
            case 7: return t.madvise(mm::align_down(a, 2_MiB), 2_MiB, mm::advice::collapse);
            default: {
                const auto child = box.fork(t);
                if (child.error != 0) return child.error;
                const auto said = static_cast<long>((*child)->store(a, 2));
                box.exit(**child);
                return said;
            }
        }
    }
};

}  // namespace

TEMPLATE_TEST_CASE(
    "the walk by blocks and the walk entry by entry: one history on two machines, and every answer the same",
    "[walk-twins]", product_2019, product_6_12) {
    using Careful = std::conditional_t<is_2019<TestType>, checked_2019, checked_6_12>;
    twin<TestType> w;
    twin<Careful> v;
    std::mt19937 rng(5);
    const auto one_of = [&](std::uint64_t n) { return static_cast<std::uint64_t>(rng()) % n; };
    std::uint64_t served = 0;
    for (int i = 0; i < 1500; ++i) {
        const std::uint64_t of = one_of(10);
        const vaddr a = of < 2   ? place(mixed, one_of(area))
                        : of < 4 ? place(folios, one_of(2) == 0 ? one_of(area / 16) * 16 : one_of(area))
                                 : base + one_of(areas * area) * one;
        const std::uint64_t n = one_of(3) == 0 ? 1 : 1 + one_of(one_of(2) == 0 ? 20 : 700);
        if (one_of(4) == 0) {
            const auto what =
                static_cast<unsigned>(one_of(i < 700 ? 8 : 9));  // a fork takes the right to write from all
            const std::uint64_t length = 1 + one_of(8);
            INFO("step " << i << ": operation " << what << " at page " << (a - base) / one << ", " << length
                         << " pages");
            REQUIRE(w.act(what, a, length) == v.act(what, a, length));
        } else {
            question q{a, n, 0, one_of(2) == 0, one_of(4) == 0, one_of(4) == 0};
            if (one_of(2) == 0) q.flags |= foll::write;
            if (q.pin && one_of(4) == 0) q.flags |= foll::longterm;
            if (!is_2019<TestType> && !q.fast_only && one_of(6) == 0) q.flags |= foll::nofault;
            INFO("step " << i << ": page " << (a - base) / one << ", " << n << " pages, flags " << q.flags
                         << (q.pin ? ", pin" : ", get") << (q.ranges ? ", ranges" : "")
                         << (q.fast_only ? ", fast only" : ""));
            const answer x = w.ask(q), y = v.ask(q);
            REQUIRE(x.n == y.n);
            REQUIRE(x.pages == y.pages);
            REQUIRE(x.counts == y.counts);
            REQUIRE(x.counted == y.counted);
            REQUIRE(x.warned == y.warned);
            CHECK(x.as_slow == y.as_slow);
            CHECK(x.as_slow);
            served += static_cast<std::uint64_t>(x.n > 0 ? x.n : 0);
        }
        if (w.held.size() > 6) {
            const std::size_t which = one_of(w.held.size()),
                              first = one_of(2) == 0 ? 0 : one_of(w.held[which].pages.size());
            const bool dirty = one_of(4) == 0;
            w.release(which, first, dirty), v.release(which, first, dirty);
            REQUIRE(w.box.counters() == v.box.counters());
        }
        if (i % 100 == 99) {
            REQUIRE(w.box.free_pages() == v.box.free_pages());
            w.audit(), v.audit();
        }
    }
    CHECK(served > 10000);
    w.release_all(), v.release_all();
    CHECK(w.box.counters().live() == 0);
    w.audit(), v.audit();
}

}  // namespace walk_twins_tests
