// SPDX-License-Identifier: BSL-1.0
// Splits, collapses, forks, reclaim, partial unmaps and pins of huge memory at the same time. In linux_6_12 what is
// pinned stays what the process sees (INV-11); in both profiles every unit of every count has an owner in the end.
#include <array>
#include <atomic>
#include <thread>

#include "sharing_box.hpp"

namespace thp_threads {

namespace {

using namespace mmt;

template <class P>
struct huge_storm {
    static constexpr unsigned rounds = 150, blocks = 2;
    static constexpr vaddr base = vaddr{1} << 40, file_base = vaddr{1} << 41;

    huge_storm() : w(small(96_MiB)), f(w.box.create_file(mm::file_kind::tmpfs_huge, 2_MiB)) {
        w.box.phys().small_thp[4] = mm::thp_mode::always;
        w.map(blocks * 2_MiB, {.at = base, .huge = true});
        w.map(2_MiB, {.shared = true, .kind = mm::map_kind::file, .source = &f, .at = file_base, .huge = true});
        for (unsigned k = 0; k < blocks * 512; ++k) w.put_byte(w.t, page(k), 1);
    }
    static vaddr page(unsigned k) { return base + (k % (blocks * 512)) * one; }
    static vaddr file_page(unsigned k) { return file_base + (k % 512) * one; }

    template <class... Work>
    void run(Work... work) {
        std::vector<std::thread> threads;
        (threads.emplace_back([this, work] {
            for (unsigned r = 0; r < rounds; ++r) work(*this, r);
        }),
         ...);
        for (auto& t : threads) t.join();
    }
    /// Stores and looks through a pin; `a` is this thread's own to write.
    void pin_and_store(vaddr a, unsigned r) {
        frame<P>* out[1] = {};
        if (w.t.pin_user_pages_fast(a, 1, foll::write, out) != 1) return;
        ++pinned;
        const auto value = static_cast<unsigned char>(r + 10);
        if (w.t.store(a + 8, value) == mm::fault_result::ok && w.box.dma_read(out[0], 8) != value) ++torn;
        w.t.unpin_user_page(out[0]);
    }

