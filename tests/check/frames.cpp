// SPDX-License-Identifier: BSL-1.0
// Pages of one's own under exploration: one template over the family of words, used by the program and by the proof.
#include <catch2/catch.hpp>
#include <pinfold/pinfold.hpp>

#include <pinfold/check.hpp>
#include <pinfold/range/grab.hpp>

namespace check = pinfold::check;

namespace {

struct frame_count : pinfold::count_defaults {
    static constexpr pinfold::budget budget{.holders = 4, .refs_each = 4, .pins_each = 4, .batch = 4};
};

template <class Words>
struct frame {
    typename Words::template count<frame_count> count;
    typename Words::template word<std::intptr_t> link;
    check::lifetime life;
    check::plain<int> data{0};

    static void free(frame* f) noexcept { f->life.end(); }
    struct pinfold_policy : pinfold::page_defaults<&frame::count> {
        using head = pinfold::tagged_head<&frame::link>;
        using release = pinfold::free_at_zero<&frame::free>;
    };
};

using real = frame<check::real_words>;
using seen = frame<check::explored_words>;
using ops = pinfold::page_ops<seen>;

struct block {
    seen head, tail, other;
};

}  // namespace

TEST_CASE("the frame of the program is as small as without the family") {
    STATIC_REQUIRE(sizeof(real::count) == 4);
    real f;
    f.count.init(1);
    auto pin = pinfold::try_pin(&f);
    CHECK(pin);
    CHECK(pinfold::maybe_pinned(&f));
}

TEST_CASE("pins of head and tail, and the owner's release, free the block once") {
    const auto r = check::explore("a block", [](check::program& p) {
        auto& b = p.make<block>("block");
        pinfold::tagged_head<&seen::link>::make_tail(b.tail, b.head);
        b.head.count.init(1);
        for (seen* const page : {&b.head, &b.tail})
            p.thread([page] {
                const auto pin = pinfold::try_pin(page);
                if (pin) ops::head(page)->life.use();
            });
        p.thread([&b] { ops::put(&b.head); });
        p.at_end([&b] { check::that(!b.head.life.alive() && b.tail.life.alive(), "the head was freed, and only it"); });
    });
    INFO(r.text());
    CHECK(r.proved());
}

TEST_CASE("a batch that meets a dying page takes back what it had, and frees it if it was the last") {
    const auto r = check::explore("a batch", [](check::program& p) {
        auto& b = p.make<block>("block");
        b.head.count.init(1), b.other.count.init(1);
        p.thread([&b] {
            seen* const pages[] = {&b.head, &b.other};
            using hold = ops::pinning;
            const auto got = pinfold::detail::grab_array<hold>(pages, 2);
            for (std::size_t i = 0; i < got.done; ++i) pages[i]->life.use();
            pinfold::detail::release_array<hold>(pages, got.done);
        });
        p.thread([&b] { ops::put(&b.other), ops::put(&b.head); });
        p.at_end([&b] { check::that(!b.head.life.alive() && !b.other.life.alive(), "both pages are freed"); });
    });
    INFO(r.text());
    CHECK(r.proved());
}

TEST_CASE("a batch on a block that is split meanwhile ends with balanced counts") {
    const auto r = check::explore("a split batch", [](check::program& p) {
        auto& b = p.make<block>("block");
        using heads = pinfold::tagged_head<&seen::link>;
        heads::make_tail(b.tail, b.head);
        b.head.count.init(1);
        p.thread([&b] {
            seen* const pages[] = {&b.head, &b.tail};
            using hold = ops::pinning;
            const auto got = pinfold::detail::grab_array<hold>(pages, 2);
            pinfold::detail::release_array<hold>(pages, got.done);
        });
        p.thread([&b] {
            if (!b.head.count.freeze(1)) return;
            b.tail.count.init(1);
            heads::clear(b.tail);
            b.head.count.unfreeze(1);
        });
        p.at_end([&b] {
            check::that(b.head.count.raw() == 1, "the head has its baseline");
            check::that(heads::is_tail(b.tail) || b.tail.count.raw() == 1, "so has the tail that is one no more");
        });
    });
    INFO(r.text());
    CHECK(r.proved());
}

TEST_CASE("an owner's smart pointers, copied and dropped by three threads, free the page once") {
    const auto r = check::explore("owners", [](check::program& p) {
        auto& f = p.make<seen>("page");
        f.count.init(3);
        for (int i = 0; i < 3; ++i)
            p.thread([&f] {
                const auto mine = pinfold::page_ref<seen>::adopt(&f);
                const auto more = mine.again();
                f.life.use();
            });
        p.at_end([&f] { check::that(!f.life.alive(), "the last owner freed it"); });
    });
    INFO(r.text());
    CHECK(r.proved());
}

TEST_CASE("parts of an object have names in traces") {
    const auto r = check::explore("names", [](check::program& p) {
        auto& f = p.make<seen>("page");
        p.name(f.count, "the count");
        p.thread([&f] { f.count.init(1), check::that(f.count.raw() == 2, "it is two"); });
    });
    CHECK(r.found == check::fault::assertion);
    CHECK(r.text().find("the count") != std::string::npos);
}
