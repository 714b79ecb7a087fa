// SPDX-License-Identifier: BSL-1.0
// Operations that may stop half way, without sleeping and without chance: each runs on a thread of its own, and
// exactly one thread runs at a time. A thread that stops in a wait of the MM hands the baton back.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace scenario {

/// One operation on its way. Asked and told by the thread that drives the crew only.
class job {
public:
    virtual ~job() = default;
    [[nodiscard]] virtual bool done() const noexcept = 0;
    /// Effects: every interruptible wait of the job gives up, now and later.
    virtual void interrupt() = 0;
};

class crew {
public:
    crew();
    crew(const crew&) = delete;
    crew& operator=(const crew&) = delete;
    /// Requires: every job is done.
    ~crew();

    /// Effects: runs `work` until it is done or stops in a wait. What it throws becomes std::terminate.
    std::shared_ptr<job> start(std::function<void()> work);
    /// Effects: whoever was woken runs until it is done or stops again; in the order of waking, until all stand.
    void run_woken();

private:
    class hand;
    hand& idle_hand();

    std::mutex lock_;                           ///< everything below, and the state of each hand
    std::vector<std::unique_ptr<hand>> hands_;  ///< one is enough until an operation stops
    std::deque<hand*> woken_;
};

}  // namespace scenario
