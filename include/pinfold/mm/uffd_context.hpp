// SPDX-License-Identifier: BSL-1.0
// What a userfaultfd knows: the faults that wait for its reader, in the order they happened. Source: spec 10 §18.
#pragma once

#include <list>
#include <mutex>
#include <optional>

#include "geometry.hpp"
#include "vma.hpp"
#include "wait.hpp"

namespace pinfold::mm {

/// UFFD_EVENT_PAGEFAULT, the one kind of message there is.
struct uffd_event {
    static constexpr int kind = 0x12;
    vaddr address = 0;
    bool write = false;  ///< the access was a write
    bool wp = false;     ///< a page is there and write-protected; else it is missing
};

class uffd_context {
public:
    /// Effects: tells the reader, lets go of `held` (a lock that is held for reading) and stops until somebody resolves
    /// the fault or the thread is interrupted. still_waits() is asked after the event is queued and before `held` goes: what
    /// was resolved before that would wake nobody. Requires: no other lock.
    template <class SharedLock, class StillWaits>
    void wait(SharedLock& held, const uffd_event& event, StillWaits still_waits) {
        std::unique_lock guard(lock_);
        const auto place = waiting_.insert(waiting_.end(), {event});
        guard.unlock();
        const bool stops = still_waits();
        held.unlock_shared();
        guard.lock();
        if (stops) (void)queue_.wait_interruptible(guard, [&] { return place->woken || closed_; });
        waiting_.erase(place);
    }

    /// Returns: the oldest event nobody has read, if there is one. Who waits for it goes on waiting.
    [[nodiscard]] std::optional<uffd_event> read() {
        const std::lock_guard guard(lock_);
        for (waiter& w : waiting_) {
            if (w.read || w.woken) continue;
            w.read = true;
            return w.event;
        }
        return std::nullopt;
    }
    /// Effects: whoever waits in [from, to) looks again.
    void wake(vaddr from, vaddr to) {
        {
            const std::lock_guard guard(lock_);
            for (waiter& w : waiting_) w.woken = w.woken || (w.event.address >= from && w.event.address < to);
        }
        queue_.wake_all();
    }
    /// Returns: whether there is nothing left to watch: closed, or the space is gone.
    [[nodiscard]] bool is_closed() {
        const std::lock_guard guard(lock_);
        return closed_;
    }
    /// Effects: nobody waits any more.
    void close() {
        {
            const std::lock_guard guard(lock_);
            closed_ = true;
        }
        queue_.wake_all();
    }

private:
    struct waiter {
        uffd_event event;
        bool read = false;
        bool woken = false;
    };

    mutex lock_;
    wait_queue queue_;
    std::list<waiter> waiting_;
    bool closed_ = false;
};

}  // namespace pinfold::mm
