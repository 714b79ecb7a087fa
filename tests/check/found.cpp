// SPDX-License-Identifier: BSL-1.0
// Words that are found to be shared, locks that wait in one step, and memory without old values: with the reduction and
// without, random programs end in the same ways, and a program's faults are found.
#include <catch2/catch.hpp>

#include <pinfold/check.hpp>
#include <pinfold/check/threading.hpp>

#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace check_found {

namespace check = pinfold::check;
using check::order;

namespace {

using word = check::found_atomic<std::int32_t>;

/// What the threads of a program share, at one address in all executions.
struct shared {
    word words[2];
    check::threading::mutex lock;
    check::threading::shared_mutex readers;
    check::threading::permit permit;
    std::string seen[3];

    void reset() {
        for (word& w : words) w.store(0, order::relaxed);
        for (std::string& s : seen) s.clear();
    }
};

using program = std::vector<std::vector<int>>;

program random_program(unsigned seed, std::size_t threads, std::size_t length) {
    std::mt19937 random(seed);
    program p(threads);
    for (auto& t : p) {
        const std::size_t from = random() % length, to = from + 1 + random() % (length - from);
        const int kind = static_cast<int>(random() % 3);  // of the lock that is held from `from` to `to`
        for (std::size_t i = 0; i < length; ++i) {
            if (i == from) t.push_back(100 + kind);
            t.push_back(static_cast<int>(random() % 16));
            if (i + 1 == to) t.push_back(110 + kind);
        }
    }
    return p;
}

void act(shared& s, std::string& seen, int what) {
    word& w = s.words[what & 1];
    const auto note = [&](int v) { seen += std::to_string(v) + ' '; };
    std::int32_t expected = 0;
    switch (what) {
        case 0: case 1: note(w.load(order::relaxed)); break;
        case 2: case 3: w.store(what, order::release); break;
        case 4: case 5: note(w.fetch_add(10, order::seq_cst)); break;
        case 6: case 7: note(w.compare_exchange(expected, 5, order::acq_rel, order::relaxed, false)), note(expected); break;
        case 8: case 9: check::found_word<std::int32_t>::full_fence(); break;
        case 10: case 11: note(s.lock.try_lock() ? (s.lock.unlock(), 1) : 0); break;
        case 12: case 13: note(w.look(0b0011)); break;
        case 14: case 15: note(w.change(0b0001 << (what & 1), 0b1000)); break;
        case 100: s.lock.lock(); break;
        case 101: s.readers.lock(); break;
        case 102: s.readers.lock_shared(); break;
        case 110: s.lock.unlock(); break;
        case 111: s.readers.unlock(); break;
        default: s.readers.unlock_shared(); break;
    }
}

std::set<std::string> endings(const program& what, check::limits bounds, check::exploration& result) {
    std::set<std::string> all;
    shared s;
    result = check::explore("random program", [&](check::program& p) {
        s.reset();
        for (std::size_t t = 0; t < what.size(); ++t)
            p.thread([&, t] {
                bool holds = false;  // try_lock of what one holds oneself is nobody's program
                for (const int x : what[t]) {
                    if (holds && (x == 10 || x == 11)) continue;
                    act(s, s.seen[t], x);
                    holds = x == 100 || (holds && x != 110);
                }
            });
        p.at_end([&] {
            std::string end;
            for (const std::string& one : s.seen) end += one + "| ";
            for (word& w : s.words) end += std::to_string(w.load(order::relaxed)) + ' ';
            all.insert(end);
        });
    }, bounds);
    return all;
}

void compare(std::size_t threads, std::size_t length, unsigned seeds, bool old_values) {
    std::uint64_t reduced = 0, every = 0;
    for (unsigned seed = 1; seed <= seeds; ++seed) {
        const program p = random_program(seed, threads, length);
        check::exploration with, without;
        const auto few = endings(p, {.executions = 3'000'000, .old_values = old_values}, with);
        const auto many = endings(p, {.executions = 3'000'000, .reduce = false, .old_values = old_values}, without);
        INFO("seed " << seed << ", " << threads << " threads of " << length << (old_values ? ", old values" : ""));
        INFO(with.text() << without.text());
        REQUIRE(with.proved());
        REQUIRE(without.proved());
        CHECK(few == many);
        reduced += with.executions + with.redundant, every += without.executions;
    }
    CAPTURE(reduced, every);
    CHECK(reduced < every);
}

}  // namespace

TEST_CASE("programs with locks end as they do without the reduction") {
    compare(2, 2, 20, true);
    compare(2, 2, 60, false);
    compare(2, 3, 25, false);
    compare(3, 1, 12, false);
}

TEST_CASE("a word that one thread touches is no step, one that two touch is") {
    shared s;
    const auto e = check::explore("one word of two", [&](check::program& p) {
        s.reset();
        p.thread([&] { s.words[0].store(1, order::relaxed), s.words[0].store(2, order::relaxed), s.words[1].store(1, order::relaxed); });
        p.thread([&] { s.words[1].store(2, order::relaxed); });
    });
    CHECK(e.proved());
    CHECK(e.shared == 1);
    CHECK(e.executions == 2);
    CHECK(e.longest == 2);
}

