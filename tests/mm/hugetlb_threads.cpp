// SPDX-License-Identifier: BSL-1.0
// Huge pages and real threads: faults, pins, unmapping, fork, cutting the file, all at once from one small pool;
// afterwards every page is back in it.
#include <random>
#include <thread>

#include "hugetlb_box.hpp"

namespace hugetlb_threads {

using namespace mmt;

namespace {

constexpr std::uint64_t pool_pages = 12;

template <class P>
class huge_storm {
public:
    void run(int rounds) {
        box_.warn().set_handler([](mm::warn_id, std::int64_t) noexcept {});
        file_ = &box_.create_huge_file(6_MiB, mm::pmd_order);
        for (unsigned r = 0; r < 3; ++r) remap(r);
        std::vector<std::thread> threads;
        for (unsigned k = 0; k < 4; ++k) threads.emplace_back([this, k, rounds] { work(k, rounds); });
        for (auto& t : threads) t.join();
        CHECK(box_.counters().live() == 0);
        CHECK(box_.warn().total() == 0);
        for (const std::string& fault : mm::audit(box_)) FAIL_CHECK(fault);
        box_.exit(t_);
        box_.close(*file_);
        const auto s = box_.phys().hugetlb.of(mm::pmd_order)->state();
        CHECK(s.free == static_cast<std::int64_t>(pool_pages));
        CHECK(s.reserved == 0);
        for (const std::string& fault : mm::audit(box_)) FAIL_CHECK(fault);
    }

private:
    /// 0: private memory, 1: the file shared, 2: the file private, without promises.
    void remap(unsigned r) {
        mm::mapping m{.at = region(r), .replace = true};
        if (r == 0) m.huge_order = mm::pmd_order;
        else m.source = file_;
        m.shared = r == 1;
        m.noreserve = r == 2;
        (void)t_.mmap(r == 0 ? 4_MiB : 6_MiB, m);
    }
    static vaddr region(unsigned r) { return (vaddr{1} << 42) + r * 1_GiB; }

    void work(unsigned who, int rounds) {
        std::mt19937 rng(who + 1);
        std::vector<frame<P>*> pages(700);
        for (int i = 0; i < rounds; ++i) {
            const auto r = static_cast<unsigned>(rng() % 3);
            const vaddr a = region(r) + rng() % 1536 * 4096;
            const auto n = static_cast<long>(1 + rng() % 700);
            long got = 0;
            switch (rng() % 12) {
                case 0: (void)t_.touch(a, true); break;
                case 1: (void)t_.touch(a, false); break;
                case 2: (void)t_.madvise(mm::align_down(a, 2_MiB), 2_MiB, mm::advice::dontneed); break;
                case 3: (void)t_.mprotect(region(r), 2_MiB, rng() % 2 == 0 ? mm::prot::read : mm::prot::rw); break;
                case 4: remap(r); break;
                case 5: {
                    const auto child = box_.fork(t_);
                    if (!child) break;
                    (void)(*child)->touch(a, true);
                    box_.exit(**child);
                    break;
                }
                case 6:
                    if (rng() % 2 == 0) (void)box_.fallocate(*file_, mm::file_change::punch, 2_MiB, 2_MiB);
                    else if (box_.truncate(*file_, 4_MiB) == 0) (void)box_.truncate(*file_, 6_MiB);
                    break;
                case 8: pin_folios(); break;
                case 9: {
                    mm::io_buffer<P> buffer(box_.phys());
                    (void)buffer.register_buffer(t_, a, static_cast<std::uint64_t>(n) << mm::page_shift);
                    break;
                }
                case 7: got = t_.pin_user_pages(a, static_cast<std::uint64_t>(n), rng() % 2 == 0 ? foll::write : 0U, pages); break;
                default: got = t_.pin_user_pages_fast(a, n, rng() % 2 == 0 ? foll::write : 0U, pages); break;
            }
            if (got > 0) t_.unpin_user_pages_dirty_lock({pages.data(), static_cast<std::size_t>(got)}, rng() % 2 == 0);
        }
    }

    void pin_folios() {
        std::vector<frame<P>*> folios(3);
        std::uint64_t offset = 0;
        if constexpr (requires { t_.memfd_pin_folios(*file_, 0, 1, folios, &offset); }) {
            const long n = t_.memfd_pin_folios(*file_, 0, 4_MiB - 1, folios, &offset);
            for (long k = 0; k < n; ++k) t_.unpin_folio(folios[static_cast<std::size_t>(k)]);
        }
    }

    mm::machine<P> box_{with_pools(pool_pages)};
    mm::task<P>& t_ = box_.spawn();
    mm::file* file_ = nullptr;
};

}  // namespace

TEST_CASE("Threads share a small pool of huge pages and lose none: linux_6_12", "[hugetlb-threads]") {
    huge_storm<product_6_12>().run(400);
}
TEST_CASE("Threads share a small pool of huge pages and lose none: 2019", "[hugetlb-threads]") {
    huge_storm<product_2019>().run(400);
}

}  // namespace hugetlb_threads
