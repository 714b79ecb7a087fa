// SPDX-License-Identifier: BSL-1.0
// Pages that are moved, compacted, hinted at and watched while others pin, fork, unmap and write. In linux_6_12 what is
// pinned stays what the process sees (INV-11); in both profiles every unit of every count has an owner in the end.
#include <atomic>
#include <thread>

#include "box.hpp"

namespace placement_threads {

namespace {

using namespace mmt;

mm::options nodes_and_cma() {
    mm::options o = small(64_MiB);
    o.cma = 8_MiB;
    o.more_nodes.push_back({.ram = 0, .movable = 64_MiB});
    return o;
}

template <class P>
struct moving {
    static constexpr unsigned pages = 32, rounds = 400;
    static constexpr vaddr base = vaddr{1} << 40;
    static constexpr vaddr huge_base = base + 64_MiB;

    moving() {
        w.map(pages * 4096, {.at = base});
        w.map(4_MiB, {.at = huge_base, .huge = true});
        for (unsigned i = 0; i < pages; ++i) REQUIRE(w.t.store(page(i), 1) == mm::fault_result::ok);
        for (const vaddr a : {huge_base, huge_base + 2_MiB}) REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    }
    static vaddr page(unsigned i) { return base + (i % pages) * vaddr{4096}; }

    template <class... Work>
    void run(Work... work) {
        std::vector<std::thread> threads;
        (threads.emplace_back([this, work] {
            for (unsigned r = 0; r < rounds; ++r) work(*this, r);
        }),
         ...);
        for (auto& t : threads) t.join();
    }

