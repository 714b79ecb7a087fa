// SPDX-License-Identifier: BSL-1.0
// The lock of a folio: outside the rmap and page-table locks, so it is taken before them or only tried.
// Who only tries and does not get it leaves its work undone: for the swap cache, whoever unlocks looks again.
// Source: spec 07 §18.
#pragma once

#include "frame.hpp"

namespace pinfold::mm {

/// Returns: whether the lock was free; it is held then. Requires: a reference of `head`.
template <class P>
[[nodiscard]] bool try_lock_page(frame<P>* head) noexcept {
    return !head->set(pg::locked);
}
/// Requires: a reference of `head`; no page-table, rmap or list lock is held.
template <class P>
void lock_page(frame<P>* head) noexcept {
    for (unsigned spins = 0; !try_lock_page(head); relax(spins)) {
    }
}
template <class P>
void unlock_cached_for_swap(frame<P>* head) noexcept;  // swap_cache.hpp

/// Effects: the lock is free. A folio whose last user went while it was held leaves the swap cache.
/// Requires: a reference of `head`.
template <class P>
void unlock_page(frame<P>* head) noexcept {
    if (head->is(pg::swapcache)) unlock_cached_for_swap(head);
    else head->clear(pg::locked);
}

/// Holds the lock of a folio for a scope. Requires: a reference for as long.
template <class P>
class page_lock_guard {
public:
    explicit page_lock_guard(frame<P>* head) noexcept : head_(head) { lock_page(head); }
    page_lock_guard(const page_lock_guard&) = delete;
    page_lock_guard& operator=(const page_lock_guard&) = delete;
    ~page_lock_guard() { unlock_page(head_); }

private:
    frame<P>* head_;
};

}  // namespace pinfold::mm

#include "swap_cache.hpp"
