// SPDX-License-Identifier: BSL-1.0
// Who asks for folios to be split: a range of memory (the debugfs file split_huge_pages), and the need for the memory
// of those only partly mapped. Source: spec 07 §12, spec 10 §12.
#pragma once

#include <shared_mutex>

#include "thp_split.hpp"

namespace pinfold::mm {

/// Effects: splits every large folio mapped in the range that can be. Returns: how many. Best effort.
template <class P>
std::uint64_t split_range(space<P>& mm, vaddr from, vaddr to) {
    physical<P>& phys = mm.phys;
    std::uint64_t done = 0;
    const frame<P>* refused = nullptr;  // it would refuse for each of its pages
    std::shared_lock lock(mm.mmap_lock);
    for (vaddr a = align_down(from, page_size); a < to; a += page_size) {
        const vma* v = mm.find(a);
        if (!v) {
            v = mm.find_next(a);
            if (!v || v->start >= to) break;
            a = v->start;
        }
        if (v->has(vm::pfnmap | vm::mixedmap | vm::io) || v->is_hugetlb() || v->is_dax()) {
            a = v->end - page_size;
            continue;
        }
        frame<P>* head = nullptr;
        {
            const auto at = mm.tables.find(a, level::pte);
            word_guard table(at.lock());
            frame<P>* page = normal_page(phys, at.slot->read());
            if (!page) continue;
            head = phys.head(page);
            if (!head->is(pg::large) || phys.is_huge_zero(head) || head == refused) continue;
            phys.hold(head, holder::temporary);
        }
        refused = head;
        if (try_lock_page(head)) {
            if (split_folio(phys, head, head) == 0) ++done, refused = nullptr;
            unlock_page(head);
        }
        phys.drop(head, holder::temporary);
    }
    return done;
}

/// Effects: splits the folios of which only a part is mapped; what nobody maps of them is free then. Those that cannot
/// be split wait for the next time. Returns: how many were split.
template <class P>
std::uint64_t split_partly_mapped(physical<P>& phys) {
    std::uint64_t done = 0;
    std::vector<frame<P>*> later, ended;
    // Under the queue's lock, which whoever frees a folio takes: the undo of a refused grab may be the last release.
    const auto hold = [&](frame<P>* head) {
        const outcome got = head->count.try_get();
        if (got.undo == crossing::zero) ended.push_back(head);
        if (got) phys.note(head, holder::temporary, 1);
        return static_cast<bool>(got);
    };
    const auto next = [&] {
        frame<P>* const head = phys.partly_mapped.take(hold);
        for (frame<P>* const f : ended) phys.free_folio(f);
        ended.clear();
        return head;
    };
    while (frame<P>* const head = next()) {
        bool split = false;
        if (is_partly_mapped(head) && try_lock_page(head)) {
            split = split_folio(phys, head, head) == 0;
            unlock_page(head);
        }
        if (split) ++done;
        if (split || !is_partly_mapped(head)) phys.drop(head, holder::temporary);
        else later.push_back(head);
    }
    for (frame<P>* head : later) {
        phys.partly_mapped.add(head);
        phys.drop(head, holder::temporary);
    }
    return done;
}

}  // namespace pinfold::mm
