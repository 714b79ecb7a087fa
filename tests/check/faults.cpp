// SPDX-License-Identifier: BSL-1.0
// Each fault the explorer knows: found where it is, not found where it is not, and replayed from its schedule.
#include <catch2/catch.hpp>
#include <pinfold/check.hpp>

#include <array>
#include <functional>

namespace check_faults {

namespace check = pinfold::check;
using check::fault;
using check::order;

namespace {

using body = std::function<void(check::program&)>;

struct shared {
    check::atomic<int> lock{0}, flag{0};
    check::plain<int> data;
    check::lifetime page;
    int total = 0;
};

check::exploration run(const body& b, check::limits l = {}) { return check::explore("a program", b, l); }

/// What a failure must be able to do: be replayed, and fail in the same way.
void replays(const check::exploration& r, const body& b) {
    INFO(r.text());
    REQUIRE(!r.schedule.empty());
    const auto again = check::replay("again", r.schedule, b);
    CHECK(again.found == r.found);
    CHECK(again.what == r.what);
    CHECK(again.schedule == r.schedule);
    CHECK(again.trace == r.trace);
    CHECK(r.text().find(r.schedule) != std::string::npos);
    CHECK(r.json().find(r.schedule) != std::string::npos);
}
void fails(fault f, const body& b) {
    const auto r = run(b);
    CHECK(check::message(r.found) == std::string(check::message(f)));
    CHECK(!r.proved());
    replays(r, b);
}

body locked(order take, order give) {
    return [=](check::program& p) {
        auto& s = p.make<shared>("shared");
        for (int i = 0; i < 3; ++i)
            p.thread([&s, take, give] {
                int open = 0;
                while (!s.lock.compare_exchange(open, 1, take, order::relaxed, false)) open = 0, check::pause();
                s.data.set(s.data.get() + 1);
                s.lock.store(0, give);
            });
        p.at_end([&] { check::that(s.data.get() == 3, "each thread was in once"); });
    };
}

body waiting(bool looks_again) {
    return [=](check::program& p) {
        auto& s = p.make<shared>("shared");
        p.thread([&s, looks_again] {
            if (looks_again) {
                while (s.flag.load(order::relaxed) == 0) s.flag.park_while(0);
            } else if (s.flag.load(order::relaxed) == 0) {
                s.lock.park_while(0);  // sleeps on something else than it looked at
            }
        });
        p.thread([&s] { s.flag.store(1, order::release), s.flag.wake(), s.lock.wake(); });
    };
}

}  // namespace

TEST_CASE("a spin lock excludes, and hands over what was done under it") {
    const auto r = run(locked(order::acquire, order::release));
    INFO(r.text());
    CHECK(r.proved());
}
TEST_CASE("a spin lock released or taken without order is a data race") {
    fails(fault::data_race, locked(order::acquire, order::relaxed));
    fails(fault::data_race, locked(order::relaxed, order::release));
}

TEST_CASE("a sleeper that looks and sleeps in one step is always woken; one that does not may miss it") {
    CHECK(run(waiting(true)).proved());
    fails(fault::lost_wake_up, waiting(false));
}

TEST_CASE("threads that wait for each other are a deadlock") {
    fails(fault::deadlock, [](check::program& p) {
        auto& s = p.make<shared>("shared");
        const auto take = [](check::atomic<int>& lock) {
            int open = 0;
            while (!lock.compare_exchange(open, 1, order::acquire, order::relaxed, false)) open = 0, check::pause();
        };
        p.thread([&s, take] { take(s.lock), take(s.flag), s.flag.store(0, order::release), s.lock.store(0, order::release); });
        p.thread([&s, take] { take(s.flag), take(s.lock), s.lock.store(0, order::release), s.flag.store(0, order::release); });
    });
}

TEST_CASE("await goes on when what it waits for comes, however old the values it reads") {
    CHECK(run([](check::program& p) {
        auto& s = p.make<shared>("shared");
        p.thread([&s] { s.data.set(7), s.lock.store(1, order::relaxed), s.flag.store(1, order::release); });
        p.thread([&s] {
            check::await([&] { return s.flag.load(order::acquire) == 1; });
            check::that(s.data.get() == 7, "what was done before the flag is seen");
        });
    }).proved());
}

TEST_CASE("a loop without pause is cut, and the report does not claim more than was explored") {
    const auto r = run([](check::program& p) {
        auto& s = p.make<shared>("shared");
        p.thread([&s] { while (s.flag.load(order::relaxed) == 0) {} });
        p.thread([&s] { s.flag.store(1, order::relaxed); });
    }, {.executions = 1000, .steps = 50});
    CHECK(r.found == fault::none);
    CHECK(r.cut > 0);
    CHECK(!r.proved());
    CHECK(r.text().find("NOT everything") != std::string::npos);
}

TEST_CASE("the limit of executions is said") {
    const auto r = run([](check::program& p) {
        auto& s = p.make<shared>("shared");
        for (int i = 0; i < 4; ++i) p.thread([&s] { s.flag.fetch_add(1, order::relaxed); });
    }, {.executions = 10});
    CHECK(r.executions == 10);
    CHECK(!r.finished);
    CHECK(!r.proved());
    CHECK(r.text().find("limit of 10 executions") != std::string::npos);
}

TEST_CASE("the end of a lifetime needs every use to happen before it") {
    const auto last_one_frees = [](order o) {
        return [=](check::program& p) {
            auto& s = p.make<shared>("page");
            s.flag.store(2, order::relaxed);
            for (int i = 0; i < 2; ++i)
                p.thread([&s, o] {
                    s.page.use();
                    if (s.flag.fetch_sub(1, o) == 1) s.page.end();
                });
            p.at_end([&] { check::that(!s.page.alive(), "it was freed"); });
        };
    };
    CHECK(run(last_one_frees(order::acq_rel)).proved());
    fails(fault::use_after_free, last_one_frees(order::release));
    fails(fault::use_after_free, last_one_frees(order::acquire));
}

TEST_CASE("objects are destroyed once, not used afterwards, and not forgotten") {
    const auto on_object = [](int what) {
        return [=](check::program& p) {
            auto& s = p.make<shared>("shared");
            p.thread([&s, what] {
                auto* const o = check::make<check::atomic<int>>("object", 1);
                (void)o->fetch_add(1, order::relaxed);
                if (what != 1) check::destroy(o);
                if (what == 2) check::destroy(o);
                if (what == 3) (void)o->load(order::relaxed);
                s.flag.store(1, order::relaxed);
            });
        };
    };
    CHECK(run(on_object(0)).proved());
    CHECK(run(on_object(1)).found == fault::leak);
    fails(fault::double_free, on_object(2));
    fails(fault::use_after_free, on_object(3));
}

TEST_CASE("a word may not be used before its construction is visible") {
    struct slot {
        check::atomic<std::intptr_t> pointer{0};
    };
    const auto publish = [](order o) {
        return [=](check::program& p) {
            auto& s = p.make<slot>("slot");
            p.thread([&s, o] {
                s.pointer.store(reinterpret_cast<std::intptr_t>(check::make<check::atomic<int>>("object", 1)), o);
            });
            p.thread([&s] {
                if (const auto at = s.pointer.load(order::acquire); at != 0) {
                    auto* const object = reinterpret_cast<check::atomic<int>*>(at);
                    (void)object->load(order::relaxed);
                    check::destroy(object);
                }
            });
        };
    };
    fails(fault::data_race, publish(order::relaxed));
}

TEST_CASE("assertions, also at the end, and broken preconditions of the library fail the execution") {
    fails(fault::assertion, [](check::program& p) {
        auto& s = p.make<shared>("shared");
        for (int i = 0; i < 2; ++i) p.thread([&s] { s.flag.store(s.flag.load(order::relaxed) + 1, order::relaxed); });
        p.at_end([&s] { check::that(s.flag.load(order::relaxed) == 2, "nothing is lost"); });
    });
    const auto handler = pinfold::set_violation_handler(nullptr);
    fails(fault::precondition, [](check::program& p) {
        auto& s = p.make<shared>("shared");
        p.thread([&s] { s.flag.store(1, order::relaxed), pinfold::detail::on_violation("held", "file", 1); });
    });
    CHECK(pinfold::set_violation_handler(handler) == &pinfold::detail::print_violation);
}

TEST_CASE("a weak compare-exchange fails for no reason as often as it is allowed to") {
    const auto b = [](check::program& p) {
        auto& s = p.make<shared>("shared");
        p.thread([&s] {
            int open = 0;
            check::that(s.lock.compare_exchange(open, 1, order::acquire, order::relaxed, true), "nobody interferes");
        });
    };
    const auto never = run(b, {.spurious = 0});
    CHECK(never.proved());
    CHECK(never.text().find("at most 0 times") != std::string::npos);
    const auto r = run(b);
    CHECK(r.found == fault::assertion);
    replays(r, b);
    CHECK(r.schedule == "a~");
}

TEST_CASE("who waits with a weak compare-exchange tries again after it failed for no reason") {
    const auto r = run([](check::program& p) {
        auto& s = p.make<shared>("shared");
        p.thread([&s] {
            int open = 0;
            while (!s.lock.compare_exchange(open, 1, order::acquire, order::relaxed, true)) open = 0, check::pause();
        });
        p.at_end([&] { check::that(s.lock.load(order::relaxed) == 1, "it is taken in the end"); });
    }, {.spurious = 2});
    INFO(r.text());
    CHECK(r.proved());
    CHECK(r.executions == 3);
    CHECK(r.text().find("at most 2 times") != std::string::npos);
}

TEST_CASE("schedules are read and written; what cannot be followed says so") {
    const auto b = [](check::program& p) {
        auto& s = p.make<shared>("shared");
        p.thread([&s] { s.flag.store(1, order::relaxed), s.flag.store(2, order::relaxed); });
        p.thread([&s] { s.total = s.flag.load(order::relaxed); });
        p.at_end([&s] { check::that(s.total == 0, "the oldest value is read"); });
    };
    CHECK(check::to_string(*check::parse_schedule("aab12b~")) == "aab12b~");
    CHECK(!check::parse_schedule("1a"));
    CHECK(!check::parse_schedule("a?"));
    CHECK(check::replay("follow", "aab2", b).found == fault::none);
    CHECK(check::replay("follow", "aab1", b).found == fault::assertion);
    CHECK(check::replay("follow", "b", b).found == fault::none);
    CHECK(check::replay("follow", "c", b).found == fault::bad_schedule);
    CHECK(check::replay("follow", "aab3", b).found == fault::bad_schedule);
    CHECK(check::replay("follow", "what?", b).found == fault::bad_schedule);
    int stepped = 0;
    const auto r = check::replay("follow", "aab", b, [&](const std::string&) { ++stepped; });
    CHECK(stepped == static_cast<int>(r.trace.size()));
    CHECK(stepped >= 3);
}

TEST_CASE("words made before an exploration start every execution with their value") {
    check::word<std::int32_t> outside{5};
    const auto r = run([&](check::program& p) {
        for (int i = 0; i < 2; ++i) p.thread([&] { check::that(outside.fetch_grab(1) <= 6, "it starts with 5"); });
    });
    CHECK(r.proved());
    CHECK(outside.load() == 5);
    CHECK(outside.drop(5));
}

TEST_CASE("a program that is another one in each execution is told so, and nothing is claimed of it") {
    int executions = 0;
    const auto r = run([&executions](check::program& p) {
        auto& s = p.make<shared>("shared");
        const bool odd = ++executions % 2 != 0;
        p.thread([&s, odd] { odd ? s.flag.store(1, order::relaxed) : s.lock.store(1, order::relaxed), s.flag.store(2, order::relaxed); });
        p.thread([&s] { s.total = s.flag.load(order::relaxed) + s.lock.load(order::relaxed); });
    });
    CHECK(r.found == fault::bad_schedule);
    CHECK(!r.proved());
    CHECK(r.text().find("does not repeat itself") != std::string::npos);
}

TEST_CASE("a failing schedule is made shorter, fails in the same way, and is the same each time") {
    // Each of three threads raises three counters, that of the middle not in one step.
    const auto b = [](check::program& p) {
        struct counters {
            check::atomic<int> first{0}, middle{0}, last{0};
        };
        auto& c = p.make<counters>("counters");
        for (int t = 0; t < 3; ++t)
            p.thread([&c] {
                (void)c.first.fetch_add(1, order::relaxed);
                const int seen = c.middle.load(order::relaxed);
                (void)c.last.fetch_add(1, order::relaxed);
                c.middle.store(seen + 1, order::relaxed);
                const int raised = c.first.fetch_add(1, order::relaxed) + 1;
                check::that(raised != 6 || c.middle.load(order::relaxed) != 1, "increments are lost");
                (void)c.first.fetch_add(1, order::relaxed);
            });
    };
    const auto switches = [](const std::string& schedule) { return check::context_switches(*check::parse_schedule(schedule)); };
    constexpr check::limits in_order{.old_values = false}, as_found{.old_values = false, .shortening = 0};
    const auto found = run(b, as_found), shorter = run(b, in_order);
    INFO(found.text() << shorter.text());
    CHECK(found.found == fault::assertion);
    CHECK(shorter.found == fault::assertion);
    CHECK(switches(shorter.schedule) < switches(found.schedule));
    CHECK(shorter.text().find("(" + std::to_string(switches(shorter.schedule)) + " changes of thread)") != std::string::npos);
    CHECK(run(b, in_order).schedule == shorter.schedule);
    const auto again = check::replay("again", shorter.schedule, b, {}, in_order);
    CHECK(again.found == fault::assertion);
    CHECK(again.trace == shorter.trace);

    // Another thread after every step: only to lose an increment needs it.
    check::exploration fair;
    fair.bounds = in_order, fair.found = fault::assertion, fair.schedule = "abcabcabcabcabcc";
    CHECK(check::replay("fair", fair.schedule, b, {}, in_order).found == fault::assertion);
    const std::string best = check::detail::shortened(fair, b);
    CHECK(switches(best) <= 4);
    CHECK(check::replay("best", best, b, {}, in_order).found == fault::assertion);
}

TEST_CASE("the fault of a program without its fences is shown without them") {
    const auto b = [](check::program& p) {
        auto& s = p.make<shared>("shared");
        auto& seen = p.make<std::array<int, 2>>("seen");
        const auto both = [&seen](check::atomic<int>& mine, check::atomic<int>& other, int which) {
            mine.store(1, order::relaxed);
            check::fence(order::seq_cst);
            seen[static_cast<std::size_t>(which)] = other.load(order::relaxed);
        };
        p.thread([&s, both] { both(s.flag, s.lock, 0); });
        p.thread([&s, both] { both(s.lock, s.flag, 1); });
        p.at_end([&seen] { check::that(seen[0] + seen[1] != 0, "one sees the other"); });
    };
    CHECK(run(b).proved());
    const auto r = run(b, {.fences = false});
    INFO(r.text());
    CHECK(r.found == fault::assertion);
    CHECK(r.trace.back() == "=> assertion does not hold: one sees the other");
}

}  // namespace check_faults
