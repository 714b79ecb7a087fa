// SPDX-License-Identifier: BSL-1.0
// PINFOLD_CHECKS=0: preconditions are not evaluated; nothing else changes.
#include <catch2/catch.hpp>

#include "recorder.hpp"

using namespace pinfold;

TEST_CASE("without checks no precondition is evaluated") {
    static_assert(PINFOLD_CHECKS == 0);
    testing::violations broken;
    count<testing::linux_count> c;
    c.init(1);
    CHECK(c.put(2) == crossing::none);
    CHECK(c.raw() == -1);
    c.init(1);
    int evaluated = 0;
    PINFOLD_ASSERT(++evaluated > 5);
    CHECK(evaluated == 0);
    CHECK(testing::violations::seen == 0);
}

TEST_CASE("without checks a correct program gets the same results") {
    testing::recorder::reset();
    count<testing::sticky_count> c;
    static_assert(sizeof(c) == sizeof(std::int32_t));
    CHECK(c.try_get().error == errc::dead);
    c.init(1);
    CHECK((c.try_pin(2) && c.raw() == 2049));
    c.set_raw(-1200000000);
    CHECK(c.try_get().error == errc::overflow);
    CHECK(testing::recorder::negative_ == 1);
    c.set_raw(1);
    CHECK(c.put() == crossing::zero);
}
