// SPDX-License-Identifier: BSL-1.0
// Real threads: faults, unmapping, protection, both walks, all at once; afterwards every count balances.
#include <random>
#include <thread>

#include "box.hpp"

namespace threads {

using namespace mmt;

namespace {

template <class P>
class storm {
public:
    explicit storm(int rounds) : rounds_(rounds) {
        w_.box.warn().set_handler([](mm::warn_id, std::int64_t) noexcept {});
    }

    void run() {
        base_ = vaddr{1} << 42;
        for (unsigned r = 0; r < regions; ++r) remap(r);
        std::vector<std::thread> threads;
        for (unsigned k = 0; k < 4; ++k) threads.emplace_back([this, k] { work(k); });
        for (auto& t : threads) t.join();
        CHECK(w_.box.counters().live() == 0);
        CHECK(w_.box.warn().total() == 0);
        w_.audit();
        w_.box.exit(w_.t);
        for (const std::string& fault : mm::audit(w_.box)) FAIL_CHECK(fault);
    }

private:
    static constexpr unsigned regions = 4;
    static constexpr std::uint64_t length = 4_MiB;

    vaddr region(unsigned r) const { return base_ + r * 1_GiB; }
    void remap(unsigned r) {
        const mm::mapping m{.shared = r == 3, .at = region(r), .replace = true, .huge = r < 2};
        (void)w_.t.mmap(length, m);
    }

    void work(unsigned who) {
        std::mt19937 rng(who + 1);
        std::vector<frame<P>*> pages(64);
        for (int i = 0; i < rounds_; ++i) {
            const auto r = static_cast<unsigned>(rng() % regions);
            const vaddr a = region(r) + rng() % (length >> mm::page_shift) * 4096;
            const auto n = static_cast<long>(1 + rng() % 64);
            switch (rng() % 12) {
                case 0: (void)w_.t.touch(a, true); break;
                case 1: (void)w_.t.touch(a, false); break;
                case 2: (void)w_.t.madvise(a & ~(64_KiB - 1), 64_KiB, mm::advice::dontneed); break;
                case 3: (void)w_.t.mprotect(region(r), length, rng() % 2 == 0 ? mm::prot::read : mm::prot::rw); break;
                case 4:
                    if (rng() % 8 == 0) remap(r);
                    break;
                case 5: (void)w_.t.madvise(region(r), length, mm::advice::dontneed); break;
                case 6: use(w_.t.get_user_pages_fast(a, n, rng() % 2 ? foll::write : 0, pages), pages, false); break;
                case 7: use(w_.t.pin_user_pages(a, static_cast<std::uint64_t>(n), rng() % 2 ? foll::write : 0, pages), pages, true); break;
                default: use(w_.t.pin_user_pages_fast(a, n, rng() % 2 ? foll::write : 0, pages), pages, true); break;
            }
        }
    }
    void use(long got, std::vector<frame<P>*>& pages, bool pin) {
        if (got <= 0) return;
        const std::span<frame<P>* const> held(pages.data(), static_cast<std::size_t>(got));
        for (auto* p : held) {  // a live hold: never on a free list
            const auto* head = w_.box.phys().head(p);
            if (head->is(mm::pg::buddy) || head->count.refs() <= 0) std::abort();
        }
        if (pin) w_.t.unpin_user_pages(held);
        else w_.t.put_pages(held);
    }

    int rounds_;
    world<P> w_;
    vaddr base_ = 0;
};

}  // namespace

TEMPLATE_TEST_CASE("threads fault, unmap, protect and pin one address space, and every count balances", "[threads]",
                   product_2019, product_6_12) {
    storm<TestType> s(1500);
    s.run();
}

TEST_CASE("threads with address spaces of their own share a machine", "[threads]") {
    mm::machine<product_6_12> box(small());
    std::vector<std::thread> threads;
    for (unsigned k = 0; k < 4; ++k)
        threads.emplace_back([&box] {
            for (int round = 0; round < 5; ++round) {
                auto& t = box.spawn();
                const auto a = t.mmap(1_MiB);
                std::vector<frame<product_6_12>*> pages(256);
                if (t.pin_user_pages_fast(*a, 256, foll::write, pages) != 256) std::abort();
                box.exit(t);
                mm::unpin_array<product_6_12>(box.phys(), pages, false);
            }
        });
    for (auto& t : threads) t.join();
    CHECK(box.counters().live() == 0);
    for (const std::string& fault : mm::audit(box)) FAIL_CHECK(fault);
}

}  // namespace threads