TEST_CASE("what a lock guards is whole, and a lock taken twice the other way round is a deadlock") {
    shared s;
    int inside = 0;
    CHECK(check::explore("a lock", [&](check::program& p) {
        s.reset(), inside = 0;
        for (int t = 0; t < 3; ++t)
            p.thread([&] {
                const std::lock_guard guard(s.lock);
                check::that(inside++ == 0, "one at a time");
                (void)s.words[0].load(order::relaxed);
                s.words[0].store(1, order::relaxed);
                --inside;
            });
    }).proved());
    const auto crossed = check::explore("two locks", [&](check::program& p) {
        p.name(s.lock, "the first lock");
        p.thread([&] { s.lock.lock(), s.readers.lock(), s.readers.unlock(), s.lock.unlock(); });
        p.thread([&] { s.readers.lock(), s.lock.lock(), s.lock.unlock(), s.readers.unlock(); });
    });
    INFO(crossed.text());
    CHECK(crossed.found == check::fault::deadlock);
    REQUIRE(crossed.trace.size() == 3);
    CHECK(crossed.trace[0].find("take     the first lock") != std::string::npos);
}

TEST_CASE("a permit that is given is not lost, and one that nobody gives is waited for in vain") {
    shared s;
    CHECK(check::explore("a permit", [&](check::program& p) {
        s.reset();
        p.thread([&] {
            s.permit.take();
            check::that(s.words[0].load(order::relaxed) == 1, "what came before the permit is seen");
        });
        p.thread([&] { s.words[0].store(1, order::relaxed), s.permit.give(); });
    }).proved());
    const auto e = check::explore("no permit", [&](check::program& p) {
        s.reset();
        p.thread([&] {
            if (s.words[0].load(order::relaxed) == 1) s.permit.give();
        });
        p.thread([&] { s.permit.take(), s.words[0].store(1, order::relaxed); });
    });
    CHECK(e.found == check::fault::deadlock);
    CHECK_FALSE(e.trace.empty());
}

TEST_CASE("without old values a store is seen before a load that follows it; with them it needs a fence") {
    struct words {
        word x, y;
    } w;
    const auto both_see_nothing = [&](bool fence, bool old_values) {
        int seen[2];
        return check::explore("store, then load", [&](check::program& p) {
            w.x.store(0, order::relaxed), w.y.store(0, order::relaxed);
            const auto look = [&, fence](word& mine, word& other, int& out) {
                mine.store(1, order::relaxed);
                if (fence) check::found_word<std::int32_t>::full_fence();
                out = other.load(order::relaxed);
            };
            p.thread([&, look] { look(w.x, w.y, seen[0]); });
            p.thread([&, look] { look(w.y, w.x, seen[1]); });
            p.at_end([&] { check::that(seen[0] + seen[1] != 0, "one sees the other"); });
        }, {.old_values = old_values});
    };
    CHECK(both_see_nothing(false, true).found == check::fault::assertion);
    CHECK(both_see_nothing(true, true).proved());
    CHECK(both_see_nothing(false, false).proved());
    CHECK(both_see_nothing(false, false).text().find("sequentially consistent") != std::string::npos);
}

TEST_CASE("a second look that is left out finds what the first found, and is no step") {
    shared s;
    const auto look_twice = [&](bool twice) {
        return check::explore("two looks", [&, twice](check::program& p) {
            s.reset();
            p.thread([&, twice] {
                check::second_look::note();
                const std::int32_t first = s.words[0].load(order::relaxed);
                if (!twice) check::second_look::leave_out();
                check::that(s.words[0].load(order::relaxed) == first && s.words[0].look(1) == (first & 1), "nothing has changed");
                check::second_look::note();
                check::that(s.words[1].load(order::acquire) == 0 || s.words[0].load(order::relaxed) == 1, "what was noted is forgotten");
            });
            p.thread([&] { s.words[0].store(1, order::relaxed), s.words[1].store(1, order::release); });
        });
    };
    CHECK(look_twice(true).found == check::fault::assertion);
    const auto once = look_twice(false);
    INFO(once.text());
    CHECK(once.proved());
    CHECK(once.longest == 5);
}

TEST_CASE("an execution that was given up is run to its end: what its threads held is given back") {
    shared s;
    int held = 0;
    struct holder {
        explicit holder(int& n) : count(n) { ++count; }
        ~holder() { --count; }
        int& count;
    };
    bool unwound = true;
    const auto e = check::explore("given up", [&](check::program& p) {
        s.reset();
        unwound = unwound && p.unwound() && held == 0;
        for (int t = 0; t < 3; ++t)
            p.thread([&] {
                const holder h(held);
                std::int32_t seen = 0;
                (void)s.words[0].compare_exchange(seen, 1, order::relaxed, order::relaxed, false);
                (void)s.words[1].load(order::relaxed);
                s.words[1].store(seen, order::relaxed);
            });
    });
    CHECK(e.proved());
    CHECK(e.redundant != 0);
    CHECK(unwound);
}

TEST_CASE("a word that an execution makes is the same word in the next, wherever it lies") {
    std::vector<std::unique_ptr<word>> kept;  // nothing is where something was before
    word passed_on;
    word* made[2];
    const auto make = [&] {
        kept.push_back(std::make_unique<word>());
        return kept.back().get();
    };
    const auto both = [&](word& first, int value) {
        (void)first.load(order::relaxed);
        first.store(value, order::relaxed);
    };
    const auto e = check::explore("words on the heap", [&](check::program& p) {
        passed_on.store(0, order::relaxed);
        word* const there = make();
        made[0] = made[1] = nullptr;
        p.thread([&, there] {
            both(*there, 1);
            made[0] = make();
            both(*made[0], 1);
            passed_on.store(1, order::release);
        });
        p.thread([&, there] {
            both(*there, 2);
            made[1] = make();
            both(*(passed_on.load(order::acquire) == 1 ? made[0] : made[1]), 2);
        });
    }, {.executions = 10'000});
    INFO(e.text());
    CHECK(e.proved());
    CHECK(e.shared == 3);  // the one that the second thread makes is its own
    CHECK(e.executions > 6);
}

}  // namespace check_found
