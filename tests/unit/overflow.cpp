// SPDX-License-Identifier: BSL-1.0
// The overflow policies beside `refuse`.
#include <catch2/catch.hpp>

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include "recorder.hpp"

namespace unit_overflow {

using pinfold::count;
using pinfold::crossing;
using pinfold::errc;
using testing::linux_count;
using testing::recorder;

namespace {

constexpr std::int32_t saturated = -1073741824;  // INT_MIN/2
constexpr std::int32_t top = 2147483647;

struct saturating : linux_count {
    using overflow = pinfold::saturate;
};
struct unchecked : linux_count {
    using overflow = pinfold::unchecked_overflow;
};
template <class Base>
struct trapping : Base {
    using overflow = pinfold::trap;
};

/// Whether f, run in a process of its own, ends by a signal, as __builtin_trap does.
template <class F>
bool stops(F f) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        for (const int s : {SIGILL, SIGTRAP, SIGABRT, SIGSEGV}) std::signal(s, SIG_DFL);
        pinfold::set_warn_handler([](const pinfold::warn_report&) noexcept {});
        f();
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGILL || WTERMSIG(status) == SIGTRAP || WTERMSIG(status) == SIGABRT;
    CHECK(WEXITSTATUS(status) == 0);
    return false;
}

}  // namespace

TEST_CASE("a saturating word sticks in the middle of the negative range and is never freed") {  // spec 01 §9
    recorder::reset();
    testing::violations broken;
    count<saturating> c;
    c.set_raw(top - 1023);
    SECTION("by a pin") { CHECK(c.try_pin()); }
    SECTION("by a reference that cannot fail") { c.get(1024); }
    SECTION("by a pin that cannot fail") { c.pin(); }
    SECTION("under evidence") { CHECK(c.try_pin_held()); }
    CHECK(c.raw() == saturated);
    CHECK(recorder::saturated_ == 1);
    CHECK(recorder::limit == top);
    CHECK(recorder::used == top - 1023);
    CHECK(recorder::needed == 1024);
    CHECK(c.try_get());
    CHECK(c.try_pin());
    c.get();
    for (int i = 0; i < 5; ++i) {
        CHECK(c.put() == crossing::none);
        CHECK(c.unpin(1000) == crossing::none);
    }
    CHECK(c.raw() == saturated);
    CHECK(recorder::all() == 1);
    CHECK(static_cast<bool>(c.maybe_pinned()));
}

TEST_CASE("a saturating word holds exactly its largest value") {
    recorder::reset();
    count<saturating> c;
    c.set_raw(top - 1024);
    CHECK(c.try_pin());
    CHECK(c.raw() == top);
    CHECK(recorder::all() == 0);
    CHECK(c.unpin() == crossing::none);
    CHECK(c.raw() == top - 1024);
}

TEST_CASE("a saturating word that is released too often saturates with a warning") {
    recorder::reset();
    testing::violations broken;
    count<saturating> c;
    c.init(1);
    CHECK(c.unpin() == crossing::none);
    CHECK(c.raw() == saturated);
    CHECK(recorder::underflow_ == 1);
    CHECK(recorder::used == 1);
    CHECK(recorder::needed == 1024);
}

TEST_CASE("a saturating word refuses the speculative and punishes the wrong evidence at zero") {
    recorder::reset();
    testing::violations broken;
    count<saturating> c;
    CHECK(c.try_get().error == errc::dead);
    CHECK(c.try_pin().error == errc::dead);
    CHECK(c.raw() == 0);
    c.get();
    CHECK(c.raw() == saturated);
    CHECK(recorder::saturated_ == 1);
}

TEST_CASE("a saturating word that never saturates frees like any other") {
    recorder::reset();
    count<saturating> c;
    c.init(1);
    CHECK((c.try_pin(3) && c.unpin(3) == crossing::none));
    CHECK(c.put() == crossing::zero);
    CHECK(c.is_dead());
    CHECK(recorder::all() == 0);
}

