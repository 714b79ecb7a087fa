// SPDX-License-Identifier: BSL-1.0
// One slow lookup: from an address to a page, counted by flags under the lock of its entry. Every path of spec 04
// that this MM has; both profiles walk here, their differences are named policies.
#pragma once

#include <optional>

#include "follow_hugetlb.hpp"
#include "follow_split.hpp"
#include "grab.hpp"
#include "huge_addr.hpp"
#include "space.hpp"
#include "thp.hpp"
#include "trace.hpp"

namespace pinfold::mm {

namespace detail {

/// One walk: where, whose, with which flags.
template <class P>
class follower {
public:
    using place = typename space<P>::place;

    follower(space<P>& mm, vma& v, vaddr a, unsigned flags, gup_trace* trace, pagemap_hold<P>& device)
        : mm_(mm), phys_(mm.phys), v_(v), a_(a), flags_(flags), trace_(trace), device_(device) {}

    [[nodiscard]] lookup<P> run() {
        for (;;)
            if (const auto answer = walk()) return *answer;
    }

private:
    [[nodiscard]] bool wants(unsigned f) const noexcept { return (flags_ & f) != 0; }
    [[nodiscard]] bool counted() const noexcept { return wants(foll::get | foll::pin); }
    [[nodiscard]] bool may_follow(entry e) const noexcept {
        return !e.has(eb::protnone) || !wants(foll::honor_numa_fault) || !v_.is_accessible();
    }

    /// One walk. Returns: nothing where something was waited for, or split: look again.
    [[nodiscard]] std::optional<lookup<P>> walk() {
        const place at = mm_.tables.find(a_, level::pmd);
        const entry e = at.slot->read();
        if (e.is_leaf() && e.has(eb::devmap)) {
            const lookup<P> got = follow_devmap(at);
            if (got.page || got.error != 0) return got;
            if (P::devices::null_falls_through && at.slot->read() != e) return std::nullopt;
            return no_page_table(at.at);
        }
        if (e.is_hugepd()) return hugepd_unknown(at.at, e);
        if (!at.reached(level::pmd) || e.is_none()) return no_page_table(at.at);
        if (e.is_table()) return follow_pte();
        if (!e.is_leaf()) return waited_for(at, e) ? std::nullopt : std::optional(no_page_table(level::pmd));
        if (!may_follow(e)) return no_page_table(level::pmd);
        word_guard lock(at.lock());
        const entry now = at.slot->read();
        if (now.is_table()) {
            lock.release();
            return follow_pte();
        }
        if (!now.is_leaf()) {
            lock.release();
            return waited_for(at, now) ? std::nullopt : std::optional(no_page_table(level::pmd));
        }
        if (splits_anything<P>(flags_)) return split(now, lock);
        return follow_huge_pmd(at, now);
    }

    /// FOLL_MIGRATION (2019): whoever moves the page is waited for. Returns: whether something was. Requires: no lock.
    [[nodiscard]] bool waited_for(const place& at, entry e) const {
        if (!P::lookup_flags_2019 || !wants(foll::migration) || e.kind() != entry_kind::migration) return false;
        wait_while(*at.slot, e);
        return true;
    }

    /// A directory of huge entries that belongs to no hugetlb mapping.
    lookup<P> hugepd_unknown(level l, entry e) {
        phys_.warn.emit(warn_id::huge_pd_none, static_cast<std::int64_t>(e.raw));
        return no_page_table(l);
    }

    lookup<P> fail(path_id p, level l, int error, rule why, std::int64_t used = 0) {
        if (trace_) [[unlikely]]
            trace_->add({p, l, a_, 0, 0, -error, why.id, why.text, 0, used, 1});
        return {nullptr, error, 0};
    }
    lookup<P> found(path_id p, level l, frame<P>* page, std::uint64_t mask = 0) {
        if (trace_) [[unlikely]]
            trace_->add({p, l, a_, 1, units_of(page, 1, flags_), 0, "", "", 0, 0, 0});
        return {page, 0, mask};
    }

