// SPDX-License-Identifier: BSL-1.0
// Finding the head, by every rule: of every page of every order (T-02-1); counts of tails stay as they were (T-02-3).
#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

#include "frames.hpp"

namespace unit_heads {

using namespace pinfold;
using testing::called;

namespace {

constexpr unsigned largest_order = 10;
constexpr std::size_t pages = std::size_t{2} << largest_order;

template <class Page>
struct hooks {
    static void freed(Page* p) noexcept { called<Page>::remember(p); }
};

struct tagged {
    pinfold::count<testing::sticky_count> count;
    atomic_word<std::intptr_t> link;
    using pinfold_policy = struct tagged_policy;
};
struct tagged_policy : page_defaults<&tagged::count> {
    using head = tagged_head<&tagged::link>;
    using release = free_at_zero<&hooks<tagged>::freed>;
};

struct indexed {
    pinfold::count<testing::sticky_count> count;
    atomic_word<std::int32_t> index;
    static indexed* first() noexcept { return base; }
    static inline indexed* base = nullptr;
    using pinfold_policy = struct indexed_policy;
};
struct indexed_policy : page_defaults<&indexed::count> {
    using head = indexed_head<&indexed::index, &indexed::first>;
    using release = free_at_zero<&hooks<indexed>::freed>;
};

struct ordered {
    pinfold::count<testing::sticky_count> count;
    atomic_word<std::int8_t> order;
    static ordered* first() noexcept { return base; }
    static inline ordered* base = nullptr;
    using pinfold_policy = struct ordered_policy;
};
struct ordered_policy : page_defaults<&ordered::count> {
    using head = ordered_head<&ordered::order, &ordered::first>;
    using release = free_at_zero<&hooks<ordered>::freed>;
};

/// The user's own rule: the head's number in a byte, in a map beside the pages.
struct own {
    pinfold::count<testing::sticky_count> count;
    static inline std::array<std::uint16_t, pages> map{};
    static inline own* base = nullptr;
    using pinfold_policy = struct own_policy;
};
struct own_rule {
    static constexpr bool stable = false;
    static own* head(own* p) noexcept { return own::base + own::map[static_cast<std::size_t>(p - own::base)]; }
};
struct own_policy : page_defaults<&own::count> {
    using head = own_rule;
    using release = free_at_zero<&hooks<own>::freed>;
};

void make_block(tagged* p, unsigned order) {
    for (std::size_t i = 1; i < std::size_t{1} << order; ++i) tagged_policy::head::make_tail(p[i], *p);
}
void make_block(indexed* p, unsigned order) {
    for (std::size_t i = 0; i < std::size_t{1} << order; ++i) indexed_policy::head::set(p[i], *p);
}
void make_block(ordered* p, unsigned order) {
    for (std::size_t i = 0; i < std::size_t{1} << order; ++i) p[i].order.publish(static_cast<std::int8_t>(order));
}
void make_block(own* p, unsigned order) {
    for (std::size_t i = 0; i < std::size_t{1} << order; ++i)
        own::map[static_cast<std::size_t>(p - own::base) + i] = static_cast<std::uint16_t>(p - own::base);
}
void undo_block(tagged* p, unsigned order) {
    for (std::size_t i = 0; i < std::size_t{1} << order; ++i) tagged_policy::head::clear(p[i]);
}
template <class Page>
void undo_block(Page* p, unsigned order) {
    for (std::size_t i = 0; i < std::size_t{1} << order; ++i) make_block(p + i, 0);
}

template <class Page>
std::unique_ptr<Page[]> memmap() {
    auto all = std::make_unique<Page[]>(pages);
    if constexpr (requires { Page::base; }) Page::base = all.get();
    undo_block(all.get(), largest_order + 1);
    return all;
}

}  // namespace

TEMPLATE_TEST_CASE("every page of every order finds its head, and its head itself", "", tagged, indexed, ordered, own) {
    using ops = page_ops<TestType>;
    static_assert(counted_page<TestType>);
    auto all = memmap<TestType>();
    for (std::size_t i = 0; i < pages; ++i) REQUIRE(ops::head(&all[i]) == &all[i]);
    for (unsigned order = 0; order <= largest_order; ++order) {
        const std::size_t size = std::size_t{1} << order;
        TestType* const block = &all[size];  // naturally aligned, and not the first
        make_block(block, order);
        bool right = true;
        for (std::size_t i = 0; i < size; ++i) right = right && ops::head(block + i) == block;
        CHECK(right);
        CHECK(ops::head(block - 1) == block - 1);
        if (2 * size < pages) CHECK(ops::head(block + size) == block + size);
        undo_block(block, order);
        for (std::size_t i = 0; i < size; ++i) right = right && ops::head(block + i) == block + i;
        CHECK(right);
    }
}

TEMPLATE_TEST_CASE("what is counted on a tail is counted on its head alone", "", tagged, indexed, ordered, own) {
    using ops = page_ops<TestType>;
    called<TestType>::reset();
    auto all = memmap<TestType>();
    TestType* const block = &all[8];
    make_block(block, 3);
    block->count.init(1);
    CHECK(ops::try_get(block + 5));
    CHECK(ops::try_pin(block + 7, 2));
    ops::get(held::assumed(), block + 1);
    ops::pin(held::assumed(), block + 2);
    CHECK(ops::try_get_held(held::assumed(), block + 3));
    CHECK(ops::try_pin_held(held::assumed(), block + 4));
    CHECK(ops::raw(block + 6) == 4 + 4 * 1024);
    CHECK(ops::refs(block) == 4 + 4 * 1024);
    CHECK(static_cast<bool>(ops::maybe_pinned(block + 3)));
    for (int i = 1; i < 8; ++i) CHECK(block[i].count.raw() == -(1 << 30));
    for (int i = 0; i < 4; ++i) ops::unpin(block + i);  // any sub-page: only the number matters
    CHECK_FALSE(static_cast<bool>(ops::maybe_pinned(block + 1)));
    ops::put(block + 7, 3);
    CHECK(called<TestType>::times() == 0);
    ops::put(block + 6);
    CHECK(called<TestType>::pages == std::vector<const void*>{block});
    for (int i = 0; i < 8; ++i) CHECK(block[i].count.raw() == -(1 << 30));
}

namespace {

struct alignas(16) square {
    pinfold::count<testing::sticky_count> count;
    using pinfold_policy = struct square_policy;
};
struct square_policy : page_defaults<&square::count> {
    using head = aligned_head<4>;
    using release = no_release;
};

struct oblong {
    pinfold::count<testing::sticky_count> count;
    std::int32_t more[2];
    static oblong* first() noexcept { return base; }
    static inline oblong* base = nullptr;
    using pinfold_policy = struct oblong_policy;
};
struct oblong_policy : page_defaults<&oblong::count> {
    using head = aligned_head<4, &oblong::first>;
    using release = no_release;
};

}  // namespace

TEST_CASE("blocks of a fixed order round down, with and without a base") {
    static_assert(sizeof(square) == 16 && sizeof(oblong) == 12);
    struct alignas(16 * sizeof(square)) aligned_pages {
        square all[64];
    };
    auto squares = std::make_unique<aligned_pages>();
    auto oblongs = std::make_unique<oblong[]>(64);
    oblong::base = oblongs.get();
    for (std::size_t i = 0; i < 64; ++i) {
        CHECK(page_ops<square>::head(&squares->all[i]) == &squares->all[i / 16 * 16]);
        CHECK(page_ops<oblong>::head(&oblongs[i]) == &oblongs[i / 16 * 16]);
    }
    static_assert(square_policy::head::stable && !tagged_policy::head::stable);
}

TEST_CASE("a tagged link says whether a page is a tail") {
    auto all = memmap<tagged>();
    CHECK_FALSE(tagged_policy::head::is_tail(all[5]));
    tagged_policy::head::make_tail(all[5], all[4]);
    CHECK(tagged_policy::head::is_tail(all[5]));
    CHECK_FALSE(tagged_policy::head::is_tail(all[4]));
    all[4].link.publish(reinterpret_cast<std::intptr_t>(&all[9]));  // bit 0 clear: another use of the word
    CHECK(page_ops<tagged>::head(&all[5]) == &all[4]);
    CHECK(page_ops<tagged>::head(&all[4]) == &all[4]);
    tagged_policy::head::clear(all[5]);
    CHECK(page_ops<tagged>::head(&all[5]) == &all[5]);
}

namespace {

struct alignas(64) folded {
    pinfold::count<testing::sticky_count> count;
    atomic_word<std::intptr_t> link;
    bool is_head = false;
    using pinfold_policy = struct folded_policy;
};
bool says_head(const folded& p) noexcept { return p.is_head; }
void free_folded(folded* p) noexcept { called<folded>::remember(p); }
struct folded_policy : page_defaults<&folded::count> {
    using head = fake_aware_head<&folded::link, &says_head, 4096>;
    using release = free_at_zero<&free_folded>;
};

}  // namespace

TEST_CASE("a read-only copy of the head's descriptors is seen through") {
    constexpr std::size_t bytes = 4096, copies = 4, in_page = bytes / sizeof(folded);
    if (::sysconf(_SC_PAGESIZE) != static_cast<long>(bytes)) {
        SUCCEED("this machine's pages have another size");
        return;
    }
    // One page of descriptors, mapped four times in a row: writable once, as the head's own.
    char name[] = "/tmp/heads-XXXXXX";
    const int file = ::mkstemp(name);
    REQUIRE(file >= 0);
    ::unlink(name);
    REQUIRE(::ftruncate(file, bytes) == 0);
    void* const place = ::mmap(nullptr, copies * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(place != MAP_FAILED);
    for (std::size_t i = 0; i < copies; ++i) {
        void* const at = static_cast<char*>(place) + i * bytes;
        REQUIRE(::mmap(at, bytes, i == 0 ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED | MAP_FIXED, file, 0) == at);
    }
    auto* const all = static_cast<folded*>(place);
    for (std::size_t i = 0; i < in_page; ++i) new (all + i) folded;
    using ops = page_ops<folded>;
    CHECK(ops::head(&all[0]) == &all[0]);
    all[0].is_head = true;
    for (std::size_t i = 1; i < in_page; ++i) tagged_head<&folded::link>::make_tail(all[i], all[0]);

    bool right = true;
    for (std::size_t i = 0; i < copies * in_page; ++i) right = right && ops::head(&all[i]) == &all[0];
    CHECK(right);
    called<folded>::reset();
    all[0].count.init(1);
    CHECK(ops::try_pin(&all[in_page], 2));  // a fake head: writing there would fault
    CHECK(ops::try_get(&all[3 * in_page]));
    CHECK(all[0].count.raw() == 1 + 2 * 1024 + 1);
    ops::unpin(&all[2 * in_page], 2);
    ops::put(&all[in_page + 5], 2);
    CHECK(called<folded>::pages == std::vector<const void*>{&all[0]});
    ::munmap(place, copies * bytes);
    ::close(file);
}

}  // namespace unit_heads
