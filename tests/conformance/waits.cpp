// SPDX-License-Identifier: BSL-1.0
// Waits of the MM: between threads that run freely, and between those of a crew, where one runs at a time.
#include <catch2/catch.hpp>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include <pinfold/mm/wait.hpp>

#include "crew.hpp"

using pinfold::mm::sleeping_mutex;
using pinfold::mm::wait_queue;

namespace {

/// A door some wait at.
struct door {
    std::mutex lock;
    wait_queue queue;
    bool open = false;

    void wait() {
        std::unique_lock guard(lock);
        queue.wait(guard, [&] { return open; });
    }
    bool wait_interruptible() {
        std::unique_lock guard(lock);
        return queue.wait_interruptible(guard, [&] { return open; });
    }
    void set(bool to) {
        {
            const std::lock_guard guard(lock);
            open = to;
        }
        queue.wake_all();
    }
};

}  // namespace

TEST_CASE("whoever waits goes on when the condition holds, however the wake meets the wait") {
    for (int round = 0; round < 200; ++round) {
        door d;
        std::atomic<int> through{0};
        std::vector<std::thread> all;
        for (int i = 0; i < 4; ++i)
            all.emplace_back([&] {
                d.wait();
                ++through;
            });
        d.set(true);
        for (auto& t : all) t.join();
        CHECK(through == 4);
        CHECK(d.queue.empty());
    }
}

TEST_CASE("a sleeping mutex excludes") {
    sleeping_mutex m;
    long count = 0;
    std::vector<std::thread> all;
    for (int i = 0; i < 4; ++i)
        all.emplace_back([&] {
            for (int k = 0; k < 2000; ++k) {
                const std::lock_guard guard(m);
                ++count;
            }
        });
    for (auto& t : all) t.join();
    CHECK(count == 8000);
    CHECK(m.try_lock());
    CHECK_FALSE(m.try_lock());
    m.unlock();
}

TEST_CASE("a job of a crew runs until it waits, and goes on only when it is told to") {
    scenario::crew crew;
    door d;
    std::vector<int> order;
    const auto first = crew.start([&] {
        order.push_back(1);
        d.wait();
        order.push_back(4);
    });
    CHECK_FALSE(first->done());
    const auto second = crew.start([&] { order.push_back(2); });
    CHECK(second->done());
    const auto third = crew.start([&] {
        d.set(true);
        order.push_back(3);
    });
    CHECK(third->done());
    CHECK_FALSE(first->done());
    crew.run_woken();
    CHECK(first->done());
    CHECK(order == std::vector<int>{1, 2, 3, 4});
}

TEST_CASE("who is woken for nothing waits again; who is woken first goes on first") {
    scenario::crew crew;
    door a, b;
    std::vector<char> order;
    const auto one = crew.start([&] {
        a.wait();
        order.push_back('a');
        b.set(true);
        order.push_back('c');
    });
    const auto two = crew.start([&] {
        b.wait();
        order.push_back('b');
    });
    b.set(false);
    crew.run_woken();
    CHECK_FALSE(two->done());
    a.set(true);
    crew.run_woken();
    CHECK(one->done());
    CHECK(two->done());
    CHECK(order == std::vector<char>{'a', 'c', 'b'});
}

TEST_CASE("an interrupted job gives up its waits, and its thread serves the next one unharmed") {
    scenario::crew crew;
    door d;
    bool gave_up = false;
    const auto j = crew.start([&] { gave_up = !d.wait_interruptible(); });
    CHECK_FALSE(j->done());
    j->interrupt();
    crew.run_woken();
    CHECK(j->done());
    CHECK(gave_up);
    const auto next = crew.start([&] { (void)d.wait_interruptible(); });
    CHECK_FALSE(next->done());
    j->interrupt();  // of a job that is done: nobody's business
    crew.run_woken();
    CHECK_FALSE(next->done());
    d.set(true);
    crew.run_woken();
    CHECK(next->done());
}

TEST_CASE("a wait that cannot be interrupted is not") {
    scenario::crew crew;
    door d;
    const auto j = crew.start([&] { d.wait(); });
    j->interrupt();
    crew.run_woken();
    CHECK_FALSE(j->done());
    d.set(true);
    crew.run_woken();
    CHECK(j->done());
}

TEST_CASE("jobs that fight for a sleeping mutex take turns") {
    scenario::crew crew;
    sleeping_mutex m;
    door d;
    std::vector<int> order;
    const auto holder = crew.start([&] {
        const std::lock_guard guard(m);
        d.wait();
        order.push_back(1);
    });
    const auto other = crew.start([&] {
        const std::lock_guard guard(m);
        order.push_back(2);
    });
    CHECK_FALSE(other->done());
    d.set(true);
    crew.run_woken();
    CHECK(holder->done());
    CHECK(other->done());
    CHECK(order == std::vector<int>{1, 2});
}
