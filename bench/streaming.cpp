// SPDX-License-Identifier: BSL-1.0
// Many pages one after the other: refused tries, memory that no cache holds, and giving back whole ranges.
#include <pinfold/range.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <span>

#include "pages.hpp"

namespace {

using namespace paired;

/// As large as Linux's struct page, and alone on its line.
template <class C = pinfold::count_defaults>
struct alignas(64) sized : pinfold::intrusive {
    pinfold::count<C> count;
    struct pinfold_policy;
};
template <class C>
void never(sized<C>*) noexcept {
    std::abort();
}
template <class C>
struct sized<C>::pinfold_policy : pinfold::page_defaults<&sized<C>::count> {
    using release = pinfold::free_at_zero<&never<C>>;
};
static_assert(sizeof(sized<>) == 64);

constexpr std::int32_t bias = 1024;
constexpr std::int32_t half = 1 << 30;  // far from zero and from overflow, however long it is measured

/// The word of a page: what code by hand works on.
std::int32_t* word_of(sized<>* p) { return reinterpret_cast<std::int32_t*>(&p->count); }

/// `n` live pages, in the order of memory or shuffled. Memory of their own, in large pages where the system has them.
class memmap {
public:
    memmap(std::size_t n, bool shuffled) : n_(n), order_(n) {
        constexpr std::size_t large = std::size_t{2} << 20;
        const std::size_t bytes = (n * sizeof(sized<>) + large - 1) / large * large;
        base_ = static_cast<sized<>*>(std::aligned_alloc(large, bytes));
        if (base_ == nullptr) std::abort();
        (void)madvise(base_, bytes, MADV_HUGEPAGE);
        for (std::size_t i = 0; i < n; ++i) {
            order_[i] = std::construct_at(base_ + i);
            order_[i]->count.set_raw(half);
        }
        if (shuffled) std::shuffle(order_.begin(), order_.end(), std::minstd_rand(7));
    }
    ~memmap() { std::free(base_); }
    memmap(const memmap&) = delete;
    memmap& operator=(const memmap&) = delete;

    /// Effects: every word far from zero and from overflow again.
    void level() {
        for (sized<>* const p : order_) p->count.set_raw(half);
    }

