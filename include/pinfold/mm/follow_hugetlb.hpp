// SPDX-License-Identifier: BSL-1.0
// One slow lookup in a hugetlb mapping. linux_6_12: the ordinary way of gup. foll_pin_2019: what follow_page() gets;
// gup itself takes FP-HUGETLB-RANGE. Source: spec 04 FP-HUGE-PMD, -PUD, -PGD, -PD.
#pragma once

#include "grab.hpp"
#include "hugetlb_entry.hpp"
#include "lookup.hpp"
#include "trace.hpp"

namespace pinfold::mm {

namespace detail {

template <class P>
class huge_follower {
public:
    huge_follower(space<P>& mm, vma& v, vaddr a, unsigned flags, gup_trace* trace)
        : mm_(mm), phys_(mm.phys), v_(v), a_(a), flags_(flags), trace_(trace) {}

    [[nodiscard]] lookup<P> run() {
        const huge_place at = find_huge(mm_, a_, v_.huge_order);
        if (!at.slot) return nothing(level_for<P>(v_.huge_order));
        if constexpr (P::hugetlb_range_walk) return at.in_hugepd || at.at == level::pmd ? hook_locked(at) : hook_unlocked(at);
        else return ordinary(at);
    }

private:
    [[nodiscard]] bool wants(unsigned f) const noexcept { return (flags_ & f) != 0; }
    [[nodiscard]] static path_id path_of(const huge_place& at) noexcept {
        if (at.in_hugepd) return path_id::fp_huge_pd;
        return at.at == level::pmd ? path_id::fp_huge_pmd : at.at == level::pud ? path_id::fp_huge_pud : path_id::fp_huge_pgd;
    }
    [[nodiscard]] frame<P>* sub_page(const huge_place& at, entry e) const noexcept {
        return phys_.nth(phys_.at(e.number()), (a_ & (at.span - 1)) >> page_shift);
    }
    lookup<P> fail(path_id p, level l, int error, rule why, std::int64_t used = 0) {
        if (trace_) [[unlikely]]
            trace_->add({p, l, a_, 0, 0, -error, why.id, why.text, 0, used, 1});
        return {nullptr, error, 0};
    }
    lookup<P> found(path_id p, level l, frame<P>* page, std::uint64_t mask) {
        if (trace_) [[unlikely]]
            trace_->add({p, l, a_, 1, units_of(page, 1, flags_), 0, "", "", 0, 0, 0});
        return {page, 0, mask};
    }
    [[nodiscard]] bool both() {
        if (!(wants(foll::get) && wants(foll::pin))) return false;
        phys_.warn.emit(warn_id::huge_pmd_get_pin, static_cast<std::int64_t>(flags_));
        return true;
    }

    /// Nothing is mapped. linux_6_12: a core dump hears of places the file has no page for either.
    lookup<P> nothing(level l) {
        if constexpr (P::hugetlb_range_walk) return {};
        if (!wants(foll::dump)) return {};
        std::lock_guard guard(v_.source->lock);
        if (v_.source->find(v_.page_offset(a_))) return {};
        return fail(path_id::fp_none, l, -err::efault, {"04-dump", "a hole that a core dump leaves out"});
    }

    [[nodiscard]] bool must_unshare(entry e, const frame<P>* head) const noexcept {
        if constexpr (!P::anon_exclusive) return false;
        if (e.has(eb::writable) || !wants(foll::pin) || wants(foll::write)) return false;
        return head->is_anon() ? !head->is(pg::exclusive) : wants(foll::longterm) && v_.is_cow();
    }

    // ---- linux_6_12: pmd and pud leaves under their lock ---------------------------------------------------
    lookup<P> ordinary(const huge_place& at) {
        const path_id path = path_of(at);
        if (both()) return fail(path, at.at, -err::einval, get_and_pin);
        word_guard lock(at.lock());
        const entry e = at.slot->read();
        if (e.is_empty()) {
            lock.release();
            return nothing(at.at);
        }
        if (!e.is_leaf()) return {};
        if (wants(foll::write) && !e.has(eb::writable)) return {};
        if (e.has(eb::protnone) && wants(foll::honor_numa_fault) && v_.is_accessible()) return {};
        frame<P>* const page = sub_page(at, e);
        frame<P>* const head = phys_.head(page);
        if (must_unshare(e, head)) return {nullptr, -err::emlink, 0};
        if (const int refused = grab_stable(phys_, page, 1, flags_))
            return fail(path, at.at, refused, overflowed, head->count.refs());
        return found(path, at.at, page, (at.span >> page_shift) - 1);
    }

    // ---- foll_pin_2019 ---------------------------------------------------------------------------------------
    /// FP-HUGE-PMD and FP-HUGE-PD. FOLL_WRITE is not examined: who calls these deals with write faults.
    lookup<P> hook_locked(const huge_place& at) {
        const path_id path = path_of(at);
        if (both()) return fail(path, at.at, -err::einval, get_and_pin);
        for (unsigned spins = 0;; relax(spins)) {
            word_guard lock(at.lock());
            const entry e = at.slot->read();
            if (e.kind() == entry_kind::migration) continue;  // waited for without the lock
            if (!e.is_leaf()) return {};
            frame<P>* const page = sub_page(at, e);
            if (const int refused = grab_stable(phys_, page, 1, P::steps::grab_flags(path, flags_))) {
                // Cannot fail: the lock keeps the entry and the entry keeps a reference; only an overflowed count
                // refuses. An error, because NULL would be asked again for ever (DEF-06, DEF-08).
                const std::int64_t seen = phys_.head(page)->count.refs();
                phys_.warn.emit(at.in_hugepd ? warn_id::huge_pd_grab : warn_id::huge_pmd_grab, seen);
                return fail(path, at.at, refused == -err::einval ? refused : -err::efault, overflowed, seen);
            }
            return found(path, at.at, page, (at.span >> page_shift) - 1);
        }
    }
    /// FP-HUGE-PUD, FP-HUGE-PGD: no lock, hence no count can be taken. Nobody who would fault and ask again gets here.
    lookup<P> hook_unlocked(const huge_place& at) {
        const entry e = at.slot->read();
        if (wants(foll::get | foll::pin) || !e.is_leaf()) return {};
        return found(path_of(at), at.at, sub_page(at, e), (at.span >> page_shift) - 1);
    }

    static constexpr rule get_and_pin{"04-get+pin", "GET and PIN exclude each other"};

    space<P>& mm_;
    physical<P>& phys_;
    vma& v_;
    vaddr a_;
    unsigned flags_;
    gup_trace* trace_;
};

}  // namespace detail

/// Requires: the mmap lock for reading; v is a hugetlb VMA and holds a.
template <class P>
[[nodiscard]] lookup<P> follow_hugetlb(space<P>& mm, vma& v, vaddr a, unsigned flags, gup_trace* trace) {
    return detail::huge_follower<P>(mm, v, a, flags, trace).run();
}

}  // namespace pinfold::mm