    family<P> w;
    mm::file& f;
    std::atomic<unsigned> torn{0}, pinned{0};
};

template <class P>
void split(huge_storm<P>& s, unsigned r) {
    (void)mm::split_range(s.w.t.mm(), s.page(r * 64), s.page(r * 64) + 64 * one);
    if (r % 8 == 0) (void)mm::split_partly_mapped(s.w.box.phys());
}
template <class P>
void collapse(huge_storm<P>& s, unsigned r) {
    if (r % 2 == 0) (void)s.w.t.madvise(s.base, s.blocks * 2_MiB, mm::advice::collapse);
    else (void)mm::khugepaged_scan(s.w.t.mm());
}
template <class P>
void pin(huge_storm<P>& s, unsigned r) {
    s.pin_and_store(s.page(7 * r * 2), r);
}
/// Rows of pages, and a block: its huge entry as one run, or whatever stands there.
template <class P>
void pin_many(huge_storm<P>& s, unsigned r) {
    std::array<frame<P>*, 64> out{};
    const long n = s.w.t.pin_user_pages_fast(s.page(r * 16), 64, foll::write, out);
    if (n > 0) s.w.t.unpin_user_pages(std::span(out).first(static_cast<std::size_t>(n)));
    std::vector<mm::pinned_run<P>> runs;
    runs.reserve(r % 2);
    (void)s.w.t.pin_user_pages_fast_ranges(s.page(r % s.blocks * 512), 512, foll::write, runs);
    s.w.t.unpin_user_page_ranges(runs);
}
template <class P>
void write_and_drop(huge_storm<P>& s, unsigned r) {
    (void)s.w.t.store(s.page(2 * r + 1), static_cast<unsigned char>(r));
    if (r % 4 == 0) (void)s.w.t.madvise(s.page(34 * r + 1), one, mm::advice::dontneed);
}
template <class P>
void fork_and_exit(huge_storm<P>& s, unsigned r) {
    if (r % 4 != 0) return;
    const auto c = s.w.box.fork(s.w.t);
    if (!c) return;
    (void)(*c)->store(s.page(97 * r), 7);
    s.w.box.exit(**c);
}
template <class P>
void page_out(huge_storm<P>& s, unsigned r) {
    (void)s.w.t.madvise(s.page(r * 32), 48 * one, r % 3 == 0 ? mm::advice::cold : mm::advice::pageout);
}

TEMPLATE_TEST_CASE("huge memory split, collapsed, shared, paged out and pinned at once", "[thp-threads]", product_2019, product_6_12) {
    using storm = huge_storm<TestType>;
    storm s;
    s.run(split<TestType>, collapse<TestType>, pin<TestType>, pin_many<TestType>, write_and_drop<TestType>, fork_and_exit<TestType>,
          page_out<TestType>);
    CHECK(s.pinned == storm::rounds);
    CHECK(s.w.box.counters().live() == 0);
    if (!is_2019<TestType>) CHECK(s.torn == 0);
    s.w.audit();
}

TEMPLATE_TEST_CASE("a huge memory file punched, truncated, split, collapsed and pinned at once", "[thp-threads]", product_2019, product_6_12) {
    using storm = huge_storm<TestType>;
    storm s;
    s.run(
        [](storm& w, unsigned r) { (void)w.w.box.fallocate(w.f, mm::file_change::punch, (r * 31 % 512) * one, 3 * one); },
        [](storm& w, unsigned r) {
            if (r % 16 == 0) (void)w.w.box.truncate(w.f, r % 32 == 0 ? 1_MiB : 2_MiB);
            (void)mm::split_range(w.w.t.mm(), w.file_page(r), w.file_page(r) + one);
        },
        [](storm& w, unsigned r) {
            if (r % 2 == 0) (void)w.w.t.madvise(w.file_base, 2_MiB, mm::advice::collapse);
            else (void)w.w.t.madvise(w.file_base, 2_MiB, mm::advice::pageout);
        },
        [](storm& w, unsigned r) {
            frame<TestType>* out[4] = {};
            const long n = w.w.t.pin_user_pages_fast(w.file_page(r * 5 % 200), 4, r % 2 == 0 ? foll::write : 0U, out);
            for (long i = 0; i < n; ++i) w.w.t.unpin_user_page(out[i]);
        },
        [](storm& w, unsigned r) {
            (void)w.w.t.store(w.file_page(r * 11), 1);
            (void)w.w.t.load(w.file_page(r * 17));
        });
    s.w.audit();
}

/// While it waits for what `waits` waits for, the lock of the table is not held: looked at from inside a section, which
/// the waiting thread waits for.
TEST_CASE("a collapse that waits for fast sections holds no lock one of them could want", "[thp-threads]") {
    using P = checked_6_12;
    family<P> w;
    const vaddr a = w.map(2_MiB, {.huge = true});
    REQUIRE(w.t.madvise(a, 2_MiB, mm::advice::nohugepage) == 0);
    w.put_byte(w.t, a, 1);
    REQUIRE(w.t.madvise(a, 2_MiB, mm::advice::hugepage) == 0);
    const auto at = w.t.mm().tables.find(a, mm::level::pmd);
    std::thread collapser;
    {
        const mm::fast_section section;
        collapser = std::thread([&] { (void)w.t.madvise(a, 2_MiB, mm::advice::collapse); });
        unsigned spins = 0;
        while (!at.slot->read().is_none()) mm::relax(spins);  // unhooked: now it waits for this section
        bool is_free = false;
        for (unsigned tries = 0; tries < 100000 && !is_free; ++tries) {
            is_free = mm::try_lock_word(at.lock());
            if (is_free) mm::unlock_word(at.lock());
            else mm::relax(spins);
        }
        CHECK(is_free);
    }
    collapser.join();
    CHECK(w.t.inspect(a).at == mm::level::pmd);
    w.audit();
}

TEST_CASE("a processor that finds an entry's lock taken waits for it outside its fast section", "[thp-threads]") {
    using P = checked_6_12;
    family<P> w;
    const vaddr a = w.huge();
    const auto at = w.t.mm().tables.find(a, mm::level::pmd);
    std::atomic<bool> begun{false}, stored{false};
    mm::lock_word(at.lock());
    std::thread cpu([&] {
        begun = true;
        stored = w.t.store(a, 7) == mm::fault_result::ok;
    });
    unsigned spins = 0;
    while (!begun) mm::relax(spins);
    for (unsigned k = 0; k < 5000; ++k) mm::relax(spins);  // it has come to the lock, most likely
    bool is_over = false;                                  // a section that waited for the lock would not end
    for (unsigned tries = 0; tries < 5000 && !is_over; ++tries, mm::relax(spins)) {
        mm::asymmetric_fence::heavy();
        is_over = mm::fast_section::passed(mm::fast_section::stamp());
    }
    CHECK(is_over);
    mm::unlock_word(at.lock());
    cpu.join();
    CHECK(stored);
    CHECK(w.byte(w.t, a) == 7);
}

/// Whoever gives a VMA its rmap waits for the lock of that rmap, and a walk through it for the locks of tables.
TEST_CASE("a fault that maps the huge zero page does not wait, under its table's lock, for the giving of rmaps", "[thp-threads]") {
    using P = checked_6_12;
    family<P> w;
    const vaddr a = w.map(4_MiB, {.huge = true});
    w.put_byte(w.t, a, 1);  // the VMA has its rmap
    std::atomic<bool> mapped{false};
    w.t.mm().anon_lock.lock();
    std::thread cpu([&] { mapped = w.t.load(a + 2_MiB).fault == mm::fault_result::ok; });
    for (unsigned tries = 0, spins = 0; tries < 1000000 && !mapped; ++tries) mm::relax(spins);
    CHECK(mapped);
    w.t.mm().anon_lock.unlock();
    cpu.join();
    CHECK(w.t.mm().huge_zero != nullptr);
    w.audit();
}

}  // namespace

}  // namespace thp_threads
