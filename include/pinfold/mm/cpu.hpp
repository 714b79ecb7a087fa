// SPDX-License-Identifier: BSL-1.0
// What a processor does with an address: look in the tables, set young and dirty, touch the bytes; fault and look
// again. The bytes are reached under the entry's lock, which stands for the flush an un-mapper waits for.
#pragma once

#include "fault.hpp"
#include "hugetlb_entry.hpp"
#include "stack.hpp"

namespace pinfold::mm {

namespace detail {

/// Effects: use(page, pfn) if an entry allows the access. Returns: whether it did.
template <class P, class Use>
[[nodiscard]] bool access_mapped(space<P>& mm, vaddr a, bool write, Use& use) {
    for (unsigned spins = 0;; relax(spins)) {
        const fast_section section;  // the tables stay, the entries are checked under their lock
        const huge_place at = find_leaf(mm, a);
        if (!at.slot->read().is_leaf()) return false;
        if (!try_lock_word(at.lock())) continue;  // waited for outside: a section waits for no lock (spec 07 §18)
        const word_guard lock(at.lock(), std::adopt_lock);
        if (find_leaf(mm, a).slot != at.slot) return false;
        const entry e = at.slot->read();
        if (!e.is_leaf() || e.denies_access() || (write && !e.has(eb::writable))) return false;
        const entry touched = write ? e.with(eb::young).with(eb::dirty).with(eb::soft_dirty) : e.with(eb::young);
        if (touched != e) at.slot->set(touched);
        const pfn n = e.number() + ((a & (at.span - 1)) >> page_shift);
        use(*mm.phys.at(n), n);
        return true;
    }
}

}  // namespace detail

/// Effects: one access of the process to `a`. Returns: ok, sigsegv, sigbus, oom, hwpoison.
template <class P, class Use>
[[nodiscard]] fault_result cpu_access(space<P>& mm, vaddr a, bool write, Use use) {
    unsigned flags = ff::user | ff::allow_retry | (write ? ff::write : 0U);
    for (;;) {
        if (detail::access_mapped(mm, a, write, use)) return fault_result::ok;
        mm.mmap_lock.lock_shared();
        vma* v = mm.find(a);
        if (!v && !write && mm.phys.gate.holds(a)) {  // the kernel's table, which stays as it is; writes end below
            mm.mmap_lock.unlock_shared();
            const pfn n = mm.phys.gate.slot.read().number();
            use(*mm.phys.at(n), n);
            return fault_result::ok;
        }
        if (!v && below_stack(mm, a)) {
            mm.mmap_lock.unlock_shared();
            if (!grow_stack(mm, a)) return fault_result::sigsegv;
            continue;
        }
        if (!v || v->keyed || !(write ? v->has(vm::write) : v->is_accessible())) {
            mm.mmap_lock.unlock_shared();
            return fault_result::sigsegv;
        }
        const fault_result r = handle_fault(mm, *v, a, flags);
        if (r == fault_result::retry) {  // the lock is dropped already
            if (mm.fatal_signal.load() != 0) return fault_result::sigbus;  // nobody is left who could go on
            flags |= ff::tried;
            continue;
        }
        mm.mmap_lock.unlock_shared();
        if (r != fault_result::ok) return r;
    }
}

}  // namespace pinfold::mm