    /// Nothing below this level. A core dump wants to hear of holes that would read as zero.
    lookup<P> no_page_table(level l) {
        if (wants(foll::dump) && (v_.is_anonymous() || (v_.kind == vma_kind::driver && !v_.source)))
            return fail(path_id::fp_none, l, -err::efault, {"04-dump", "a hole that a core dump leaves out"});
        return {};
    }

    [[nodiscard]] bool both(warn_id site) {
        if (!(wants(foll::get) && wants(foll::pin))) return false;
        phys_.warn.emit(site, static_cast<std::int64_t>(flags_));
        return true;
    }

    [[nodiscard]] bool can_follow_write(entry e, const frame<P>* page) const noexcept {
        if (e.has(eb::writable)) return true;
        if constexpr (P::cow_flag) {
            (void)page;
            return wants(foll::force) && wants(foll::cow) && e.has(eb::dirty);
        } else {
            if (!wants(foll::force) || v_.has(vm::mayshare | vm::shared) || !v_.has(vm::maywrite) || v_.has(vm::write))
                return false;
            return page && phys_.is_anonymous(page) && page->is(pg::exclusive) && !e.has(eb::uffd_wp);
        }
    }

    [[nodiscard]] bool must_unshare(entry e, const frame<P>* page) const noexcept {
        if constexpr (!P::anon_exclusive) return false;
        if (e.has(eb::writable) || !wants(foll::pin) || wants(foll::write)) return false;
        if (!phys_.head(const_cast<frame<P>*>(page))->is_anon()) return wants(foll::longterm) && v_.is_cow();
        return !page->is(pg::exclusive);
    }

    // ---- FP-SPLIT, FP-SPLIT-PMD --------------------------------------------------------------------------
    /// Requires: the pmd lock.
    [[nodiscard]] std::optional<lookup<P>> split(entry e, word_guard& lock) {
        const path_id path = splits_page<P>(flags_) ? path_id::fp_split : path_id::fp_split_pmd;
        if (const int error = split_for_lookup(mm_, e, a_, flags_, lock)) return fail(path, level::pmd, error, unsplit);
        if (trace_) [[unlikely]]
            trace_->add({path, level::pmd, a_, 0, 0, 0, "", "", 0, 0, 0});
        return std::nullopt;
    }

    // ---- FP-PMD-TRANS-HUGE (2019), FP-HUGE-PMD (6.12) ------------------------------------------------------
    static constexpr path_id huge_path = P::slow_batches ? path_id::fp_huge_pmd : path_id::fp_pmd_trans_huge;

    void touch_huge(const place& at, entry e) {
        if (!wants(foll::touch)) return;
        e = e.with(eb::young);
        if (wants(foll::write)) e = e.with(eb::dirty);
        at.slot->set(e);
    }

    lookup<P> follow_huge_pmd(const place& at, entry e) {
        if (both(warn_id::huge_pmd_get_pin))
            return fail(huge_path, level::pmd, -err::einval, {"04-get+pin", "GET and PIN exclude each other"});
        frame<P>* const first = phys_.at(e.number());
        frame<P>* const head = phys_.head(first);
        if (wants(foll::write) && !can_follow_write(e, head)) return {};
        if (wants(foll::dump) && phys_.is_huge_zero(head))
            return fail(huge_path, level::pmd, -err::efault, {"04-dump", "a core dump leaves the huge zero page out"});
        if (!may_follow(e)) return {};
        if (must_unshare(e, head)) return {nullptr, -err::emlink, 0};

        if constexpr (P::touch_before_grab) touch_huge(at, e);
        mlock_found(head, !head->is_anon() || folio_mapcount(head) == 1);
        frame<P>* const page = phys_.nth(first, (a_ & (pmd_size - 1)) >> page_shift);
        if (const int refused = grab_stable(phys_, page, 1, flags_)) {
            // Cannot fail: the pmd lock keeps the entry and the entry keeps a reference; only an overflowed count
            // refuses. An error, because NULL would be faulted in for ever (DEF-06).
            if constexpr (P::warns_refused_huge) phys_.warn.emit(warn_id::pmd_trans_huge_grab, head->count.refs());
            return fail(huge_path, level::pmd, refused == -err::einval ? refused : -P::refused_huge, overflowed,
                        head->count.refs());
        }
        if constexpr (!P::touch_before_grab) touch_huge(at, e);
        return found(huge_path, level::pmd, page, pages_per_pmd - 1);
    }

