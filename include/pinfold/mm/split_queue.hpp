// SPDX-License-Identifier: BSL-1.0
// Huge folios of which only a part is mapped any more: the rest of their memory comes back when they are split, which
// is put off until memory is wanted. Source: spec 07 §12, spec 10 §9.
#pragma once

#include <mutex>
#include <unordered_set>

#include "frame.hpp"

namespace pinfold::mm {

/// A folio in the queue is marked pg::split_queued and leaves it, at the latest, when it is freed.
template <class P>
class split_queue {
public:
    /// Requires: a reference of `head`.
    void add(frame<P>* head) {
        if (head->is(pg::split_queued)) return;
        std::lock_guard guard(lock_);
        if (!head->set(pg::split_queued)) heads_.insert(head);
    }
    /// Requires: nobody adds `head` any more: its count is zero.
    void forget(frame<P>* head) {
        if (!head->is(pg::split_queued)) return;
        std::lock_guard guard(lock_);
        if (head->clear(pg::split_queued)) heads_.erase(head);
    }
    /// Effects: takes one folio out. Returns: it, if hold(head) said that it is held now; null when none is left.
    template <class Hold>
    [[nodiscard]] frame<P>* take(Hold hold) {
        std::lock_guard guard(lock_);
        while (!heads_.empty()) {
            frame<P>* head = *heads_.begin();
            heads_.erase(heads_.begin());
            const bool held = hold(head);     // else it is being freed: marked until now, it waits for this lock to be
            head->clear(pg::split_queued);    // forgotten, and the frame is nobody else's meanwhile
            if (held) return head;
        }
        return nullptr;
    }
    [[nodiscard]] std::size_t size() {
        std::lock_guard guard(lock_);
        return heads_.size();
    }

private:
    spin_lock lock_;
    std::unordered_set<frame<P>*> heads_;
};

/// Returns: whether a part of the folio is mapped by nobody, while another part is.
template <class P>
[[nodiscard]] bool is_partly_mapped(const frame<P>* head) noexcept {
    if (!head->is(pg::large) || !head->is_anon() || head->is(pg::hugetlb) || head->entire.load() != 0) return false;
    const std::int32_t maps = head->large.load();
    return maps > 0 && static_cast<std::uint64_t>(maps) < head->pages();
}

}  // namespace pinfold::mm
