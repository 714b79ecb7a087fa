// SPDX-License-Identifier: BSL-1.0
// Release hooks: which fires, when, how often, for every way to let go (T-03-1, T-03-2, R-04).
#include <catch2/catch.hpp>

#include <algorithm>

#include "frames.hpp"

namespace unit_release {

using namespace pinfold;
using testing::called;

namespace {

struct freed_tag;
struct idle_tag;
struct wake_tag;
struct gone_tag;
using freed = called<freed_tag>;
using idle = called<idle_tag>;
using wake = called<wake_tag>;
using gone = called<gone_tag>;

template <class Tag, class Page>
void note(Page* p) noexcept {
    called<Tag>::remember(p);
}
template <class Tag, class Page>
void note_reference(Page& p) noexcept {
    called<Tag>::remember(&p);
}

template <class Pins, class Liveness>
struct counting : count_defaults {
    using word = unsync_word<std::int32_t>;
    using pins = Pins;
    using liveness = Liveness;
    using warnings = testing::recorder;
    static constexpr bool blocks_pins = Pins::form != pin_form::exact && Pins::form != pin_form::none;
};

template <class Count, int Kind>
struct frame;
template <class Count, int Kind>
struct frame_policy;

template <class Count, int Kind>
struct frame {
    pinfold::count<Count> count;
    bool device = false;
    using pinfold_policy = frame_policy<Count, Kind>;
};

using devices = device_switch<struct release_test>;
template <class Page>
bool is_device(const Page& p) noexcept {
    return p.device;
}

template <class Count, int Kind>
struct base : page_defaults<&frame<Count, Kind>::count> {};
template <class Count>
struct frame_policy<Count, 0> : base<Count, 0> {
    using release = free_at_zero<&note<freed_tag, frame<Count, 0>>>;
};
template <class Count>
struct frame_policy<Count, 1> : base<Count, 1> {
    using release = idle_at_one<&note<idle_tag, frame<Count, 1>>>;
};
template <class Count>
struct frame_policy<Count, 2> : base<Count, 2> {
    using release = on_release<idle_at_one<&note<wake_tag, frame<Count, 2>>>,
                               free_at_zero<&note_reference<gone_tag, frame<Count, 2>>>>;
};
template <class Count>
struct frame_policy<Count, 3> : base<Count, 3> {
    using release = by_kind<devices, &is_device<frame<Count, 3>>,
                            on_release<idle_at_one<&note<wake_tag, frame<Count, 3>>>, free_at_zero<&note<gone_tag, frame<Count, 3>>>>,
                            free_at_zero<&note<freed_tag, frame<Count, 3>>>>;
};
template <class Count>
struct frame_policy<Count, 4> : base<Count, 4> {
    using release = no_release;
};

using overlay_zero = counting<overlay_pins<>, zero_is_dead>;
using overlay_sticky = counting<overlay_pins<>, sticky_dead>;
using exact_zero = counting<exact_pins, zero_is_dead>;
using exact_sticky = counting<exact_pins, sticky_dead>;

void reset() { freed::reset(), idle::reset(), wake::reset(), gone::reset(), testing::recorder::reset(); }

enum class let { put, unpin, put_two, unpin_three, ref_object, pin_object };

/// Lets go in every order of 1 put, 1 put of 2, 1 unpin, 1 unpin of 3 and one owner of each kind: calls
/// check(page) after each order.
template <class Page, class Check>
void in_every_order(Page& page, std::uint64_t baseline, bool device, Check check) {
    using ops = page_ops<Page>;
    std::vector<let> order{let::put, let::unpin, let::put_two, let::unpin_three, let::ref_object, let::pin_object};
    do {
        reset();
        page.device = device;
        page.count.init(baseline);
        REQUIRE((ops::try_get(&page, 3) && ops::try_pin(&page, 4)));
        auto ref = try_get(&page);
        auto pin = try_pin(&page);
        for (const let what : order) {
            switch (what) {
                case let::put: ops::put(&page); break;
                case let::put_two: ops::put(&page, 2); break;
                case let::unpin: ops::unpin(&page); break;
                case let::unpin_three: ops::unpin(&page, 3); break;
                case let::ref_object: ref.reset(); break;
                case let::pin_object: pin.reset(); break;
            }
        }
        check();
    } while (std::next_permutation(order.begin(), order.end()));
}

}  // namespace

TEMPLATE_TEST_CASE("an ordinary page is freed once, by the last of any order", "", overlay_zero, overlay_sticky, exact_zero, exact_sticky) {
    using page = frame<TestType, 0>;
    page p;
    bool once = true;
    int orders = 0;
    in_every_order(p, 1, false, [&] {
        ++orders;
        once = once && freed::times() == 0;  // the baseline is left
        page_ops<page>::put(&p);
        once = once && freed::times() == 1 && freed::pages[0] == &p && p.count.is_dead();
    });
    CHECK(once);
    CHECK(orders == 720);
}

TEMPLATE_TEST_CASE("a device page is idle once, at the last of any order, and gone only when its baseline goes", "", overlay_zero,
                   overlay_sticky, exact_zero, exact_sticky) {
    using page = frame<TestType, 2>;
    page p;
    bool once = true;
    in_every_order(p, 1, true, [&] {
        once = once && wake::times() == 1 && wake::pages[0] == &p && gone::times() == 0 && p.count.refs() == 1;
        page_ops<page>::put(&p);
        once = once && wake::times() == 1 && gone::times() == 1 && p.count.is_dead();
    });
    CHECK(once);
}

TEMPLATE_TEST_CASE("idle alone says nothing at zero", "", overlay_zero, overlay_sticky) {
    using page = frame<TestType, 1>;
    using ops = page_ops<page>;
    reset();
    page p;
    p.count.init(1);
    for (int busy = 1; busy <= 3; ++busy) {  // once per busy period
        CHECK((ops::try_get(&p) && ops::try_pin(&p)));
        ops::put(&p);
        CHECK(idle::times() == busy - 1);
        ops::unpin(&p);
        CHECK(idle::times() == busy);
    }
    // The two boundaries: 2 → 1 and 1025 → 1.
    CHECK(ops::try_get(&p));
    ops::put(&p);
    CHECK(idle::times() == 4);
    CHECK(ops::try_pin(&p));
    ops::unpin(&p);
    CHECK(idle::times() == 5);
    CHECK(ops::try_pin(&p, 500));
    ops::unpin(&p, 500);
    CHECK(idle::times() == 6);
    ops::put(&p);
    CHECK(idle::times() == 6);
    CHECK(p.count.is_dead());
}

TEMPLATE_TEST_CASE("a device's destruction: the baseline goes first, the last pin is the end", "", overlay_zero, overlay_sticky) {
    using page = frame<TestType, 2>;  // spec 03 §2: 1 + 1024 k − 1
    using ops = page_ops<page>;
    reset();
    page p;
    p.count.init(1);
    CHECK(ops::try_pin(&p, 2));
    ops::put(&p);
    CHECK(p.count.raw() == 2048);
    ops::unpin(&p);
    CHECK((wake::times() == 0 && gone::times() == 0));
    ops::unpin(&p);
    CHECK((wake::times() == 0 && gone::times() == 1));
}

TEMPLATE_TEST_CASE("by_kind asks the switch and the page", "", overlay_zero, overlay_sticky, exact_sticky) {
    using page = frame<TestType, 3>;
    using ops = page_ops<page>;
    const auto busy_period = [](page& p) {
        reset();
        p.count.init(1);
        REQUIRE((ops::try_get(&p) && ops::try_pin(&p)));
        ops::unpin(&p);
        ops::put(&p);
        ops::put(&p);
    };
    page device, ordinary;
    device.device = true;
    SECTION("switch off: a device page is like any other") {  // T-03-7
        CHECK_FALSE(devices::on());
        busy_period(device);
        CHECK((wake::times() == 0 && gone::times() == 0 && freed::times() == 1));
    }
    SECTION("switch on") {
        devices::device_added();
        devices::device_added();
        devices::device_removed();
        CHECK(devices::on());  // one is left
        busy_period(device);
        CHECK((wake::times() == 1 && gone::times() == 1 && freed::times() == 0));
        busy_period(ordinary);
        CHECK((wake::times() == 0 && gone::times() == 0 && freed::times() == 1));
        devices::device_removed();
        CHECK_FALSE(devices::on());
    }
}

TEST_CASE("without a release nothing happens at zero, and the page is dead") {
    using page = frame<overlay_sticky, 4>;
    reset();
    page p;
    p.count.init(1);
    page_ops<page>::put(&p);
    CHECK(p.count.is_dead());
    CHECK(freed::times() + idle::times() + wake::times() + gone::times() == 0);
}

TEMPLATE_TEST_CASE("a frozen page is nobody's release", "", overlay_zero, overlay_sticky) {
    using page = frame<TestType, 2>;
    reset();
    page p;
    p.count.init(1);
    CHECK(p.count.freeze(1));
    CHECK_FALSE(page_ops<page>::try_get(&p));
    CHECK_FALSE(page_ops<page>::try_pin(&p));
    p.count.unfreeze(1);
    CHECK((wake::times() == 0 && gone::times() == 0));
    CHECK(page_ops<page>::try_get(&p));
    page_ops<page>::put(&p);
    CHECK(wake::times() == 1);
}

TEMPLATE_TEST_CASE("a page that became idle while its pins were blocked is told so", "", overlay_zero, overlay_sticky, exact_zero,
                   exact_sticky) {
    using page = frame<TestType, 2>;  // the blocker's evidence is a lock, the owner's baseline stays
    using ops = page_ops<page>;
    reset();
    page p;
    p.count.init(1);
    CHECK(ops::try_get(&p));
    CHECK(ops::block_pins(held::assumed(), &p));
    CHECK(ops::try_pin(&p).error == errc::pins_blocked);
    ops::put(&p);
    ops::unblock_pins(held::assumed(), &p);
    CHECK(p.count.raw() == 1);
    CHECK(wake::times() == 1);
    CHECK(gone::times() == 0);
    CHECK(testing::recorder::all() == 0);
}

TEMPLATE_TEST_CASE("blocking through pages refuses pins and nothing else", "", overlay_zero, overlay_sticky, exact_zero, exact_sticky) {
    using page = frame<TestType, 0>;
    using ops = page_ops<page>;
    reset();
    page p;
    p.count.init(1);
    auto pin = try_pin(&p);
    CHECK_FALSE(ops::block_pins(held{pin}, &p));
    pin.reset();
    auto mine = try_get(&p);
    CHECK(ops::block_pins(held{mine}, &p));
    errc why{};
    CHECK_FALSE(try_pin(&p, why));
    CHECK(why == errc::pins_blocked);
    CHECK(try_get(&p, why));
    CHECK(why == errc::ok);
    ops::unblock_pins(held{mine}, &p);
    CHECK(try_pin(&p, why));
    CHECK(why == errc::ok);
    mine.reset();
    CHECK(freed::times() == 0);
    ops::put(&p);
    CHECK(freed::times() == 1);
}

}  // namespace unit_release