TEST_CASE("an unchecked word wraps and comes back") {
    recorder::reset();
    count<unchecked> c;
    c.set_raw(top);
    CHECK(c.try_pin());
    CHECK(c.raw() == -2147483647 - 1 + 1023);
    CHECK(c.try_get());
    CHECK(recorder::all() == 0);
    CHECK((c.put() == crossing::none && c.unpin() == crossing::none));
    CHECK(c.raw() == top);
}

TEMPLATE_TEST_CASE("trap stops the program where refuse warns", "", trapping<linux_count>, trapping<testing::sticky_count>) {
    using counted = count<TestType>;
    const auto at = [](std::int32_t raw, auto op) {
        return stops([&] {
            counted c;
            c.set_raw(raw);
            (void)op(c);
        });
    };
    CHECK(at(-1200000000, [](counted& c) { return c.try_get(); }));
    CHECK(at(-1200000000, [](counted& c) { return c.try_pin(); }));
    CHECK(at(-1200000000, [](counted& c) { return c.try_get_held(); }));
    CHECK(at(-1200000000, [](counted& c) { return c.try_pin_held(); }));
    CHECK(at(0, [](counted& c) { return c.try_get_held(); }));
    CHECK(at(1, [](counted& c) { return c.try_pin(std::uint64_t{1} << 22); }));
    CHECK(at(top - 300000, [](counted& c) { return c.pin(512), 0; }));
    CHECK_FALSE(at(1, [](counted& c) { return c.try_pin(); }));
    CHECK_FALSE(at(1, [](counted& c) { return c.try_get_held(); }));
    CHECK_FALSE(stops([] {
        counted dead;  // dead is ordinary
        if (dead.try_get().error != errc::dead || dead.try_pin().error != errc::dead) ::_exit(1);
    }));
}

TEST_CASE("what meets an overflowed word may outlive all who held it, and its undo is the last release") {  // I4
    struct narrow : linux_count {
        using word = pinfold::atomic_word<std::int8_t>;
        using pins = pinfold::overlay_pins<4>;
        using liveness = pinfold::sticky_dead_within<2, 1>;
    };
    using counted = count<narrow>;
    counted c;
    c.init(127);
    REQUIRE(c.try_get());  // the add that crosses the limit stands
    REQUIRE(c.raw() == -128);
    const auto refused = c.try_get(1, [](counted& met, counted::units_type u) {
        CHECK(met.put(64) == crossing::none);
        CHECK(met.put(64) == crossing::none);
        return met.drop_units(u);
    });
    CHECK(refused.error == errc::overflow);
    CHECK(refused.undo == crossing::zero);
    CHECK(c.is_dead());
}

TEST_CASE("no batch brings a word that has overflowed near the dead ones") {
    struct counting : linux_count {
        using liveness = pinfold::sticky_dead_within<4096, 64>;
    };
    using counted = count<counting>;
    counted c;
    c.init(1);
    constexpr std::uint64_t most = counted::traits::below_the_dead(1024), all = (std::uint64_t{1} << 21) - 1;
    CHECK(most == (std::uint64_t{1} << 20) - 4096 * 64);
    REQUIRE(c.try_pin(all - most));
    REQUIRE(c.try_pin(most));  // and the word is full
    CHECK(c.try_pin(all).error == errc::batch_limit);
    CHECK(c.try_pin_held(all).error == errc::batch_limit);
    REQUIRE(c.try_pin(most));  // the add that crosses the limit stands
    CHECK(c.raw() < 0);
    CHECK_FALSE(c.is_dead());
    CHECK(c.maybe_pinned() == pinfold::pinned::maybe);
    CHECK(c.try_pin().error == errc::overflow);
}

TEST_CASE("trap tells before it stops") {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    static int out;
    out = pipe[1];
    CHECK(stops([] {
        pinfold::set_warn_handler([](const pinfold::warn_report& r) noexcept {
            (void)!::write(out, r.used == -5 && r.limit == top && r.needed == 1 ? "y" : "n", 1);
        });
        count<trapping<linux_count>> c;
        c.set_raw(-5);
        (void)c.try_get();
    }));
    ::close(pipe[1]);
    char said = 0;
    CHECK(::read(pipe[0], &said, 1) == 1);
    CHECK(said == 'y');
    ::close(pipe[0]);
}

}  // namespace unit_overflow
