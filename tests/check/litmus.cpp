// SPDX-License-Identifier: BSL-1.0
// The explorer against the classic small programs: exactly the endings C++20 allows, in the known number of executions.
#include <catch2/catch.hpp>
#include <pinfold/check.hpp>

#include <set>
#include <string>

namespace check_litmus {

namespace check = pinfold::check;
using check::order;
using endings = std::set<std::string>;

namespace {

struct cells {
    check::atomic<int> x{0}, y{0};
    int seen[4] = {9, 9, 9, 9};
};

/// Threads are functions of the cells; the ending is what they saw, in order.
template <class... Threads>
std::pair<endings, check::exploration> run(Threads... threads) {
    endings all;
    auto r = check::explore("litmus", [&](check::program& p) {
        auto& c = p.make<cells>("cells");
        (p.thread([&c, threads] { threads(c); }), ...);
        p.at_end([&] {
            std::string end;
            for (const int v : c.seen)
                if (v != 9) end += std::to_string(v);
            all.insert(end);
        });
    });
    CHECK(r.proved());
    return {all, r};
}

}  // namespace

TEST_CASE("store buffering: without fences both may miss the other's store") {
    const auto [seen, r] = run([](cells& c) { c.x.store(1, order::release), c.seen[0] = c.y.load(order::acquire); },
                               [](cells& c) { c.y.store(1, order::release), c.seen[1] = c.x.load(order::acquire); });
    CHECK(seen == endings{"00", "01", "10", "11"});
    CHECK(r.executions == 4);
}

TEST_CASE("store buffering: a read-modify-write is no fence, whatever its order") {
    const auto [seen, r] = run(
        [](cells& c) { c.x.fetch_add(1, order::seq_cst), c.seen[0] = c.y.load(order::relaxed); },
        [](cells& c) { c.y.fetch_add(1, order::seq_cst), c.seen[1] = c.x.load(order::relaxed); });
    CHECK(seen == endings{"00", "01", "10", "11"});
}

TEST_CASE("store buffering: with both fences one of them sees") {
    const auto [seen, r] = run(
        [](cells& c) {
            c.x.store(1, order::relaxed), check::fence(order::seq_cst);
            c.seen[0] = c.y.load(order::relaxed);
        },
        [](cells& c) {
            c.y.store(1, order::relaxed), check::fence(order::seq_cst);
            c.seen[1] = c.x.load(order::relaxed);
        });
    CHECK(seen == endings{"01", "10", "11"});
}

TEST_CASE("store buffering: one fence is not enough") {
    const auto [seen, r] = run(
        [](cells& c) {
            c.x.store(1, order::relaxed), check::fence(order::seq_cst);
            c.seen[0] = c.y.load(order::relaxed);
        },
        [](cells& c) { c.y.store(1, order::relaxed), c.seen[1] = c.x.load(order::relaxed); });
    CHECK(seen.count("00") == 1);
}

TEST_CASE("message passing: release and acquire pass the message") {
    const auto [seen, r] = run([](cells& c) { c.x.store(1, order::relaxed), c.y.store(1, order::release); },
                               [](cells& c) {
                                   c.seen[0] = c.y.load(order::acquire);
                                   c.seen[1] = c.x.load(order::relaxed);
                               });
    CHECK(seen == endings{"00", "01", "11"});
    CHECK(r.executions == 3);
}

TEST_CASE("message passing: relaxed on either side loses it") {
    const auto writer = [](order o) {
        return [o](cells& c) { c.x.store(1, order::relaxed), c.y.store(1, o); };
    };
    const auto reader = [](order o) {
        return [o](cells& c) { c.seen[0] = c.y.load(o), c.seen[1] = c.x.load(order::relaxed); };
    };
    CHECK(run(writer(order::relaxed), reader(order::acquire)).first.count("10") == 1);
    CHECK(run(writer(order::release), reader(order::relaxed)).first.count("10") == 1);
}

TEST_CASE("message passing: fences around relaxed accesses pass it") {
    const auto [seen, r] = run(
        [](cells& c) {
            c.x.store(1, order::relaxed), check::fence(order::release);
            c.y.store(1, order::relaxed);
        },
        [](cells& c) {
            c.seen[0] = c.y.load(order::relaxed), check::fence(order::acquire);
            c.seen[1] = c.x.load(order::relaxed);
        });
    CHECK(seen == endings{"00", "01", "11"});
}

TEST_CASE("message passing: a read-modify-write in between continues the release sequence, a store ends it") {
    const auto first = [](cells& c) { c.x.store(1, order::relaxed), c.y.store(1, order::release); };
    const auto last = [](cells& c) { c.seen[0] = c.y.load(order::acquire), c.seen[1] = c.x.load(order::relaxed); };
    const auto added = run(first, [](cells& c) { c.y.fetch_add(4, order::relaxed); }, last).first;
    CHECK(added.count("51") == 1);
    CHECK(added.count("50") == 0);
    CHECK(run(first, [](cells& c) { c.y.store(5, order::relaxed); }, last).first.count("50") == 1);
}

TEST_CASE("independent reads of independent writes: readers may disagree, unless fences order them") {
    const auto x = [](cells& c) { c.x.store(1, order::release); };
    const auto y = [](cells& c) { c.y.store(1, order::release); };
    const auto read = [](bool fenced, int at) {
        return [=](cells& c) {
            c.seen[at] = (at == 0 ? c.x : c.y).load(order::acquire);
            if (fenced) check::fence(order::seq_cst);
            c.seen[at + 1] = (at == 0 ? c.y : c.x).load(order::acquire);
        };
    };
    CHECK(run(x, y, read(false, 0), read(false, 2)).first.count("1010") == 1);
    const auto fenced = run(x, y, read(true, 0), read(true, 2)).first;
    CHECK(fenced.count("1010") == 0);
    CHECK(fenced.size() == 15);
}

TEST_CASE("coherence: nobody reads one place backwards, nor misses what it wrote") {
    const auto [seen, r] = run([](cells& c) { c.x.store(1, order::relaxed), c.x.store(2, order::relaxed); },
                               [](cells& c) {
                                   c.seen[0] = c.x.load(order::relaxed);
                                   c.seen[1] = c.x.load(order::relaxed);
                               });
    CHECK(seen == endings{"00", "01", "02", "11", "12", "22"});
    CHECK(r.executions == 6);
    const auto own = run([](cells& c) { c.x.store(1, order::relaxed), c.seen[0] = c.x.load(order::relaxed); },
                         [](cells& c) { c.x.store(2, order::relaxed); }).first;
    CHECK(own == endings{"1", "2"});
}

TEST_CASE("read-modify-writes lose nothing; n of them come in n! orders") {
    const auto add = [](cells& c) { c.x.fetch_add(1, order::relaxed); };
    const auto [seen, r] = run(add, add, add, add);
    CHECK(r.executions == 24);
    CHECK(r.redundant == 0);
}

TEST_CASE("independent threads have one interleaving, of which there are many without the reduction") {
    const auto body = [](check::program& p) {
        for (int i = 0; i < 3; ++i) {
            auto& own = p.make<check::atomic<int>>("own", 0);
            p.thread([&own] { own.fetch_add(1, order::seq_cst), own.fetch_add(1, order::seq_cst); });
        }
    };
    CHECK(check::explore("independent", body).executions == 1);
    CHECK(check::explore("independent", body, {.reduce = false}).executions == 90);  // 6! / (2! 2! 2!)
}

TEST_CASE("a count word has the orders of the product, and no fence it was not given") {
    struct words {
        check::word<std::int32_t> x, y;
        int a = 0, b = 0;
    };
    for (const bool fenced : {false, true}) {
        bool both_missed = false;
        const auto r = check::explore("words", [&](check::program& p) {
            auto& w = p.make<words>("words");
            p.thread([&] {
                (void)w.x.grab(1);
                if (fenced) check::word<std::int32_t>::rmw_fence();
                w.a = w.y.load();
            });
            p.thread([&] {
                w.y.store(1), check::word<std::int32_t>::full_fence();
                w.b = w.x.load();
            });
            p.at_end([&] { both_missed = both_missed || (w.a == 0 && w.b == 0); });
        });
        CHECK(r.proved());
        CHECK(both_missed == !fenced);
    }
}

}  // namespace check_litmus
