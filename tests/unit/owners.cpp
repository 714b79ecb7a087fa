// SPDX-License-Identifier: BSL-1.0
// Those who own a hold: page_ref, page_pin, boost::intrusive_ptr; and evidence.
#include <catch2/catch.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <mutex>
#include <type_traits>
#include <utility>

#include "frames.hpp"

namespace unit_owners {

using namespace pinfold;
using freed = testing::called<struct owners_freed>;

namespace {

struct frame : intrusive {
    pinfold::count<testing::sticky_count> count;
    int payload = 7;
    using pinfold_policy = struct frame_policy;
};
void give_back(frame* f) noexcept { freed::remember(f); }
struct frame_policy : page_defaults<&frame::count> {
    using release = free_at_zero<&give_back>;
};
using ops = page_ops<frame>;

template <class Owner>
constexpr int unit = std::is_same_v<Owner, page_pin<frame>> ? 1024 : 1;

template <class Owner>
Owner grab(frame* f) {
    if constexpr (std::is_same_v<Owner, page_pin<frame>>)
        return try_pin(f);
    else
        return try_get(f);
}
template <class Owner>
Owner grab(frame* f, errc& why) {
    if constexpr (std::is_same_v<Owner, page_pin<frame>>)
        return try_pin(f, why);
    else
        return try_get(f, why);
}
template <class Owner>
Owner sure(held h, frame* f) {
    if constexpr (std::is_same_v<Owner, page_pin<frame>>)
        return pin(h, f);
    else
        return get(h, f);
}

}  // namespace

TEMPLATE_TEST_CASE("an owner is a pointer that moves and does not copy", "", page_ref<frame>, page_pin<frame>) {
    static_assert(sizeof(TestType) == sizeof(frame*));
    static_assert(!std::is_copy_constructible_v<TestType> && !std::is_copy_assignable_v<TestType>);
    static_assert(std::is_nothrow_move_constructible_v<TestType> && std::is_nothrow_move_assignable_v<TestType>);
    static_assert(std::is_nothrow_default_constructible_v<TestType> && std::is_nothrow_destructible_v<TestType>);
    static_assert(!std::is_convertible_v<TestType, bool> && !std::is_constructible_v<TestType, frame*>);
    const TestType empty;
    CHECK_FALSE(static_cast<bool>(empty));
    CHECK(empty.get() == nullptr);
}

TEMPLATE_TEST_CASE("an owner gives back exactly once", "", page_ref<frame>, page_pin<frame>) {
    freed::reset();
    frame f;
    f.count.init(1);
    const int one = unit<TestType>;
    SECTION("at the end of its scope") {
        {
            const auto mine = grab<TestType>(&f);
            CHECK(static_cast<bool>(mine));
            CHECK((mine.get() == &f && &*mine == &f && mine->payload == 7));
            CHECK(f.count.raw() == 1 + one);
        }
    }
    SECTION("when it is reset, and not again") {
        auto mine = grab<TestType>(&f);
        mine.reset();
        CHECK(f.count.raw() == 1);
        CHECK_FALSE(static_cast<bool>(mine));
        mine.reset();
    }
    SECTION("where it was moved to") {
        auto mine = grab<TestType>(&f);
        auto other = std::move(mine);
        CHECK_FALSE(static_cast<bool>(mine));
        CHECK(f.count.raw() == 1 + one);
        auto third = grab<TestType>(&f);
        CHECK(f.count.raw() == 1 + 2 * one);
        third = std::move(other);  // gives its own back first
        CHECK(f.count.raw() == 1 + one);
        CHECK((third.get() == &f && !other));
        third = TestType{};
    }
    SECTION("not when it is moved to itself") {
        auto mine = grab<TestType>(&f);
        auto& same = mine;
        mine = std::move(same);
        CHECK(mine.get() == &f);
        CHECK(f.count.raw() == 1 + one);
    }
    SECTION("not when it let go of the duty") {
        auto mine = grab<TestType>(&f);
        CHECK(mine.release() == &f);
        mine.reset();
        CHECK(f.count.raw() == 1 + one);
        const auto again = TestType::adopt(&f);
        CHECK(f.count.raw() == 1 + one);
    }
    SECTION("each of several") {
        const auto mine = grab<TestType>(&f);
        const auto more = mine.again();
        const auto sure_one = sure<TestType>(held{mine}, &f);
        CHECK(f.count.raw() == 1 + 3 * one);
    }
    CHECK(f.count.raw() == 1);
    CHECK(freed::times() == 0);
    const auto last = grab<TestType>(&f);
    ops::put(&f);
    CHECK(freed::times() == 0);
    const_cast<TestType&>(last).reset();
    CHECK(freed::times() == 1);
    CHECK(f.count.is_dead());
}

TEMPLATE_TEST_CASE("a refused owner is empty and says why", "", page_ref<frame>, page_pin<frame>) {
    testing::recorder::reset();
    frame f;
    errc why = errc::ok;
    CHECK_FALSE(static_cast<bool>(grab<TestType>(&f)));
    CHECK_FALSE(static_cast<bool>(grab<TestType>(&f, why)));
    CHECK(why == errc::dead);
    f.count.init(1);
    CHECK(static_cast<bool>(grab<TestType>(&f, why)));
    CHECK(why == errc::ok);
    f.count.set_raw(-1200000000);
    CHECK_FALSE(static_cast<bool>(grab<TestType>(&f, why)));
    CHECK(why == errc::overflow);
    CHECK(static_cast<bool>(TestType::adopt(nullptr)) == false);
}

TEST_CASE("boost::intrusive_ptr holds references") {
    freed::reset();
    frame f;
    f.count.init(1);
    {
        boost::intrusive_ptr<frame> first(&f, false);  // takes init's reference over
        CHECK(f.count.raw() == 1);
        boost::intrusive_ptr<frame> second = first;
        CHECK(f.count.raw() == 2);
        boost::intrusive_ptr<frame> third = std::move(second);
        CHECK(f.count.raw() == 2);
        CHECK(static_cast<bool>(ops::try_pin(&f)));
        CHECK(f.count.raw() == 1026);
        first.reset();
        third = nullptr;
        CHECK(freed::times() == 0);
    }
    ops::unpin(&f);
    CHECK(freed::times() == 1);
}

TEST_CASE("evidence is empty of cost and not of meaning") {
    static_assert(std::is_empty_v<held> && !std::is_default_constructible_v<held>);
    static_assert(!std::is_convertible_v<frame*, held> && std::is_convertible_v<const page_ref<frame>&, held>);
    testing::violations broken;
    frame f;
    f.count.init(1);
    const auto ref = try_get(&f);
    const auto pinned_one = try_pin(&f);
    ops::get(ref, &f);
    ops::get(pinned_one, &f);
    CHECK(f.count.raw() == 1 + 1 + 1024 + 2);
    std::mutex m;
    std::unique_lock<std::mutex> lock(m);
    ops::get(held::under(lock), &f);
    CHECK(testing::violations::seen == 0);

    const page_ref<frame> empty;
    (void)held{empty};
    CHECK(testing::violations::seen == 1);
    const page_pin<frame> none;
    (void)held{none};
    CHECK(testing::violations::seen == 2);
    lock.unlock();
    (void)held::under(lock);
    CHECK(testing::violations::seen == 3);
    ops::put(&f, 3);
}

}  // namespace unit_owners
