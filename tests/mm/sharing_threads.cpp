// SPDX-License-Identifier: BSL-1.0
// Forks, exits, reclaim, KSM, moves, writes and pins at the same time. In linux_6_12 what is pinned stays what the
// process sees (INV-11); in both profiles every unit of every count has an owner in the end.
#include <atomic>
#include <thread>

#include "sharing_box.hpp"

namespace sharing_threads {

namespace {

using namespace mmt;

template <class P>
struct storm {
    static constexpr unsigned pages = 16, rounds = 400;
    static constexpr mm::vaddr base = mm::vaddr{1} << 40;

    storm() {
        w.map(pages * mm::page_size, {.at = base});
        REQUIRE(w.t.madvise(base, pages * mm::page_size, mm::advice::mergeable) == 0);
        for (unsigned i = 0; i < pages; ++i) w.put_byte(w.t, page(i), 1);
    }
    static mm::vaddr page(unsigned i) { return base + (i % pages) * mm::page_size; }

    template <class... Work>
    void run(Work... work) {
        std::vector<std::thread> threads;
        (threads.emplace_back([this, work] {
            for (unsigned r = 0; r < rounds; ++r) work(*this, r);
        }),
         ...);
        for (auto& t : threads) t.join();
    }

    family<P> w;
    std::atomic<unsigned> torn{0}, pinned{0};
};

template <class P>
void fork_and_exit(storm<P>& s, unsigned r) {
    const auto c = s.w.box.fork(s.w.t);
    if (!c) return;
    (void)(*c)->store(s.page(r), 7);
    (void)(*c)->load(s.page(r + 1));
    s.w.box.exit(**c);
}
template <class P>
void page_out(storm<P>& s, unsigned r) {
    (void)s.w.t.madvise(s.page(r), mm::page_size * 4, r % 3 == 0 ? mm::advice::cold : mm::advice::pageout);
}
template <class P>
void scan(storm<P>& s, unsigned r) {
    if (r % 4 == 0) s.w.box.ksm().run(1);
}
/// Stores and looks through the pin; page r is this thread's own to write.
template <class P>
void pin_and_store(storm<P>& s, unsigned r) {
    frame<P>* out[1] = {};
    const mm::vaddr a = s.page(2 * r);
    if (s.w.t.pin_user_pages_fast(a, 1, r % 2 == 0 ? foll::write : 0U, out) != 1) return;
    ++s.pinned;
    const auto value = static_cast<unsigned char>(r + 10);
    if (s.w.t.store(a + 8, value) == mm::fault_result::ok && s.w.box.dma_read(out[0], 8) != value) ++s.torn;
    s.w.t.unpin_user_page(out[0]);
}
template <class P>
void write_elsewhere(storm<P>& s, unsigned r) {
    (void)s.w.t.store(s.page(2 * r + 1), static_cast<unsigned char>(r));
    (void)s.w.t.load(s.page(r));
}
template <class P>
void protect(storm<P>& s, unsigned r) {
    const mm::vaddr a = s.page(2 * r + 1);
    (void)s.w.t.mprotect(a, mm::page_size, r % 2 == 0 ? mm::prot::read : mm::prot::rw);
}

BOTH_PROFILES("pins, forks, reclaim and KSM at the same time leave every count right", "[sharing-threads]") {
    storm<TestType> s;
    s.run(fork_and_exit<TestType>, page_out<TestType>, scan<TestType>, pin_and_store<TestType>, write_elsewhere<TestType>);
    CHECK(s.pinned == storm<TestType>::rounds);
    if (!is_2019<TestType>) CHECK(s.torn == 0);
    s.w.audit();
}

BOTH_PROFILES("moves, protection changes and reclaim at the same time leave every count right", "[sharing-threads]") {
    storm<TestType> s;
    const auto move = [](storm<TestType>& at, unsigned r) {
        const mm::vaddr there = storm<TestType>::base + 64_MiB, back = storm<TestType>::base;
        const std::uint64_t len = storm<TestType>::pages * mm::page_size;
        (void)at.w.t.mremap(r % 2 == 0 ? back : there, {.old_length = len, .new_length = len, .to = r % 2 == 0 ? there : back});
    };
    s.run(move, protect<TestType>, page_out<TestType>, write_elsewhere<TestType>, fork_and_exit<TestType>);
    s.w.audit();
}

/// Walks from pages to entries hold no mmap lock: one that comes while a VMA is cut or grown together would leave entries
/// as they are, migration entries for ever and truncated pages mapped, if no VMA had them at that moment.
TEST_CASE("every page of a mapping is in one VMA of its rmap at every moment of a split and of a merge", "[sharing-threads]") {
    using P = checked_6_12;
    constexpr std::uint64_t n = 8;
    family<P> w;
    mm::file& f = w.box.create_file(mm::file_kind::memfd, n * one, mm::fill::pattern);
    const vaddr memory = w.written(n);
    const vaddr shared = w.map(n * one, {.shared = true, .kind = mm::map_kind::file, .source = &f});
    const auto* v = w.t.mm().find(memory);
    mm::anon_rmap& family_of = *v->anon();
    const std::uint64_t last = v->page_offset(memory + (n - 1) * one);
    std::atomic<bool> stop{false};
    std::thread cutter([&] {
        for (unsigned r = 0; r < 4000; ++r) {
            const auto prot = r % 2 == 0 ? mm::prot::read : mm::prot::rw;
            (void)w.t.mprotect(memory + n / 2 * one, n / 2 * one, prot);
            (void)w.t.mprotect(shared + n / 2 * one, n / 2 * one, prot);
        }
        stop = true;
    });
    std::uint64_t wrong = 0, asked = 0;
    while (!stop) {
        unsigned in_memory = 0, in_file = 0;
        {
            std::lock_guard guard(family_of.lock);
            family_of.each_overlapping(last, 1, [&](mm::vma&, vaddr) { ++in_memory; });
        }
        {
            std::lock_guard guard(f.lock);
            f.mappings.each_overlapping(n - 1, 1, [&](mm::vma&) { ++in_file; });
        }
        wrong += in_memory != 1 || in_file != 1;
        ++asked;
    }
    cutter.join();
    CHECK(asked != 0);
    CHECK(wrong == 0);
    w.audit();
}

}  // namespace

}  // namespace sharing_threads