    // ---- FP-DEVMAP-PMD, FP-DEVMAP-PUD ------------------------------------------------------------------------
    lookup<P> follow_devmap(const place& at) {
        const bool pud = at.at == level::pud;
        const path_id path = pud ? path_id::fp_devmap_pud : path_id::fp_devmap_pmd;
        word_guard lock(at.lock());
        if (both(pud ? warn_id::devmap_pud_get_pin : warn_id::devmap_pmd_get_pin))
            return fail(path, at.at, -err::einval, {"04-get+pin", "GET and PIN exclude each other"});
        if constexpr (P::cow_flag)
            if (!pud && wants(foll::cow)) phys_.warn.emit(warn_id::devmap_pmd_cow, static_cast<std::int64_t>(flags_));
        const entry e = at.slot->read();
        if (!e.is_leaf() || !e.has(eb::devmap)) return {};  // gone meanwhile
        if (wants(foll::write) && !e.has(eb::writable)) return {};
        if (!pud || P::devices::pud_touched_first) touch_huge(at, e);
        if (!counted())  // given only to callers that manage the count
            return fail(path, at.at, -err::eexist, {"04-devmap.flags", "device pages are for callers that count them"});
        if (pud && !P::devices::pud_touched_first) touch_huge(at, e);
        const std::uint64_t span = geometry<P::p4d_folded>::span(at.at);
        const pfn n = e.number() + ((a_ & (span - 1)) >> page_shift);
        if (!device_.covers(n)) return fail(path, at.at, -err::efault, dying_device);
        frame<P>* const page = phys_.at(n);
        if (const int refused = grab_stable(phys_, page, 1, flags_)) {
            // Cannot fail: the lock keeps the mapping, the pagemap reference the device; only an overflow refuses.
            const std::int64_t seen = phys_.head(page)->count.refs();
            if constexpr (!P::devices::refused_is_efault) return fail(path, at.at, refused, overflowed, seen);
            phys_.warn.emit(pud ? warn_id::devmap_pud_grab : warn_id::devmap_pmd_grab, seen);
            return fail(path, at.at, refused == -err::einval ? refused : -err::efault, overflowed, seen);
        }
        const bool whole = phys_.head(page)->pages() == span >> page_shift;  // one folio, one batch
        return found(path, at.at, page, pud && whole ? (span >> page_shift) - 1 : 0);
    }

    /// FOLL_MLOCK (2019): what is found in a locked mapping is marked, if its lock is free. Never fails the lookup.
    void mlock_found(frame<P>* head, bool fit) {
        if (!P::lookup_flags_2019 || !wants(foll::mlock) || !v_.has(vm::locked) || !fit || head->mapping.load() == 0) return;
        if (!try_lock_page(head)) return;
        head->set(pg::mlocked);
        unlock_page(head);
    }

