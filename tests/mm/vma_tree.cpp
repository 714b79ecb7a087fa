// SPDX-License-Identifier: BSL-1.0
// VMAs found by the pages they show: whatever came, went and changed, as many as a look at each would find, in order.
#include <catch2/catch.hpp>

#include <pinfold/mm/vma_tree.hpp>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

namespace vma_tree_tests {

namespace mm = pinfold::mm;

namespace {

using tree = mm::vma_tree<&mm::vma::in_file>;

struct forest {
    tree t;
    std::deque<mm::vma> all;
    std::vector<mm::vma*> inside;  // in the order in which they came

    void show(mm::vma& v, std::uint64_t first, std::uint64_t pages) {
        v.pgoff = first;
        v.start = 0x100000;
        v.end = v.start + pages * mm::page_size;
    }
    void add(std::uint64_t first, std::uint64_t pages) {
        mm::vma& v = all.emplace_back();
        show(v, first, pages);
        t.insert(v);
        inside.push_back(&v);
    }
    [[nodiscard]] std::vector<mm::vma*> found(std::uint64_t first, std::uint64_t n) const {
        std::vector<mm::vma*> out;
        t.each_overlapping(first, n, [&](mm::vma& v) { out.push_back(&v); });
        return out;
    }
    [[nodiscard]] std::vector<mm::vma*> expected(std::uint64_t first, std::uint64_t n) const {
        std::vector<mm::vma*> out;
        for (mm::vma* v : inside)
            if (first < v->pgoff + v->pages() && (n > ~first || first + n > v->pgoff)) out.push_back(v);
        std::stable_sort(out.begin(), out.end(), [](const mm::vma* a, const mm::vma* b) { return a->pgoff < b->pgoff; });
        return out;
    }
};

/// Steps from the root to the deepest VMA.
unsigned depth(const mm::vma* v) {
    return v ? 1 + std::max(depth(v->in_file.left), depth(v->in_file.right)) : 0;
}

}  // namespace

TEST_CASE("VMAs come, go and change: those that show a page are found, in the order of their pages and of their coming",
          "[vma-tree]") {
    std::mt19937 roll(3);
    forest f;
    for (int step = 0; step < 6000; ++step) {
        const std::uint64_t first = roll() % 60, pages = 1 + roll() % (roll() % 4 == 0 ? 40 : 4);
        const unsigned what = roll() % 8;
        if (f.inside.size() < 3 || (what < 3 && f.inside.size() < 60)) {
            f.add(first, pages);
        } else if (what < 5) {
            const auto it = f.inside.begin() + static_cast<long>(roll() % f.inside.size());
            f.t.erase(**it);
            f.inside.erase(it);
        } else if (what == 5) {  // other pages, the old turn
            mm::vma& v = *f.inside[roll() % f.inside.size()];
            f.t.erase(v);
            f.show(v, first, pages);
            f.t.put_back(v);
        }
        const std::uint64_t n = roll() % 8 == 0 ? ~std::uint64_t{0} : 1 + roll() % 5;
        if (f.found(first, n) != f.expected(first, n)) {
            CAPTURE(step, first, n);
            REQUIRE(f.found(first, n) == f.expected(first, n));
        }
    }
    for (mm::vma* v : f.inside) f.t.erase(*v);
    CHECK(f.t.empty());
}

TEST_CASE("A tree stays flat, whatever the order of coming", "[vma-tree]") {
    constexpr std::uint64_t n = 4096;
    for (const int order : {0, 1, 2}) {
        forest f;
        for (std::uint64_t i = 0; i < n; ++i) f.add(order == 0 ? i : order == 1 ? n - i : 7, 1);
        unsigned deepest = 0;
        for (const mm::vma* v : f.inside) deepest = std::max(deepest, depth(v));  // one of them is the root
        CHECK(deepest < 48);  // four times the least there can be
        CHECK(f.found(7, 1).size() == (order == 2 ? n : 1));
    }
}

}  // namespace vma_tree_tests