    /// Returns: the next n pages. All sides of a comparison walk on from where the last one stopped: nobody meets a
    /// page that another has just touched.
    std::span<sized<>* const> next(std::size_t n) {
        if (at_ + n > n_) at_ = 0;
        at_ += n;
        return {order_.data() + at_ - n, n};
    }

private:
    std::size_t n_;
    std::vector<sized<>*> order_;
    sized<>* base_ = nullptr;
    std::size_t at_ = 0;
};

/// What anybody can do with a list of pages: ask for lines ahead, and one locked instruction each.
template <class F>
void each_ahead(std::span<sized<>* const> pages, F f) {
    constexpr std::size_t ahead = 32;
    const std::size_t n = pages.size();
    std::size_t i = 0;
    for (; i + ahead < n; ++i) {
        __builtin_prefetch(pages[i + ahead], 1);
        f(pages[i]);
    }
    for (; i < n; ++i) f(pages[i]);
}

void floor_add(std::span<sized<>* const> pages) {
    each_ahead(pages, [](sized<>* p) { __atomic_fetch_add(word_of(p), bias, __ATOMIC_SEQ_CST); });
}
void floor_sub(std::span<sized<>* const> pages) {
    each_ahead(pages, [](sized<>* p) { __atomic_fetch_sub(word_of(p), bias, __ATOMIC_SEQ_CST); });
}
void try_each(std::span<sized<>* const> pages) {
    for (sized<>* const p : pages)
        if (!pinfold::page_ops<sized<>>::try_pin(p)) std::abort();
}
void compare_exchange_each(std::span<sized<>* const> pages) {
    for (sized<>* const p : pages)
        if (!add_unless_dead(*word_of(p), bias)) std::abort();
}
void grab_all(std::span<sized<>* const> pages) {
    const auto got = pinfold::detail::grab_array<pinfold::page_ops<sized<>>::pinning>(pages.data(), pages.size());
    if (got.done != pages.size()) std::abort();
}
void unpin_all(std::span<sized<>* const> pages) {
    if (pinfold::unpin_all(pages) != pages.size()) std::abort();
}

candidate over(memmap& pages, const char* name, void (*f)(std::span<sized<>* const>), std::size_t step) {
    return {name,
            [&pages, f, step](std::uint64_t n) {
                for (std::uint64_t done = 0; done < n; done += step) f(pages.next(step));
            },
            step};
}

/// A dead page: the answer is no, and the line stays where it is.
template <class C>
void refused_each(sized<C>& dead, std::uint64_t n) {
    auto* const p = unknown(&dead);
    for (std::uint64_t i = 0; i < n; ++i) {
        if (pinfold::page_ops<sized<C>>::try_pin(p)) std::abort();
        clobber(p);
    }
}
void look_each(std::int32_t& dead, std::uint64_t n) {
    std::int32_t* const word = unknown(&dead);
    for (std::uint64_t i = 0; i < n; ++i) {
        if (__atomic_load_n(word, __ATOMIC_RELAXED) >= 0) std::abort();
        clobber(word);
    }
}

void refusals(const effort& how) {
    alignas(64) static std::int32_t word = -bias;
    static sized<load_test_count> looked_at;
    static sized<> added_to;
    static sized<zero_is_dead_count> as_linux;
    std::vector<candidate> all;
    all.push_back({"load and branch", [](std::uint64_t n) { look_each(word, n); }});
    all.push_back({"looking first", [](std::uint64_t n) { refused_each(looked_at, n); }});
    all.push_back({"adding first", [](std::uint64_t n) { refused_each(added_to, n); }});
    all.push_back({"zero_is_dead", [](std::uint64_t n) { refused_each(as_linux, n); }});
    measure(all, how);
    row("3", "a dead page refused, looking first", {1.5, 1.1, "x load and branch"}, ratio(all[1], all[0]));
    row("3", "the same, zero_is_dead", {no_goal, no_goal, "x load and branch"}, ratio(all[3], all[0]));
    row("3", "the same, adding first and taking back", {no_goal, no_goal, "x load and branch"}, ratio(all[2], all[0]));
}

void cold(const effort& how) {
    constexpr std::size_t pages = std::size_t{2} << 20;
    constexpr std::size_t step = std::size_t{1} << 14;
    memmap memory(pages, true);
    std::vector<candidate> all;
    all.push_back(over(memory, "floor, add", &floor_add, step));
    all.push_back(over(memory, "try_pin", &try_each, step));
    all.push_back(over(memory, "load and compare-exchange", &compare_exchange_each, step));
    all.push_back(over(memory, "batch", &grab_all, step));
    all.push_back(over(memory, "floor, sub", &floor_sub, step));
    all.push_back(over(memory, "unpin_all", &unpin_all, step));
    for (candidate& c : all) c.operations = step;  // more would meet the pages again
    measure(all, how);
    const goal against_2019{0.60, 0.40, "x peer"};
    const std::string where = " over 128 MiB in no order, against ";
    const std::string floor = "bare additions, lines asked for ahead";
    row("4", "try_pin" + where + "load and compare-exchange", against_2019, ratio(all[1], all[2]), 9);
    row("4", "a batch" + where + floor, {1.15, 1.05}, ratio(all[3], all[0]), 9);
    row("4", "a batch" + where + "load and compare-exchange", {no_goal, no_goal, "x peer"}, ratio(all[3], all[2]), 9);
    row("4", "try_pin" + where + floor, {}, ratio(all[1], all[0]), 9);
    row("7", "unpin_all over 128 MiB in no order", {1.15, 1.05}, ratio(all[5], all[4]), 9);
}

void hot(const effort& how, std::size_t pages) {
    memmap memory(pages, false);
    std::vector<candidate> all;
    all.push_back(over(memory, "floor, add", &floor_add, pages));
    all.push_back(over(memory, "batch", &grab_all, pages));
    all.push_back(over(memory, "floor, sub", &floor_sub, pages));
    all.push_back(over(memory, "unpin_all", &unpin_all, pages));
    for (candidate& c : all) c.before = [&memory](std::uint64_t) { memory.level(); };
    measure(all, how);
    const std::string n = ", hot, N=" + std::to_string(pages);
    row("7", "unpin_all" + n, {1.02, 1.00}, ratio(all[3], all[2]));
    row("7", "pinning the same as a batch" + n, {}, ratio(all[1], all[0]));
}

}  // namespace

int main(int argc, char** argv) {
    const bool q = quick(argc, argv);
    refusals(effort::of(q));
    cold(q ? effort{30, 6, 0, 1} : effort{100, 30, 0, 1});
    for (const std::size_t pages : {16U, 512U, 4096U}) hot(q ? effort{100, 1.5, 10e3, 8} : effort{}, pages);
    return 0;
}
