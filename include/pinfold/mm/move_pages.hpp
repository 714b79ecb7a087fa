// SPDX-License-Identifier: BSL-1.0
// Pages of one address space moved on request: move_pages(2), and a single page to a place of one's choice.
// Source: spec 10 §14.
#pragma once

#include <cstdint>
#include <shared_mutex>
#include <vector>

#include "mapped_page.hpp"
#include "migrate_list.hpp"

namespace pinfold::mm {

/// Status of a page of which the call says nothing (NR-8).
inline constexpr int status_unset = -1000;

namespace detail {

/// One call of move_pages: pages are queued until one is met that is not; then, and at the end, the queue is moved.
template <class P>
class page_mover {
public:
    page_mover(space<P>& mm, unsigned node) : mm_(mm), phys_(mm.phys), node_(static_cast<int>(node)) {}

    [[nodiscard]] long run(const std::vector<vaddr>& pages, std::vector<int>& status) {
        phys_.lru_drain_all();
        status.assign(pages.size(), status_unset);
        std::size_t start = 0;
        for (std::size_t i = 0; i < pages.size(); ++i) {
            const int got = add(pages[i] & page_mask);
            if (got == queued) continue;
            status[i] = got;
            if (const long error = flush(start, i, status)) return error < 0 ? error : error + static_cast<long>(pages.size() - i) - 1;
            start = i + 1;
        }
        return flush(start, pages.size(), status);
    }

private:
    static constexpr int queued = -1001;

    /// Returns: queued, the node the page is on already, or a negative errno.
    [[nodiscard]] int add(vaddr a) {
        std::shared_lock lock(mm_.mmap_lock);
        const vma* v = mm_.find(a);
        if (!v || v->has(vm::io | vm::pfnmap) || v->is_dax()) return -err::efault;
        const mapped_page<P> found = hold_mapped_page(mm_, a);
        switch (found.what) {
            case mapped_as::nothing:
            case mapped_as::device: return -err::enoent;
            case mapped_as::zero:
            case mapped_as::raw: return -err::efault;
            case mapped_as::page: break;
        }
        frame<P>* head = phys_.head(found.page);
        int result = node_;
        if (static_cast<int>(head->node()) != node_) {
            result = isolate(phys_, head) ? queued : -err::ebusy;
            if (result == queued) queue_.push_back(head);
        }
        phys_.drop(head, holder::temporary);
        return result;
    }

    /// Returns: 0, or how many folios of the queue failed; the status of pages [start, end) is set if none did.
    [[nodiscard]] long flush(std::size_t start, std::size_t end, std::vector<int>& status) {
        if (queue_.empty()) return 0;
        const migrated moved = migrate_pages(phys_, queue_, {.node = node_, .exact = true});
        put_back_all(phys_, queue_);
        if (moved.error != 0) return moved.error;
        if (!moved.all()) return static_cast<long>(moved.failed);
        for (std::size_t i = start; i < end; ++i) status[i] = node_;
        return 0;
    }

    space<P>& mm_;
    physical<P>& phys_;
    int node_;
    std::vector<frame<P>*> queue_;
};

}  // namespace detail

/// move_pages(2) with MPOL_MF_MOVE_ALL. status: a node, a negative errno, or status_unset, for each page.
/// Returns: 0, how many pages were not moved, or a negative errno: -ENODEV, there is no such node; -ENOMEM.
template <class P>
[[nodiscard]] long move_pages(space<P>& mm, const std::vector<vaddr>& pages, unsigned node, std::vector<int>& status) {
    if (node >= mm.phys.nodes()) {
        status.assign(pages.size(), status_unset);
        return -err::enodev;
    }
    return detail::page_mover<P>(mm, node).run(pages, status);
}

/// What migrate_page answers beside its error.
template <class P>
struct page_move {
    int error = 0;             ///< 0 moved; -ENOENT nothing there; -EINVAL device; -EBUSY not isolated; -EAGAIN refused
    frame<P>* moved = nullptr; ///< the folio it is now in
    bool same = false;         ///< part of the folio that was moved just before
};

/// Effects: the folio mapped at `a` goes to a fresh place as `where` says. `before`: where the last call of a range
/// has put its folio; more pages of that one are there already.
template <class P>
[[nodiscard]] page_move<P> migrate_page(space<P>& mm, vaddr a, const request& where, const frame<P>* before = nullptr) {
    physical<P>& phys = mm.phys;
    phys.lru_drain_all();
    std::vector<frame<P>*> one;
    {
        std::shared_lock lock(mm.mmap_lock);
        const mapped_page<P> found = mm.find(a) ? hold_mapped_page(mm, a) : mapped_page<P>{};
        if (found.what == mapped_as::device) return {-err::einval};
        if (found.what != mapped_as::page) return {-err::enoent};
        frame<P>* head = phys.head(found.page);
        const bool same = head == before && head->is(pg::large);
        const bool taken = !same && !head->is(pg::hugetlb) && isolate(phys, head);  // hugetlb: on no LRU list
        phys.drop(head, holder::temporary);
        if (same) return {0, head, true};
        if (!taken) return {-err::ebusy};
        one.push_back(head);
    }
    const migrated moved = migrate_pages(phys, one, where);
    put_back_all(phys, one);
    if (!moved.all()) return {moved.error != 0 ? moved.error : -err::eagain};
    std::shared_lock lock(mm.mmap_lock);
    const mapped_page<P> now = hold_mapped_page(mm, a);
    if (now.what != mapped_as::page) return {};
    frame<P>* head = phys.head(now.page);
    phys.drop(head, holder::temporary);
    return {0, head};
}

}  // namespace pinfold::mm
