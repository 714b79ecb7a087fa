// SPDX-License-Identifier: BSL-1.0
// What is counted beside the count: statistics, traces, exemption, dirt; and in which order.
#include <catch2/catch.hpp>

#include <string>
#include <thread>

#include "frames.hpp"

namespace unit_statistics {

using namespace pinfold;
using testing::recorder;

namespace {

/// Everything that happens to a page, one letter each: a acquired, r released, g granted, t returning, d dirty,
/// f freed; capitals carry the number.
struct diary {
    static inline std::string events;
    static void write(char c, std::uint64_t n) { events += c + std::to_string(n) + ' '; }
};

template <class Liveness, class Pins = overlay_pins<>>
struct counting : count_defaults {
    using pins = Pins;
    using liveness = Liveness;
    using warnings = recorder;
    static constexpr bool blocks_pins = Pins::form != pin_form::exact && Pins::form != pin_form::none;
};

template <class Count>
struct frame_policy;
template <class Count>
struct frame {
    pinfold::count<Count> count;
    bool zero = false;
    bool dirty = false;
    using pinfold_policy = frame_policy<Count>;
};

template <class Count>
struct diarist {
    template <class Page>
    static void acquired(const Page&, std::uint64_t n) noexcept { diary::write('a', n); }
    template <class Page>
    static void released(const Page&, std::uint64_t n) noexcept { diary::write('r', n); }
    template <class Page>
    static void granted(const Page&, hold_kind k, std::uint64_t n) noexcept { diary::write(k == hold_kind::pin ? 'G' : 'g', n); }
    template <class Page>
    static void returning(const Page& p, hold_kind k, std::uint64_t n) noexcept {
        diary::write(p.count.is_dead() ? '!' : k == hold_kind::pin ? 'T' : 't', n);
    }
    static void mark(frame<Count>* p) noexcept {
        p->dirty = true;
        diary::write(static_cast<bool>(p->count.maybe_pinned()) ? 'd' : '!', 0);
    }
    static void give_back(frame<Count>* p) noexcept { diary::write(p->dirty ? 'F' : 'f', 0); }
    static bool is_zero(const frame<Count>& p) noexcept { return p.zero; }
};

template <class Count>
struct frame_policy : page_defaults<&frame<Count>::count> {
    using statistics = diarist<Count>;
    using trace = diarist<Count>;
    using dirtying = dirty_with<&diarist<Count>::mark>;
    using release = free_at_zero<&diarist<Count>::give_back>;
    using exempt = exempt_if<&diarist<Count>::is_zero>;
};

using zero = counting<zero_is_dead>;
using sticky = counting<sticky_dead>;
using exact = counting<sticky_dead, exact_pins>;

}  // namespace

TEMPLATE_TEST_CASE("a release is counted before the page can be freed", "", zero, sticky, exact) {  // DEF-11
    using ops = page_ops<frame<TestType>>;
    diary::events.clear(), recorder::reset();
    frame<TestType> f;
    f.count.init(1);
    CHECK(ops::try_pin(&f, 3));
    ops::put(&f);
    ops::unpin(&f, 3);
    CHECK(diary::events == "a3 G3 t1 T3 r3 f0 ");
}

TEMPLATE_TEST_CASE("references are traced and are no statistics", "", zero, sticky, exact) {
    using ops = page_ops<frame<TestType>>;
    diary::events.clear();
    frame<TestType> f;
    f.count.init(1);
    CHECK((ops::try_get(&f, 2) && ops::try_get_held(held::assumed(), &f)));
    ops::get(held::assumed(), &f, 4);
    ops::put(&f, 7);
    CHECK(diary::events == "g2 g1 g4 t7 ");
}

TEMPLATE_TEST_CASE("every way to pin counts", "", zero, sticky, exact) {
    using ops = page_ops<frame<TestType>>;
    diary::events.clear();
    frame<TestType> f;
    f.count.init(1);
    ops::pin(held::assumed(), &f, 2);
    CHECK(ops::try_pin_held(held::assumed(), &f, 5));
    auto one = try_pin(&f);
    auto two = one.again();
    CHECK(diary::events == "a2 G2 a5 G5 a1 G1 a1 G1 ");
    diary::events.clear();
    one.reset(), two.reset();
    ops::unpin(&f, 7);
    CHECK(diary::events == "T1 r1 T1 r1 T7 r7 ");
}

TEMPLATE_TEST_CASE("a refused attempt counts on neither side", "", zero, sticky, exact) {  // spec 01 §8
    using ops = page_ops<frame<TestType>>;
    diary::events.clear(), recorder::reset();
    frame<TestType> f;
    CHECK_FALSE(ops::try_pin(&f));
    CHECK_FALSE(ops::try_get(&f));
    f.count.init(1);
    CHECK(ops::try_pin(&f, std::uint64_t{1} << 40).error == errc::batch_limit);
    CHECK(ops::block_pins(held::assumed(), &f));
    CHECK(ops::try_pin(&f).error == errc::pins_blocked);
    CHECK(ops::try_pin_held(held::assumed(), &f).error == errc::pins_blocked);
    ops::unblock_pins(held::assumed(), &f);
    CHECK(diary::events.empty());
}

TEMPLATE_TEST_CASE("a page is marked dirty before its pin is gone, and only when somebody says so", "", zero, sticky, exact) {
    using ops = page_ops<frame<TestType>>;
    diary::events.clear();
    frame<TestType> f;
    f.count.init(1);
    SECTION("the raw form") {
        CHECK(ops::try_pin(&f, 2));
        ops::put(&f);
        ops::unpin_dirty(&f, 2);
        CHECK(diary::events == "a2 G2 t1 d0 T2 r2 F0 ");
    }
    SECTION("the owner says so") {
        auto pin = try_pin(&f);
        pin.set_dirty();
        ops::put(&f);
        pin.reset();
        CHECK(diary::events == "a1 G1 t1 d0 T1 r1 F0 ");
        CHECK_FALSE(pin);
    }
    SECTION("the wish moves with the pin, and ends with it") {
        auto pin = try_pin(&f);
        pin.set_dirty();
        auto moved = std::move(pin);
        diary::events.clear();
        moved = try_pin(&f);
        CHECK(diary::events == "a1 G1 d0 T1 r1 ");
        diary::events.clear();
        moved.reset();
        CHECK(diary::events == "T1 r1 ");
    }
    SECTION("nobody says so") {
        try_pin(&f).reset();
        CHECK_FALSE(f.dirty);
    }
    SECTION("one more pin does not inherit the wish") {
        auto pin = try_pin(&f);
        pin.set_dirty();
        pin.again().reset();
        CHECK_FALSE(f.dirty);
    }
    SECTION("whoever takes the pin over takes the dirtying over") {
        auto pin = try_pin(&f);
        pin.set_dirty();
        CHECK(pin.release() == &f);
        CHECK_FALSE(f.dirty);
        pin.reset();
        pin = page_pin<frame<TestType>>::adopt(&f);
        pin.reset();
        CHECK_FALSE(f.dirty);
    }
}

TEMPLATE_TEST_CASE("pins of an exempt page are granted and change nothing; references count", "", zero, sticky, exact) {  // spec 01 §6
    using ops = page_ops<frame<TestType>>;
    diary::events.clear();
    frame<TestType> f;
    f.zero = true;
    f.count.init(7);
    CHECK(ops::try_pin(&f, 3));
    ops::pin(held::assumed(), &f);
    CHECK(ops::try_pin_held(held::assumed(), &f));
    ops::unpin(&f, 4);
    ops::unpin_dirty(&f);
    CHECK(f.count.raw() == 7);
    CHECK_FALSE(f.dirty);
    CHECK(diary::events.empty());
    CHECK((ops::try_get(&f) && f.count.raw() == 8));
    ops::put(&f);
    CHECK(f.count.raw() == 7);
    CHECK(diary::events == "g1 t1 ");
}

// ---- sharded statistics -----------------------------------------------------------------------------------------

namespace {

template <class Tag>
struct counted_policy;
template <class Tag>
struct counted_frame {
    pinfold::count<sticky> count;
    using pinfold_policy = counted_policy<Tag>;
};
template <class Tag>
struct counted_policy : page_defaults<&counted_frame<Tag>::count> {
    using statistics = sharded_statistics<Tag>;
    using release = no_release;
};

}  // namespace

TEST_CASE("totals are per tag, in pins asked for") {
    struct one;
    struct two;
    using stats = sharded_statistics<one>;
    using ops = page_ops<counted_frame<one>>;
    counted_frame<one> f;
    f.count.init(1);
    CHECK(stats::totals().live() == 0);
    CHECK(ops::try_pin(&f, 512));
    CHECK(stats::totals().acquired == 512);
    CHECK(stats::totals().released == 0);
    CHECK(stats::totals().live() == 512);
    ops::unpin(&f, 500);
    CHECK(stats::totals().live() == 12);
    CHECK(sharded_statistics<two>::totals().acquired == 0);
    ops::unpin(&f, 12);
    CHECK(stats::totals().live() == 0);
    CHECK(stats::totals().acquired == 512);
}

TEST_CASE("what a thread counted stays when it ends, also when another gives it back") {
    struct tag;
    using stats = sharded_statistics<tag>;
    using ops = page_ops<counted_frame<tag>>;
    counted_frame<tag> f;
    f.count.init(1);
    for (int i = 1; i <= 3; ++i) {
        bool granted = false;
        std::thread([&] { granted = static_cast<bool>(ops::try_pin(&f, 10)); }).join();
        CHECK(granted);
        CHECK(stats::totals().acquired == 10u * static_cast<unsigned>(i));
    }
    std::thread([&] { ops::unpin(&f, 25); }).join();
    ops::unpin(&f, 5);
    CHECK(stats::totals().acquired == 30);
    CHECK(stats::totals().released == 30);
    CHECK(stats::totals().live() == 0);
}

TEST_CASE("a pin that a thread gives back at its very end is counted") {
    struct tag;
    using stats = sharded_statistics<tag>;
    static counted_frame<tag> f;
    f.count.init(1);
    std::thread([] {
        thread_local page_pin<counted_frame<tag>> mine;  // before the thread's first count: destroyed after its counters
        (void)mine.get();
        mine = try_pin(&f);
    }).join();
    CHECK(f.count.raw() == 1);
    CHECK(stats::totals().acquired == 1);
    CHECK(stats::totals().released == 1);
}

}  // namespace unit_statistics
