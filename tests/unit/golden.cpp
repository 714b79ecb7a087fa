// SPDX-License-Identifier: BSL-1.0
// The numbers of the specification, on one head.
#include <catch2/catch.hpp>

#include "recorder.hpp"

namespace unit_golden {

using pinfold::count;
using pinfold::errc;
using pinfold::pinned;
using testing::linux_count;
using testing::recorder;
using testing::sticky_count;

namespace {

struct folio {
    bool large;
};
bool is_large(const folio& f) noexcept { return f.large; }

/// linux_6_12: exact for large folios, overlay for single pages.
struct hybrid_count : linux_count {
    using pins = pinfold::hybrid_pins<&is_large>;
};
struct exact_count : linux_count {
    using pins = pinfold::exact_pins;
};

}  // namespace

TEMPLATE_TEST_CASE("the worked values of the overlay come out", "", linux_count, sticky_count) {  // spec 01 §10
    count<TestType> c;
    SECTION("an anonymous base page") {
        c.init(1);
        SECTION("one reference") { CHECK((c.try_get() && c.raw() == 2)); }
        SECTION("one pin") { CHECK((c.try_pin() && c.raw() == 1025)); }
        SECTION("under evidence") {
            c.get();
            CHECK(c.raw() == 2);
            CHECK((c.try_get_held() && c.raw() == 3));
            c.pin();
            CHECK((c.try_pin_held() && c.raw() == 2051));
        }
    }
    SECTION("in the swap cache, or a file page mapped once") {
        c.init(2);
        CHECK((c.try_pin() && c.raw() == 1026));
    }
    SECTION("a file page mapped twice, with private data") {
        c.init(4);
        CHECK((c.try_get() && c.raw() == 5));
        CHECK(c.put() == pinfold::crossing::none);
        CHECK((c.try_pin() && c.raw() == 1028));
    }
    SECTION("a huge page of 512, pinned as a whole, then its entry split") {
        c.init(1);
        CHECK((c.try_pin(512) && c.raw() == 524289));
        c.get(511);
        CHECK(c.raw() == 524800);
    }
    SECTION("a huge page mapped by 512 entries") {
        c.init(512);
        CHECK((c.try_pin() && c.raw() == 1536));
        CHECK((c.try_pin(511) && c.raw() == 512 + 512 * 1024));
    }
    SECTION("a device page with one reference and one pin") {
        c.init(1);
        CHECK((c.try_get() && c.try_pin() && c.raw() == 1026));
    }
}

TEST_CASE("a huge page of 1 GiB pinned as a whole adds 2^28") {
    count<linux_count> c;
    c.init(1);
    CHECK(c.try_pin(262144));
    CHECK(c.raw() == 268435457);
    for (int i = 1; i < 7; ++i) CHECK(c.try_pin(262144));
    CHECK(c.raw() == 1 + 7 * 268435456);
    CHECK(c.unpin(7 * 262144) == pinfold::crossing::none);
    CHECK(c.raw() == 1);
}

TEST_CASE("the worked values of linux_6_12 come out") {
    count<hybrid_count> c;
    SECTION("a small folio is pinned in the overlay") {
        c.init(1);
        CHECK((c.try_pin(1, false) && c.raw() == 1025));
        CHECK(c.maybe_pinned(false) == pinned::maybe);
    }
    SECTION("a huge page mapped by one entry") {
        c.init(1);
        CHECK((c.try_pin(1, true) && c.raw() == 2 && c.pins() == 1));
        CHECK(c.maybe_pinned(true) == pinned::certainly);
        CHECK((c.try_pin(511, true) && c.raw() == 513 && c.pins() == 512));
        c.get(511);  // the entry is split
        CHECK((c.raw() == 1024 && c.pins() == 512));
        CHECK(c.maybe_pinned(true) == pinned::certainly);
    }
    SECTION("512 entries") {
        c.init(512);
        CHECK((c.try_pin(512, true) && c.raw() == 1024 && c.pins() == 512));
        CHECK(c.unpin(512, true) == pinfold::crossing::none);
        CHECK((c.raw() == 512 && c.pins() == 0));
        CHECK(c.maybe_pinned(true) == pinned::no);
    }
    SECTION("1 GiB") {
        c.init(1);
        CHECK((c.try_pin(262144, true) && c.raw() == 262145 && c.pins() == 262144));
    }
}

TEMPLATE_TEST_CASE("the mixed page comes back to its mapping in any order of its releases", "", linux_count, sticky_count) {
    using pinfold::crossing;
    // 3 references and 2 pins beside one mapping; bit i of the order says whether step i is an unpin.
    for (unsigned order = 0; order < 32; ++order) {
        if (__builtin_popcount(order) != 2) continue;
        for (const bool unmap_first : {false, true}) {
            count<TestType> c;
            c.init(1);
            CHECK(c.try_get(3));
            CHECK(c.try_pin(2));
            CHECK(c.raw() == 2052);
            if (unmap_first) CHECK((c.put() == crossing::none && c.raw() == 2051));
            for (unsigned step = 0; step < 5; ++step) {
                const auto reached = order >> step & 1 ? c.unpin() : c.put();
                CHECK((reached == crossing::zero) == (unmap_first && step == 4));
            }
            CHECK(c.refs() == (unmap_first ? 0 : 1));
            CHECK(c.is_dead() == unmap_first);
        }
    }
}

TEST_CASE("4096 whole pins of a 2 MiB page overflow as Linux does, and recover") {  // DEF-17
    recorder::reset();
    count<linux_count> c;
    c.init(1);
    int granted = 0;
    for (int i = 0; i < 4095; ++i) granted += c.try_pin(512) ? 1 : 0;
    CHECK(granted == 4095);
    CHECK(c.raw() == 2146959361);
    CHECK(static_cast<bool>(c.maybe_pinned()));
    CHECK(c.try_pin(512));
    CHECK(c.raw() == -2147483647);
    CHECK(static_cast<bool>(c.maybe_pinned()));
    CHECK(recorder::all() == 0);

    const auto refused = c.try_pin(512);
    CHECK(refused.error == errc::overflow);
    CHECK(recorder::negative_ == 1);
    CHECK(recorder::limit == 2147483647);
    CHECK(recorder::used == -2147483647);
    CHECK(recorder::needed == 524288);
    CHECK(c.raw() == -2147483647);
    CHECK(c.try_get().error == errc::overflow);
    CHECK(c.try_get_held().error == errc::overflow);
    CHECK(c.try_pin_held().error == errc::overflow);
    CHECK(static_cast<bool>(c.maybe_pinned()));

    bool quiet = true;
    for (int i = 0; i < 4096 * 512; ++i) quiet = c.unpin() == pinfold::crossing::none && quiet;
    CHECK(quiet);
    CHECK(c.raw() == 1);
    CHECK(c.maybe_pinned() == pinned::no);
    CHECK(c.try_pin(512));
}

TEST_CASE("4096 whole pins of a 2 MiB page fit the exact count") {  // DEF-17
    recorder::reset();
    count<exact_count> c;
    c.init(1);
    int granted = 0;
    for (int i = 0; i < 4096; ++i) granted += c.try_pin(512) ? 1 : 0;
    CHECK(granted == 4096);
    CHECK(c.raw() == 2097153);
    CHECK(c.pins() == 2097152);
    CHECK(recorder::all() == 0);
}

TEST_CASE("the add that crosses the limit succeeds, and nothing after it") {  // spec 01 §4.2
    recorder::reset();
    testing::violations broken;
    count<linux_count> c;
    c.set_raw(2147483000);
    CHECK(c.try_pin());
    CHECK(c.raw() == -2147483272);
    CHECK(c.try_get().error == errc::overflow);
    CHECK(c.try_pin().error == errc::overflow);
    CHECK(recorder::negative_ == 2);
    c.get();  // an existing holder still adds
    CHECK(c.raw() == -2147483271);
    CHECK(c.put() == pinfold::crossing::none);
    CHECK(c.unpin() == pinfold::crossing::none);
    CHECK(c.raw() == 2147483000);
    CHECK(testing::violations::seen == 0);
}

TEST_CASE("under sticky_dead the add that crosses the limit is refused and taken back") {  // I6
    recorder::reset();
    count<sticky_count> c;
    c.set_raw(2147482000);
    CHECK(c.try_pin(2).error == errc::overflow);
    CHECK(recorder::negative_ == 1);
    CHECK(c.raw() == 2147482000);
    CHECK(c.try_get());
    CHECK(c.raw() == 2147482001);
    c.set_raw(-1200000000);
    CHECK(c.try_get().error == errc::overflow);
    CHECK(c.try_get_held().error == errc::overflow);
    CHECK(c.try_pin_held().error == errc::overflow);
    CHECK(recorder::negative_ == 4);
    CHECK(c.raw() == -1200000000);
}

TEST_CASE("where pins cannot be blocked, the largest and the wrapped values are plain overflow") {
    count<sticky_count> c;
    for (const std::int32_t raw : {2147483647, 2147482624, -2147483647 - 1, -2147483647 - 1 + 5000}) {
        recorder::reset();
        INFO(raw);
        c.set_raw(raw);
        CHECK(c.try_pin().error == errc::overflow);
        CHECK(recorder::negative_ == 1);
        CHECK(c.raw() == raw);
        c.pin();
        CHECK(recorder::negative_ == 2);
        CHECK(c.unpin() == pinfold::crossing::none);
        CHECK(c.raw() == raw);
        CHECK(static_cast<bool>(c.maybe_pinned()));
    }
}

TEST_CASE("a batch whose product leaves the word is refused before anything is added") {  // DEF-18, spec 01 §4.3
    recorder::reset();
    count<linux_count> c;
    c.init(1);
    for (const std::uint64_t n : {std::uint64_t{2097152}, std::uint64_t{1} << 22, std::uint64_t{1} << 27,
                                  std::uint64_t{1} << 32, std::uint64_t{1} << 54, ~std::uint64_t{0}}) {
        recorder::reset();
        CHECK(c.try_pin(n).error == errc::batch_limit);
        CHECK(c.try_pin_held(n).error == errc::batch_limit);
        CHECK(recorder::batch_ == 2);
        CHECK(recorder::limit == 2097151);
        CHECK(recorder::needed == n);
        CHECK(c.raw() == 1);
    }
    CHECK(c.try_get(std::uint64_t{1} << 31).error == errc::batch_limit);
    CHECK(c.try_get_held(std::uint64_t{1} << 32).error == errc::batch_limit);
    CHECK(c.raw() == 1);
    CHECK(c.try_pin(2097151));
    CHECK(c.raw() == 2147482625);
}

TEST_CASE("the forms that cannot fail do not lose a batch in silence") {  // DEF-18, spec 01 §4.3
    recorder::reset();
    testing::violations broken;
    count<linux_count> c;
    c.init(1);
    c.pin(std::uint64_t{1} << 22);
    CHECK(testing::violations::seen + recorder::all() > 0);
    testing::violations::seen = 0, recorder::reset();
    c.get(std::uint64_t{1} << 32);
    CHECK(testing::violations::seen + recorder::all() > 0);
}

TEST_CASE("a stated batch is the limit of one call") {
    recorder::reset();
    count<sticky_count> c;
    c.init(1);
    CHECK(c.try_pin(512));
    CHECK(c.try_get(512));
    CHECK(c.try_pin(513).error == errc::batch_limit);
    CHECK(c.try_get(513).error == errc::batch_limit);
    CHECK(recorder::batch_ == 2);
    CHECK(recorder::limit == 512);
    CHECK(c.raw() == 1 + 512 * 1024 + 512);
}

namespace {
struct boundary {
    std::int64_t raw;
    bool pinned;
};
constexpr boundary boundaries[] = {{0, false}, {1, false}, {1023, false}, {1024, true}, {1025, true},
                                   {2147483647, true}, {-2147483647 - 1, true}, {-1, true}, {-2147482624, true}};
}  // namespace

TEST_CASE("the comparison behind maybe_pinned is unsigned") {  // spec 01 §5, DEF-16, R-06
    count<linux_count> c;
    for (const auto& b : boundaries) {
        c.set_raw(static_cast<std::int32_t>(b.raw));
        INFO(b.raw);
        CHECK(static_cast<bool>(c.maybe_pinned()) == b.pinned);
        CHECK((c.maybe_pinned() == pinned::maybe) == b.pinned);
    }
    static_assert(pinfold::detail::overlay_pinned<pinfold::count_traits<linux_count>>(-2147482624) == pinned::maybe);
    static_assert(pinfold::detail::overlay_pinned<pinfold::count_traits<linux_count>>(1023) == pinned::no);
}

TEST_CASE("under sticky_dead overflowed words are pinned and dead ones are not") {
    count<sticky_count> c;
    CHECK(c.maybe_pinned() == pinned::no);
    CHECK(c.raw() == -(1 << 30));
    for (const std::int32_t raw : {-1, -2147483647 - 1, -2147482624}) {
        c.set_raw(raw);
        CHECK(static_cast<bool>(c.maybe_pinned()));
    }
    using traits = count<sticky_count>::traits;
    c.set_raw(static_cast<std::int32_t>(-(1 << 30) + static_cast<std::int64_t>(traits::limits.transient_needed)));
    CHECK(c.maybe_pinned() == pinned::no);
    CHECK(c.refs() == 0);
    CHECK(c.is_dead());
}

TEST_CASE("a thousand references look like a pin, 1023 do not") {
    count<linux_count> c;
    c.init(1);
    c.get(1022);
    CHECK(c.maybe_pinned() == pinned::no);
    c.get();
    CHECK(c.maybe_pinned() == pinned::maybe);
    CHECK(c.put(1023) == pinfold::crossing::none);
    c.pin();
    CHECK((c.put() == pinfold::crossing::none && c.raw() == 1024));
    CHECK(c.maybe_pinned() == pinned::maybe);
}

namespace {
struct stated : linux_count {
    static constexpr pinfold::budget budget{.holders = 4, .refs_each = 500, .pins_each = 10, .batch = 1};
};
struct in_flight : stated {
    using liveness = pinfold::sticky_dead;
};
}  // namespace

TEST_CASE("certainly is said only above what references and grabs in flight explain") {
    count<stated> c;
    c.set_raw(1024);
    CHECK(c.maybe_pinned() == pinned::maybe);
    c.set_raw(2000);
    CHECK(c.maybe_pinned() == pinned::maybe);
    c.set_raw(2001);
    CHECK(c.maybe_pinned() == pinned::certainly);
    count<in_flight> f;
    f.set_raw(2000 + 4 * 1024);
    CHECK(f.maybe_pinned() == pinned::maybe);
    f.set_raw(2001 + 4 * 1024);
    CHECK(f.maybe_pinned() == pinned::certainly);
}

}  // namespace unit_golden
