// SPDX-License-Identifier: BSL-1.0
// On the way to the LRU a page waits in a per-CPU batch, which holds one extra reference until it is drained.
// The lists themselves are a flag: reclaim scans frames in order. Source: spec 07 §1.
#pragma once

#include <mutex>

#include "fast_section.hpp"
#include "frame.hpp"
#include "ledger.hpp"

namespace pinfold::mm {

/// Phys offers hold(page*, holder, n) and drop(page*, holder, n).
template <class P, class Phys>
class lru_batches {
public:
    using page = frame<P>;
    static constexpr unsigned batch_size = 15, cpus = 16;

    /// Effects: the page will be on the LRU. A large folio goes there at once.
    /// Requires: the caller holds a reference of `head`.
    void add(Phys& phys, page* head) {
        if (head->is(pg::large)) {
            head->set(pg::lru);
            return;
        }
        phys.hold(head, holder::lru_batch, 1);
        batch& b = mine();
        page* full[batch_size];
        unsigned n = 0;
        {
            std::lock_guard lock(b.lock);
            b.pages[b.used++] = head;
            if (b.used == batch_size) n = empty(b, full);
        }
        finish(phys, full, n);
    }

    /// Effects: drains the batch of the calling CPU.
    void drain(Phys& phys) { drain_one(phys, mine()); }
    /// Effects: drains all batches.
    void drain_all(Phys& phys) {
        for (batch& b : batches_) drain_one(phys, b);
    }

private:
    struct alignas(64) batch {
        spin_lock lock;
        unsigned used = 0;
        page* pages[batch_size];
    };

    batch& mine() noexcept { return batches_[detail::this_thread().number % cpus]; }
    static unsigned empty(batch& b, page** out) noexcept {
        const unsigned n = b.used;
        for (unsigned i = 0; i < n; ++i) out[i] = b.pages[i];
        b.used = 0;
        return n;
    }
    void drain_one(Phys& phys, batch& b) {
        page* out[batch_size];
        unsigned n = 0;
        {
            std::lock_guard lock(b.lock);
            n = empty(b, out);
        }
        finish(phys, out, n);
    }
    static void finish(Phys& phys, page** pages, unsigned n) {
        for (unsigned i = 0; i < n; ++i) {
            pages[i]->set(pg::lru);
            phys.drop(pages[i], holder::lru_batch, 1);
        }
    }

    batch batches_[cpus];
};

}  // namespace pinfold::mm
