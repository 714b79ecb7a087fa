// SPDX-License-Identifier: BSL-1.0
// core/: what fits a word, what errors say, what warns and how often, what a broken precondition does.
#include <catch2/catch.hpp>

#include <cerrno>
#include <cstring>
#include <string>

#include "recorder.hpp"

namespace unit_core {

using namespace pinfold;

TEST_CASE("the table of limits comes out") {  // spec 01 §4.1
    static_assert(pins_that_fit(32, 1024, 1) == 2097151);
    static_assert(full_pins_that_fit(32, 1024, 1, 1) == 2097151);
    static_assert(full_pins_that_fit(32, 1024, 512, 1) == 4095);
    static_assert(full_pins_that_fit(32, 1024, 262144, 1) == 7);
    static_assert(full_pins_that_fit(32, 1024, std::uint64_t{1} << 22, 1) == 0);
    static_assert(full_pins_that_fit(32, 1024, std::uint64_t{1} << 27, 1) == 0);
    static_assert(full_pins_that_fit(32, 1024, std::uint64_t{1} << 60, 1) == 0);
    static_assert(full_pins_that_fit(32, 1, 262144, 1) == 8191);
    static_assert(pins_that_fit(32, 1024, 2147483647) == 0);
    static_assert(pins_that_fit(32, 1024, 2147483648) == 0);
    static_assert(pins_that_fit(64, 1024, 1) == 9007199254740991);
    static_assert(pins_that_fit(8, 16, 15) == 7);
    static_assert(word_max(8) == 127 && word_max(16) == 32767 && word_max(32) == 2147483647 &&
                  word_max(64) == 9223372036854775807u);
    static_assert(batch_that_fits(32, 1024) == 2097151);  // DEF-18: 2^21 is one too many
    static_assert(batch_that_fits(64, (std::uint64_t{1} << 32) + 1) == 2147483647);
    CHECK(full_pins_that_fit(32, 1024, 512, 512) == 4095);
}

namespace {
struct stated : testing::linux_count {
    static constexpr pinfold::budget budget{.holders = 100, .refs_each = 8, .pins_each = 4, .batch = 16};
};
struct stated_sticky : stated {
    using liveness = sticky_dead;
};
struct stated_exact : stated_sticky {
    using pins = exact_pins;
};
struct stated_split : stated_sticky {
    using word = unsync_word<std::int64_t>;
    using pins = split_word_pins<>;
};
}  // namespace

TEST_CASE("limits follow from the budget") {
    constexpr auto overlay = count_traits<stated>::limits;
    static_assert(overlay.max_refs == 800 && overlay.max_pins == 400 && overlay.units_needed == 800 + 400 * 1024);
    static_assert(overlay.first_false_positive == 1024 && overlay.refs_overlap_pins);
    static_assert(overlay.first_wrap == 2097152);  // the pin that makes 1 + 2^31 of it
    static_assert(overlay.largest_batch == 16 && overlay.transient_needed == 0 && overlay.fits());
    constexpr auto sticky = count_traits<stated_sticky>::limits;
    static_assert(sticky.transient_needed == 100 * 16 * 1024 && sticky.transient_available == 1 << 30 && sticky.fits());
    constexpr auto exact = count_traits<stated_exact>::limits;
    static_assert(exact.units_needed == 1200 && !exact.refs_overlap_pins && exact.first_false_positive == ~std::uint64_t{0});
    static_assert(exact.transient_needed == 1600);
    constexpr auto split = count_traits<stated_split>::limits;
    static_assert(split.first_wrap == 2147483648u && !split.refs_overlap_pins);
    CHECK(sticky.fits());
}

TEST_CASE("a refusal names its reason and the errno Linux would give") {
    CHECK(to_errno(errc::ok) == 0);
    CHECK(to_errno(errc::dead) == ENOMEM);
    CHECK(to_errno(errc::overflow) == ENOMEM);
    CHECK(to_errno(errc::batch_limit) == ENOMEM);
    CHECK(to_errno(errc::pins_blocked) == EBUSY);
    CHECK(to_errno(errc::moved) == EAGAIN);
    CHECK(std::string(message(errc::dead)) == "the page is free, frozen or being freed");
    for (const errc e : {errc::dead, errc::overflow, errc::batch_limit, errc::pins_blocked, errc::moved}) {
        CHECK_FALSE(static_cast<bool>(outcome{e, crossing::none}));
        for (const errc other : {errc::dead, errc::overflow, errc::batch_limit, errc::pins_blocked, errc::moved})
            CHECK((std::strcmp(message(e), message(other)) == 0) == (e == other));
    }
    CHECK(static_cast<bool>(outcome{}));
}

namespace {
int reports;
warn_report last;
void remember(const warn_report& r) noexcept { ++reports, last = r; }
}  // namespace

TEST_CASE("a site reports its first event and counts every one") {  // spec 01 §7
    reports = 0;
    const warn_handler before = set_warn_handler(&remember);
    warn_site site{"WARN:TEST:site"}, other{"WARN:TEST:other"};
    CHECK_FALSE(site.reported());
    CHECK(site.hits() == 0);
    site.emit("too much", 7, -3, 9);
    site.emit("again", 1, 2, 3);
    CHECK(site.hits() == 2);
    CHECK(site.reported());
    CHECK(reports == 1);
    CHECK(std::string(last.site) == "WARN:TEST:site");
    CHECK(std::string(last.what) == "too much");
    CHECK((last.limit == 7 && last.used == -3 && last.needed == 9));
    other.emit("elsewhere", 0, 0, 0);
    CHECK(reports == 2);
    CHECK(std::string(last.site) == other.name());
    site.reset();
    CHECK_FALSE(site.reported());
    site.emit("once more", 0, 0, 0);
    CHECK(reports == 3);
    CHECK(site.hits() == 1);

    CHECK(set_warn_handler(nullptr) == &remember);  // back to the printing one
    CHECK(set_warn_handler(before) != &remember);
}

namespace {
struct reporting : testing::linux_count {
    using warnings = process_warnings;
};
struct reporting_saturate : reporting {
    using overflow = saturate;
};
}  // namespace

TEST_CASE("the default sink warns at one site per kind of event") {
    testing::violations broken;
    const warn_handler before = set_warn_handler(&remember);
    for (warn_site* s : {&sites::grab_negative, &sites::grab_batch, &sites::grab_saturated, &sites::drop_underflow}) s->reset();
    reports = 0;
    count<reporting> c;
    c.set_raw(-5);
    CHECK(c.try_get().error == errc::overflow);
    CHECK(c.try_pin().error == errc::overflow);
    CHECK(sites::grab_negative.hits() == 2);
    CHECK(reports == 1);
    CHECK(std::string(last.site) == "WARN:GRAB:negative");
    CHECK(c.try_pin(1 << 22).error == errc::batch_limit);
    CHECK(sites::grab_batch.hits() == 1);
    count<reporting_saturate> s;
    s.set_raw(2147483647);
    s.get();
    CHECK(sites::grab_saturated.hits() == 1);
    count<reporting_saturate> u;
    u.init(1);
    CHECK(u.put(2) == crossing::none);
    CHECK(sites::drop_underflow.hits() == 1);
    CHECK(reports == 4);
    for (warn_site* site : {&sites::grab_negative, &sites::grab_batch, &sites::grab_saturated, &sites::drop_underflow}) site->reset();
    set_warn_handler(before);
}

namespace {
std::string broken_condition;
int broken_line;
void note(const char* condition, const char* file, int line) noexcept {
    broken_condition = condition;
    broken_line = std::strstr(file, "count.hpp") ? line : -1;
}
}  // namespace

TEST_CASE("a broken precondition reaches the handler with its text and its place") {
    static_assert(PINFOLD_CHECKS == 1);
    const violation_handler before = set_violation_handler(&note);
    count<testing::linux_count> c;
    c.init(1);
    broken_condition.clear();
    CHECK(c.put(2) == crossing::none);  // released more than was held
    CHECK_FALSE(broken_condition.empty());
    CHECK(broken_line > 0);
    CHECK(set_violation_handler(nullptr) == &note);
    CHECK(set_violation_handler(before) != &note);
}

TEST_CASE("every promise a caller can break is looked at") {
    testing::violations broken;
    const auto breaks = [](auto op) {
        testing::violations::seen = 0;
        op();
        return testing::violations::seen > 0;
    };
    struct exact : testing::linux_count {
        using pins = exact_pins;
    };
    count<testing::linux_count> dead, live, underflowed;
    count<testing::sticky_count> sticky_dead_head, sticky_live;
    count<exact> e;
    live.init(1), sticky_live.init(1), e.init(5);
    underflowed.set_raw(-100);
    CHECK(breaks([&] { dead.get(); }));                      // spec 01 §2.1 get_page
    CHECK(breaks([&] { underflowed.get(); }));               // −127 … −1: released too often
    CHECK(breaks([&] { sticky_dead_head.get(); }));
    CHECK(breaks([&] { live.init(1); }));
    CHECK(breaks([&] { sticky_live.unfreeze(1); }));
    CHECK(breaks([&] { (void)e.unpin(); }));                 // a pin nobody holds
    CHECK(breaks([&] { (void)live.unpin(); }));
    count<testing::linux_count> fine;
    CHECK_FALSE(breaks([&] { fine.init(1), fine.get(), fine.pin(), (void)fine.unpin(), (void)fine.put(2); }));
    count<testing::sticky_count> sticky_fine;
    CHECK_FALSE(breaks([&] { sticky_fine.init(1), sticky_fine.get(), sticky_fine.pin(), (void)sticky_fine.unpin(), (void)sticky_fine.put(2); }));
}

}  // namespace unit_core