    // ---- FP-PTE and what it leads to -----------------------------------------------------------------------
    [[nodiscard]] std::optional<lookup<P>> follow_pte() {
        if (both(warn_id::pte_get_pin))
            return fail(path_id::fp_pte, level::pte, -err::einval, {"04-get+pin", "GET and PIN exclude each other"});
        const place at = mm_.tables.find(a_, level::pte);
        if (!at.reached(level::pte)) return no_page_table(at.at);
        word_guard lock(at.lock());
        const entry e = at.slot->read();
        if (e.is_none()) return no_page_table(level::pte);
        if (!e.is_leaf()) {
            lock.release();
            return waited_for(at, e) ? std::nullopt : std::optional(nothing_usable);
        }
        if (!may_follow(e)) return nothing_usable;
        frame<P>* page = normal_page(phys_, e);
        if (wants(foll::write) && !can_follow_write(e, page)) return nothing_usable;
        path_id path = path_id::fp_pte;
        if (!page && e.has(eb::devmap) && counted()) {
            if (!device_.covers(e.number())) return fail(path_id::fp_pte_devmap, level::pte, 0, dying_device);
            page = phys_.at(e.number());
            path = path_id::fp_pte_devmap;
        }
        if (!page) {
            if (wants(foll::dump))
                return fail(path_id::fp_pfn, level::pte, -err::efault,
                            {"04-dump", "a core dump leaves the zero page and raw memory out"});
            if (e.number() != phys_.number(phys_.zero_page())) return follow_pfn(at, e);
            page = phys_.zero_page();
            path = path_id::fp_zero;
        }
        if (must_unshare(e, page)) return lookup<P>{nullptr, -err::emlink, 0};
        if (splits_page<P>(flags_) && phys_.head(page)->is(pg::large)) {
            if (const int error = split_locked_page(phys_, phys_.head(page), lock))
                return fail(path_id::fp_split, level::pte, error, unsplit);
            return std::nullopt;
        }
        if (const int refused = grab_stable(phys_, page, 1, flags_))
            return fail(path, level::pte, refused, overflowed, phys_.head(page)->count.refs());
        if (wants(foll::pin))
            if (const int sealed = P::folio_access::make_accessible(*phys_.head(page))) {
                ungrab(phys_, page, 1, flags_);
                return fail(path, level::pte, sealed, inaccessible);
            }
        if (wants(foll::touch)) {  // the entry itself is left alone (spec 10 §2)
            frame<P>* head = phys_.head(page);
            if (wants(foll::write) && !e.has(eb::dirty) && !head->is(pg::dirty)) head->set(pg::dirty);
            if (!head->is(pg::referenced)) head->set(pg::referenced);
        }
        mlock_found(phys_.head(page), !phys_.head(page)->is(pg::large));
        return found(path, level::pte, page);
    }

    /// FP-PFN: an entry without a page descriptor. Nobody can be given a count of it (DEF-07).
    lookup<P> follow_pfn(const place& at, entry e) {
        if (P::pfn_refuses_in_place && counted())
            return fail(path_id::fp_pfn, level::pte, -err::efault, no_descriptor);
        if (wants(foll::touch)) {
            e = e.with(eb::young);
            if (wants(foll::write)) e = e.with(eb::dirty);
            at.slot->set(e);
        }
        return fail(path_id::fp_pfn, level::pte, -err::eexist, no_descriptor);
    }

    static constexpr lookup<P> nothing_usable{};
    static constexpr rule unsplit{"04-FP-SPLIT", "the huge page cannot be split: somebody else holds it"};
    static constexpr rule dying_device{"03-7.dying", "the device behind the entry is being removed"};
    static constexpr rule inaccessible{"04-FP-PTE.10", "the architecture cannot make the memory accessible to a device"};
    static constexpr rule no_descriptor{"04-FP-PFN", "the entry maps memory that has no page descriptor"};

    space<P>& mm_;
    physical<P>& phys_;
    vma& v_;
    vaddr a_;
    unsigned flags_;
    gup_trace* trace_;
    pagemap_hold<P>& device_;
};

}  // namespace detail

/// Requires: the mmap lock for reading; v holds a. `device`: the pagemap reference of a call of several lookups.
template <class P>
[[nodiscard]] lookup<P> follow_page_mask(space<P>& mm, vma& v, vaddr a, unsigned flags, gup_trace* trace = nullptr,
                                         pagemap_hold<P>* device = nullptr) {
    lookup<P> answered;
    if (follow_huge_addr(mm.phys, a, flags, trace, answered)) return answered;
    if (v.is_hugetlb()) return follow_hugetlb(mm, v, a, flags, trace);
    pagemap_hold<P> own(mm.phys.pagemaps);
    return detail::follower<P>(mm, v, a, flags, trace, device ? *device : own).run();
}

}  // namespace pinfold::mm
