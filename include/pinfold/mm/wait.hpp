// SPDX-License-Identifier: BSL-1.0
// The one place where the MM sleeps: a queue of threads that wait for a condition. How a thread stops and goes on is
// its parker's business; a simulator gives its threads one of its own and so sees, and orders, every stop.
#pragma once

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "lock.hpp"

namespace pinfold::mm {

/// How one thread stops and goes on. At most one thread parks; any thread unparks.
class parker {
public:
    parker() = default;
    parker(const parker&) = delete;
    parker& operator=(const parker&) = delete;
    virtual ~parker() = default;

    /// Effects: returns after an unpark() that no earlier park() has used up. May return without reason.
    virtual void park() = 0;
    virtual void unpark() noexcept = 0;

    /// Effects: what waits interruptibly gives up, now and until clear_interrupt().
    void interrupt() noexcept {
        interrupted_.store(1);
        unpark();
    }
    void clear_interrupt() noexcept { interrupted_.store(0); }
    [[nodiscard]] bool interrupted() const noexcept { return interrupted_.load() != 0; }

private:
    word32 interrupted_;
};

/// The parker of threads that were given no other.
class thread_parker final : public parker {
public:
    void park() override { permit_.take(); }
    void unpark() noexcept override { permit_.give(); }

private:
    threading::permit permit_;
};

namespace detail {
struct chosen_parker {
    parker* other = nullptr;  ///< null: the standard one
};
}
[[nodiscard]] inline parker& this_parker() {
    parker* const other = threading::own<detail::chosen_parker>().other;
    return other ? *other : threading::own<thread_parker>();
}

/// For a scope, this thread stops as `p` says.
class parked_by {
public:
    explicit parked_by(parker& p) noexcept : before_(std::exchange(threading::own<detail::chosen_parker>().other, &p)) {}
    parked_by(const parked_by&) = delete;
    parked_by& operator=(const parked_by&) = delete;
    ~parked_by() { threading::own<detail::chosen_parker>().other = before_; }

private:
    parker* before_;
};

/// Threads that wait for something. Whoever makes it true calls wake_all() afterwards.
/// Synchronises: what happened before wake_all() happens before the woken thread's next look.
class wait_queue {
public:
    /// Effects: returns once done() holds. `lock` (anything with lock and unlock) is held whenever done() is asked,
    /// and is not held while the thread is stopped. Requires: no other lock is held that the waking side needs.
    template <class Lock, class Done>
    void wait(Lock& lock, Done done) {
        (void)wait_until(lock, done, [](const parker&) { return false; });
    }
    /// Returns: whether done() holds; false, the wait was interrupted.
    template <class Lock, class Done>
    [[nodiscard]] bool wait_interruptible(Lock& lock, Done done) {
        return wait_until(lock, done, [](const parker& self) { return self.interrupted(); });
    }

    void wake_all() noexcept {
        const std::lock_guard guard(lock_);
        for (parker* p : waiting_) p->unpark();  // under the lock: a waiter leaves the queue before its parker dies
    }
    [[nodiscard]] bool empty() noexcept {
        const std::lock_guard guard(lock_);
        return waiting_.empty();
    }

private:
    template <class Lock, class Done, class GivesUp>
    bool wait_until(Lock& lock, Done& done, GivesUp gives_up) {
        if (done()) return true;
        const entry_in place(*this, this_parker());
        for (;;) {  // in the queue first, then looking: a wake between the two is not lost
            if (done()) return true;
            if (gives_up(place.self)) return false;
            lock.unlock();
            place.self.park();
            lock.lock();
        }
    }

    struct entry_in {
        entry_in(wait_queue& q, parker& p) : queue(q), self(p) {
            const std::lock_guard guard(queue.lock_);
            queue.waiting_.push_back(&self);
        }
        entry_in(const entry_in&) = delete;
        entry_in& operator=(const entry_in&) = delete;
        ~entry_in() {
            const std::lock_guard guard(queue.lock_);
            queue.waiting_.erase(std::find(queue.waiting_.begin(), queue.waiting_.end(), &self));
        }
        wait_queue& queue;
        parker& self;
    };

    mutex lock_;
    std::vector<parker*> waiting_;
};

/// A lock whose waiters sleep as every wait of the MM does: for what is held while the holder may wait (the lock of
/// a file that is being truncated, of a page under I/O).
class sleeping_mutex {
public:
    void lock() {
        std::unique_lock guard(lock_);
        free_.wait(guard, [&] { return !taken_; });
        taken_ = true;
    }
    [[nodiscard]] bool try_lock() {
        const std::lock_guard guard(lock_);
        return !std::exchange(taken_, true);
    }
    void unlock() {
        {
            const std::lock_guard guard(lock_);
            taken_ = false;
        }
        free_.wake_all();
    }

private:
    mutex lock_;
    wait_queue free_;
    bool taken_ = false;
};

}  // namespace pinfold::mm
