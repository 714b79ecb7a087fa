// SPDX-License-Identifier: BSL-1.0
// Where threads at work are stopped, so that somebody can look at what they did: a moment at which nobody is inside a
// call of the machine.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace stress {

/// For a fixed number of workers and one who leads.
class gate {
public:
    explicit gate(unsigned workers) : workers_(workers) {}

    /// By a worker, between two deeds. Effects: waits while the leader looks. Returns: whether work goes on.
    [[nodiscard]] bool pass() {
        if (!closed_.load(std::memory_order_relaxed)) return true;
        std::unique_lock lock(lock_);
        const unsigned round = round_;
        ++standing_;
        all_stand_.notify_one();
        opened_.wait(lock, [&] { return round_ != round; });
        return !over_;
    }

    /// By the leader. Effects: stops the workers. Returns: whether all of them stand; false: after `limit` one does not.
    [[nodiscard]] bool close(std::chrono::seconds limit) {
        std::unique_lock lock(lock_);
        closed_ = true;
        return all_stand_.wait_for(lock, limit, [&] { return standing_ == workers_; });
    }
    /// By the leader, with all standing. Effects: lets them go: on, or home.
    void open(bool over) {
        const std::lock_guard lock(lock_);
        closed_ = false;
        standing_ = 0;
        over_ = over;
        ++round_;
        opened_.notify_all();
    }

private:
    const unsigned workers_;
    std::mutex lock_;
    std::condition_variable all_stand_, opened_;
    std::atomic<bool> closed_{false};
    unsigned standing_ = 0;
    unsigned round_ = 0;
    bool over_ = false;
};

}  // namespace stress
