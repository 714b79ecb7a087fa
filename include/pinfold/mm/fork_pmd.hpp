// SPDX-License-Identifier: BSL-1.0
// fork of one huge pmd: shared whole; split for the ptes to decide when it is pinned. Source: spec 07 §6, spec 10 §7.
#pragma once

#include "fork_pte.hpp"
#include "thp.hpp"

namespace pinfold::mm {

namespace detail {

/// done: the child's pmd is as it will be. Else the parent has ptes now. Returns: 0 or -ENOMEM.
template <class P>
[[nodiscard]] int copy_pmd(fork_copy<P>& copy, vaddr a, const typename space<P>::place& from, bool& done) {
    physical<P>& phys = copy.parent.phys;
    if (!copy.from.is_anonymous()) {  // a file's huge page: the child faults it in
        done = true;
        return 0;
    }
    const auto to = copy.child.tables.reach(a, level::pmd);
    if (!to.slot) return -err::enomem;
    frame<P>* spare = copy.child.tables.new_table();
    if (!spare) return -err::enomem;
    {
        word_guard outer(to.lock());
        word_guard inner(from.lock());
        const entry e = from.slot->read();
        if (e.is_leaf()) {
            frame<P>* head = phys.head(phys.at(e.number()));
            const bool zero = phys.is_huge_zero(head);
            if (!zero && copy.is_kept(head, head)) {
                split_pmd_locked(copy.parent, from, &copy.from);
            } else {
                if (zero) {
                    if (!copy.child.huge_zero) {  // one reference per mm
                        phys.hold(head, holder::hand_out);
                        copy.child.huge_zero = head;
                    }
                } else {
                    phys.hold(head, holder::entry);
                    map_huge(head);
                    head->clear(pg::exclusive);
                }
                copy.child.tables.deposit(to.table, std::exchange(spare, nullptr));
                to.slot->set(copy.childs(e));
                if (e.has(eb::writable)) (void)from.slot->swap(e, e.without(eb::writable));
                done = true;
            }
        } else if (e.kind() == entry_kind::migration) {
            const entry now = e.without(eb::writable).without(eb::exclusive);
            from.slot->set(now);
            copy.child.tables.deposit(to.table, std::exchange(spare, nullptr));
            to.slot->set(now);
            done = true;
        } else if (e.is_none()) {
            done = true;
        }
    }
    if (spare) copy.child.tables.free_now(spare);
    return 0;
}

}  // namespace detail

}  // namespace pinfold::mm
