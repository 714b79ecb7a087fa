// SPDX-License-Identifier: BSL-1.0
// A block that is split while a batch is between resolving the head and checking it again (DEF-14).
#include <catch2/catch.hpp>

#include <functional>

#include <pinfold/range.hpp>

namespace range_moving_heads {

using namespace pinfold;

namespace {

/// Calls an action once: before the next grab, or before the k-th read of a head link from now.
struct probe {
    static inline std::function<void()> before_grab;
    static inline std::function<void()> before_resolve;
    static inline int resolves_left = 0;

    static void before(word_access access, const void*, std::int64_t) {
        if (access == word_access::grab && before_grab) std::exchange(before_grab, nullptr)();
        if (access == word_access::load_acquire && before_resolve && --resolves_left == 0)
            std::exchange(before_resolve, nullptr)();
    }
};

struct frame;
void give_back(frame&) noexcept;

struct counting : count_defaults {
    using word = probed_word<atomic_word<std::int32_t>, probe>;
};
struct frame {
    pinfold::count<counting> count;
    probed_word<atomic_word<std::intptr_t>, probe> link;
    int freed = 0;
    using pinfold_policy = struct policy;
};
struct policy : page_defaults<&frame::count> {
    using head = tagged_head<&frame::link>;
    using release = free_at_zero<&give_back>;
};
void give_back(frame& f) noexcept { ++f.freed; }
using heads = policy::head;

struct block {
    frame f[8];
    block() {
        f[0].count.init();
        for (int i = 1; i < 8; ++i) heads::make_tail(f[i], f[0]);
    }
    /// The upper half becomes a block of its own.
    void split() {
        REQUIRE(f[0].count.freeze(1));
        f[4].count.init();
        heads::clear(f[4]);
        for (int i = 5; i < 8; ++i) heads::make_tail(f[i], f[4]);
        f[0].count.unfreeze(1);
    }
};

}  // namespace

TEST_CASE("pages whose head changes under a batch are counted on the new head, and only there") {
    block b;
    probe::before_grab = [&b] { b.split(); };
    {
        const auto got = try_pin_all(b.f);
        REQUIRE(got);
        CHECK(b.f[0].count.raw() == 1 + 4 * 1024);
        CHECK(b.f[4].count.raw() == 1 + 4 * 1024);
    }
    CHECK(b.f[0].count.raw() == 1);
    CHECK(b.f[4].count.raw() == 1);
}

TEST_CASE("the same for a contiguous run") {
    block b;
    probe::before_grab = [&b] { b.split(); };
    {
        const auto got = try_pin_run(&b.f[2], 5);
        REQUIRE(got);
        REQUIRE(got.batch.runs().size() == 2);
        CHECK(got.batch.runs()[0].count == 2);
        CHECK(b.f[0].count.raw() == 1 + 2 * 1024);
        CHECK(b.f[4].count.raw() == 1 + 3 * 1024);
    }
    CHECK(b.f[0].count.raw() == 1);
    CHECK(b.f[4].count.raw() == 1);
}

TEST_CASE("taking back a grab on the old head frees it, once, when its owner let go meanwhile") {
    block b;
    frame other;
    other.count.init();
    // Two resolves of the two pages, the grab, then the check of the first page: there all pages move to another
    // head and the old head's owner leaves, so that the batch alone holds the old head.
    probe::resolves_left = 3;
    probe::before_resolve = [&] {
        for (int i = 1; i < 8; ++i) heads::make_tail(b.f[i], other);
        page_ops<frame>::put(&b.f[0]);
        CHECK(b.f[0].freed == 0);
        CHECK(b.f[0].count.raw() == 2);
    };
    const std::array<frame*, 2> pages{&b.f[1], &b.f[2]};
    const auto got = try_get_all(pages);
    REQUIRE(got);
    CHECK(b.f[0].freed == 1);
    CHECK(b.f[0].count.is_dead());
    CHECK(other.count.raw() == 3);
    CHECK(other.freed == 0);
}

TEST_CASE("one of several small pages becomes a tail under a batch: it is counted on its head, the others as before") {
    constexpr int together = static_cast<int>(detail::singles_at_once);
    for (int which = 0; which < together; ++which) {
        std::array<frame, detail::singles_at_once + 2> f;
        std::array<frame*, detail::singles_at_once + 2> pages;
        for (std::size_t i = 0; i < f.size(); ++i) {
            f[i].count.init();
            pages[i] = &f[i];
        }
        frame& moves = f[static_cast<std::size_t>(which)];
        int grabs = which;  // before the grab of page `which` it becomes a tail of the last
        std::function<void()> when = [&] {
            if (grabs-- > 0) {
                probe::before_grab = when;
                return;
            }
            REQUIRE(moves.count.freeze(1));
            heads::make_tail(moves, f.back());
            moves.count.unfreeze(1);
        };
        probe::before_grab = when;
        {
            const auto got = try_pin_all(pages);
            REQUIRE(got);
            for (const frame& one : f)
                if (&one != &f.back()) CHECK(one.count.raw() == (&one == &moves ? 1 : 1 + 1024));
            CHECK(f.back().count.raw() == 1 + 2 * 1024);
        }
        for (const frame& one : f) CHECK(one.count.raw() == 1);
    }
}

}  // namespace range_moving_heads
