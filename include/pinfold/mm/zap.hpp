// SPDX-License-Identifier: BSL-1.0
// Taking entries away from a range: mapcounts at once, counts after the range is flushed, so that nobody frees a
// page an entry still shows. Source: spec 07 B17.
#pragma once

#include <algorithm>
#include <vector>

#include "hugetlb_zap.hpp"
#include "space.hpp"
#include "swap_cache.hpp"
#include "thp.hpp"

namespace pinfold::mm {

/// What a range of cleared entries still owes.
template <class P>
class zap_gather {
public:
    explicit zap_gather(space<P>& mm, bool munlock = false) : mm_(mm), munlock_(munlock) {}
    zap_gather(const zap_gather&) = delete;
    zap_gather& operator=(const zap_gather&) = delete;
    ~zap_gather() { flush(); }

    void add(frame<P>* head, bool was_dirty) {
        if (was_dirty && !head->is_anon() && head->mapping.load() != 0) head->set(pg::dirty);
        if (munlock_ && head->is(pg::mlocked)) head->clear(pg::mlocked);
        pages_.push_back(head);
        if (pages_.size() == pages_.capacity()) flush();
    }
    void flush() {
        word64::full_fence();  // the flush: whoever reads a count now sees the entries gone (spec 01 §3, A2)
        for (std::size_t i = 0; i < pages_.size();) {
            std::size_t n = 1;
            while (i + n < pages_.size() && pages_[i + n] == pages_[i]) ++n;
            free_swap_if_unmapped(mm_.phys, pages_[i]);
            if (is_partly_mapped(pages_[i])) mm_.phys.partly_mapped.add(pages_[i]);
            mm_.phys.drop(pages_[i], holder::entry, n);
            i += n;
        }
        pages_.clear();
        if (pages_.capacity() == 0) pages_.reserve(512);
    }

private:
    space<P>& mm_;
    bool munlock_;
    std::vector<frame<P>*> pages_;
};

/// Whether memory of v may come back without v: a place that was protected for userfaultfd remembers it then.
[[nodiscard]] inline bool keeps_protection(const vma& v) noexcept { return v.has(vm::uffd_wp) && !v.is_anonymous(); }

/// Clears one pte. `marks_stay`: what userfaultfd protected stays so, empty. Requires: its lock.
template <class P>
void zap_pte(space<P>& mm, entry_slot& slot, zap_gather<P>& gather, bool marks_stay = false) {
    const entry e = slot.take();
    if (marks_stay) slot.set(e.protection());
    if (e.kind() == entry_kind::swap) {
        mm.swap_entries.adjust(-1);
        free_swap_entry(mm.phys, slot_of(e));
        return;
    }
    frame<P>* page = e.kind() == entry_kind::device_private ? mm.phys.at(e.number()) : normal_page(mm.phys, e);
    if (!page) return;
    frame<P>* head = mm.phys.head(page);
    unmap_pte(page, head);
    gather.add(head, e.has(eb::dirty));
}

/// Clears a whole huge pmd. Requires: its lock.
template <class P>
void zap_pmd(space<P>& mm, const typename space<P>::place& at, zap_gather<P>& gather) {
    const entry e = at.slot->take();
    if (!is_huge(e) || e.has(eb::devmap)) return;
    frame<P>* head = mm.phys.head(mm.phys.at(e.number()));
    const bool zero = mm.phys.is_huge_zero(head);
    if (head->is_anon() || zero) mm.tables.free_now(mm.tables.withdraw(at.table));
    if (zero || !e.is_leaf()) return;  // on its way elsewhere: it will not come back here
    unmap_huge(head);
    gather.add(head, e.has(eb::dirty));
}

/// Effects: the huge entry at `a`, if there is one, makes room for ptes: split, or dropped where a file is behind it.
/// Returns: whether there was one. Requires: the mmap lock.
template <class P>
bool split_or_drop_pmd(space<P>& mm, vaddr a) {
    const auto at = mm.tables.find(a, level::pmd);
    if (!at.reached(level::pmd)) return false;
    zap_gather<P> gather(mm);
    word_guard lock(at.lock());
    const entry e = at.slot->read();
    if (!is_huge(e)) return false;
    if (splits_to_ptes(mm, e)) split_pmd_locked(mm, at, mm.find(a));
    else zap_pmd(mm, at, gather);
    return true;
}

/// Effects: clears every entry of v in [from, to). Huge entries that are only partly covered are split, or, if
/// they map a file, dropped whole. `v_stays`: and with it the marks of protection. Requires: the mmap lock.
template <class P>
void zap_range(space<P>& mm, vma& v, vaddr from, vaddr to, bool v_stays = false) {
    using geo = geometry<P::p4d_folded>;
    const bool marks_stay = v_stays && keeps_protection(v);
    if (v.is_hugetlb()) return zap_huge_range(mm, v, from, to, marks_stay);
    zap_gather<P> gather(mm, v.has(vm::locked));
    for (vaddr a = from; a < to;) {
        auto at = mm.tables.find(a, level::pte);
        const entry above = at.at == level::pte ? entry{} : at.slot->read();
        if (above.is_table()) continue;  // split since it was found
        if ((at.at == level::pmd || at.at == level::pud) && is_huge(above)) {
            const std::uint64_t span = geo::span(at.at);
            const vaddr begin = align_down(a, span);
            word_guard lock(at.lock());
            const entry e = at.slot->read();
            if (is_huge(e)) {
                if ((begin >= from && begin + span <= to) || !splits_to_ptes(mm, e)) {
                    zap_pmd(mm, at, gather);
                    a = begin + span;
                    continue;
                }
                split_pmd_locked(mm, at, &v);
            }
            continue;
        }
        if (at.at != level::pte) {  // nothing below: on to the next entry of that level
            a = align_down(a, geo::span(at.at)) + geo::span(at.at);
            continue;
        }
        const vaddr stop = std::min<vaddr>(to, align_down(a, pmd_size) + pmd_size);
        word_guard lock(at.lock());
        for (; a < stop; a += page_size, ++at.slot) zap_pte(mm, *at.slot, gather, marks_stay);
    }
}

}  // namespace pinfold::mm