    world<P> w{nodes_and_cma()};
    std::atomic<unsigned> torn{0}, pinned{0}, moved{0};
};

template <class P>
void move_around(moving<P>& s, unsigned r) {
    constexpr mm::request places[] = {{.node = 1, .exact = true}, {.movable = false}, {.cma = true}};
    const vaddr a = r % 7 == 6 ? moving<P>::huge_base + (r % 2) * 2_MiB : s.page(r);
    if (mm::migrate_page(s.w.t.mm(), a, places[r % 3]).error == 0) ++s.moved;
}
template <class P>
void move_many(moving<P>& s, unsigned r) {
    std::vector<vaddr> at;
    for (unsigned k = 0; k < 8; ++k) at.push_back(s.page(r + k));
    std::vector<int> status;
    (void)mm::move_pages(s.w.t.mm(), at, r % 2, status);
}
template <class P>
void compact(moving<P>& s, unsigned r) {
    if (r % 16 == 0) (void)mm::compact_memory(s.w.box.phys());
    if (r % 16 != 8) return;
    const auto got = mm::cma_alloc(s.w.box.phys(), 16);
    if (got.error == 0) mm::cma_release(s.w.box.phys(), got);
}
template <class P>
void hint(moving<P>& s, unsigned r) {
    (void)mm::mark_for_hints(s.w.t.mm(), s.page(r), 4 * 4096);
    if (r % 8 == 0) mm::clear_soft_dirty(s.w.t.mm());
    (void)s.w.t.load(s.page(r));
}
/// Stores and looks through the pin; the even pages are this thread's own to write.
template <class P>
void pin_and_store(moving<P>& s, unsigned r) {
    frame<P>* out[1] = {};
    const vaddr a = s.page(2 * r);
    const unsigned lasting = r % 5 == 0 ? foll::longterm : 0U;
    long got = 0;
    if constexpr (is_2019<P>) got = lasting ? s.w.t.pin_longterm_pages(a, 1, foll::write, out) : s.w.t.pin_user_pages_fast(a, 1, foll::write, out);
    else got = s.w.t.pin_user_pages_fast(a, 1, foll::write | lasting, out);
    if (got != 1) return;  // long-term: somebody was just looking at the page
    ++s.pinned;
    const auto value = static_cast<unsigned char>(r + 10);
    if (s.w.t.store(a + 8, value) == mm::fault_result::ok && s.w.box.dma_read(out[0], 8) != value) ++s.torn;
    s.w.t.unpin_user_page(out[0]);
}
template <class P>
void fork_and_exit(moving<P>& s, unsigned r) {
    const auto c = s.w.box.fork(s.w.t);
    if (!c) return;
    (void)(*c)->store(s.page(r), 7);
    s.w.box.exit(**c);
}
/// Cuts, drops and makes again the huge pages.
template <class P>
void cut(moving<P>& s, unsigned r) {
    const vaddr a = moving<P>::huge_base + (r % 2) * 2_MiB;
    switch (r % 4) {
        case 0: (void)s.w.t.madvise(a, 2_MiB, mm::advice::dontneed); break;
        case 1: (void)s.w.t.madvise(a + 1_MiB, 8 * 4096, mm::advice::dontneed); break;
        case 2: (void)s.w.t.mprotect(a, 4096, r % 8 == 2 ? mm::prot::read : mm::prot::rw); break;
        default: (void)s.w.t.munmap(a, 2_MiB); (void)s.w.t.mmap(2_MiB, {.at = a, .huge = true}); break;
    }
    (void)s.w.t.store(a + (r % 512) * 4096, 3);
}

}  // namespace

BOTH_PROFILES("moves, compaction, hints and pins at the same time leave every count right", "[placement-threads]") {
    moving<TestType> s;
    s.run(move_around<TestType>, move_many<TestType>, compact<TestType>, hint<TestType>, pin_and_store<TestType>);
    CHECK(s.pinned > 0);
    CHECK(s.moved > 0);
    CHECK(s.torn == 0);
    s.w.audit();
}

BOTH_PROFILES("moves, forks, cuts of huge pages and pins at the same time leave every count right", "[placement-threads]") {
    moving<TestType> s;
    s.run(move_around<TestType>, fork_and_exit<TestType>, cut<TestType>, pin_and_store<TestType>);
    CHECK(s.pinned > 0);
    if (!is_2019<TestType>) CHECK(s.torn == 0);
    s.w.audit();
}

BOTH_PROFILES("a frame that is met by its number while its block is handed out stays a part of it", "[placement-threads]") {
    constexpr unsigned rounds = 150;
    mm::options o = small((rounds + 8) * 4_MiB);
    mm::physical<TestType> phys(o);
    constexpr std::uint64_t block = std::uint64_t{1} << mm::max_order;
    std::atomic<frame<TestType>*> met{nullptr};
    std::atomic<bool> done{false};
    std::thread scanner([&] {
        while (!done)
            if (frame<TestType>* const f = met; f && phys.try_get_met(f)) mm::physical<TestType>::ops::put(f);
    });
    unsigned wrong = 0;
    phys.each_zone([&](auto& zone) {
        for (unsigned i = 2; i < rounds; ++i) {
            const mm::pfn first = zone.first() + i * block;
            if (!zone.take_range(first + 1, first + 2)) continue;
            phys.adopt(first + 1, first + 2);  // the second frame of the block has been in use, the first never
            phys.drop(phys.at(first + 1), mm::holder::hand_out);
            met = phys.at(first + 1);
            const auto free = phys.free_pages();
            auto* const head = phys.alloc({.order = mm::max_order});
            met = nullptr;
            wrong += !head || phys.free_pages() != free - block || head->is(mm::pg::buddy) || head->order() != mm::max_order;
        }
    });
    done = true;
    scanner.join();
    CHECK(wrong == 0);
}

BOTH_PROFILES("many wait for one reader; each gets what the reader gives", "[placement-threads]") {
    constexpr unsigned pages = 64, threads = 4;
    world<TestType> w{nodes_and_cma()};
    const vaddr a = w.map(pages * 4096);
    mm::userfault<TestType> u(w.t.mm());
    REQUIRE(u.watch(a, pages * 4096, mm::uffd::missing | mm::uffd::wp) == 0);
    std::atomic<unsigned> wrong{0}, done{0};
    std::vector<std::thread> all;
    for (unsigned t = 0; t < threads; ++t)
        all.emplace_back([&, t] {
            for (unsigned k = 0; k < pages; ++k) {
                const unsigned i = t % 2 == 0 ? k : pages - 1 - k;
                if (t < 2) {
                    if (w.t.load(a + i * 4096).value != i + 1) ++wrong;
                } else {
                    frame<TestType>* out[1] = {};
                    if (w.t.get_user_pages_unlocked(a + i * 4096, 1, out, foll::write) != 1) ++wrong;
                    else w.t.put_page(out[0]);
                }
                if (t == 0 && k % 4 == 0) (void)mm::migrate_page(w.t.mm(), a + i * 4096, {.node = 1, .exact = true});
            }
            ++done;
        });
    while (done != threads) {
        const auto e = u.read();
        if (!e) {
            std::this_thread::yield();
            continue;
        }
        if (e->wp) {
            CHECK(u.write_protect(e->address, 4096, false) == 0);
            continue;
        }
        const std::vector<unsigned char> bytes(4096, static_cast<unsigned char>((e->address - a) / 4096 + 1));
        const long r = u.copy(e->address, bytes.data(), 4096, e->address / 4096 % 2 == 0);
        if (r == -err::eexist) u.wake(e->address, 4096);
        else CHECK(r == 4096);
    }
    for (auto& t : all) t.join();
    CHECK(wrong == 0);
    w.audit();
}

}  // namespace placement_threads
