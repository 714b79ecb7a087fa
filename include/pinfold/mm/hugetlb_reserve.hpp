// SPDX-License-Identifier: BSL-1.0
// Who has been promised huge pages: a shared file by place in the file, a private mapping by what it covers, for as
// long as it lives and for its owner only. Source: spec 07 §9, spec 10 §13.
#pragma once

#include <cstdint>
#include <mutex>
#include <set>

#include "file.hpp"
#include "physical.hpp"

namespace pinfold::mm {

/// The promise a private mapping got at mmap: every huge page it covers, less those it has taken. Shared by the pieces
/// the mapping is cut into; a child by fork has none.
class hugetlb_promise {
public:
    [[nodiscard]] bool has_taken(std::uint64_t index) const {
        std::lock_guard guard(lock_);
        return taken_.count(index) != 0;
    }
    void take(std::uint64_t index) {
        std::lock_guard guard(lock_);
        taken_.insert(index);
    }
    void untake(std::uint64_t index) {
        std::lock_guard guard(lock_);
        taken_.erase(index);
    }
    [[nodiscard]] std::int64_t taken_in(std::uint64_t from, std::uint64_t to) const {
        std::lock_guard guard(lock_);
        return std::distance(taken_.lower_bound(from), taken_.lower_bound(to));
    }

private:
    mutable spin_lock lock_;
    std::set<std::uint64_t> taken_;
};

/// Place in the file of the huge page at `a`, counted in huge pages.
[[nodiscard]] inline std::uint64_t huge_index(const vma& v, vaddr a) noexcept {
    return v.page_offset(a) >> v.huge_order;
}

/// Effects: promises what a new mapping v covers. Returns: false, there is not enough and nothing was promised.
template <class P>
[[nodiscard]] bool promise_mapping(physical<P>& phys, vma& v) {
    auto& pool = *phys.hugetlb.of(v.huge_order);
    const std::uint64_t from = huge_index(v, v.start), to = from + (v.pages() >> v.huge_order);
    if (v.has(vm::noreserve)) return true;
    if (!v.has(vm::shared)) {
        if (!pool.reserve(static_cast<std::int64_t>(to - from))) return false;
        v.promised = std::make_shared<hugetlb_promise>();
        return true;
    }
    std::lock_guard guard(v.source->lock);
    auto& known = v.source->promised;
    const auto before = std::distance(known.lower_bound(from), known.lower_bound(to));
    if (!pool.reserve(static_cast<std::int64_t>(to - from) - before)) return false;
    for (std::uint64_t i = from; i < to; ++i) known.insert(i);
    return true;
}

/// Effects: v has no promise any more; whoever goes over the mappings of the file sees it or not.
inline void forget_promise(vma& v) {
    if (!v.promised) return;
    std::lock_guard guard(v.source->lock);
    v.promised.reset();
}

/// Effects: v is going, its entries are gone already: what it was promised and did not take is free again. What it
/// took and gave up counts as not taken: its pages bring their promise back when they are freed (NR-6).
template <class P>
void end_promise(physical<P>& phys, vma& v) {
    if (!v.promised) return;
    const std::uint64_t from = huge_index(v, v.start), to = from + (v.pages() >> v.huge_order);
    phys.hugetlb.of(v.huge_order)->unreserve(static_cast<std::int64_t>(to - from) - v.promised->taken_in(from, to));
    forget_promise(v);
}

/// Effects: hands out a page for place `index` of the private mapping v, against its promise where there is one and
/// `may_use_promise`, from the node v is bound to. Requires: the fault mutex of that place. Returns: null when there is none to be had.
template <class P>
[[nodiscard]] frame<P>* take_huge_page(physical<P>& phys, const vma& v, std::uint64_t index, bool may_use_promise) {
    const bool promised = may_use_promise && v.promised && !v.promised->has_taken(index);
    frame<P>* head = phys.hugetlb.of(v.huge_order)->take(promised, v.node);
    if (head && promised) v.promised->take(index);
    return head;
}

/// Effects: an unused page goes back, and with it the promise it was taken against.
/// Requires: the fault mutex; `head` is nobody else's.
template <class P>
void return_huge_page(physical<P>& phys, const vma& v, std::uint64_t index, frame<P>* head) {
    if (v.promised) {
        v.promised->untake(index);
        head->set(pg::restore_reserve);
    }
    phys.drop(head, holder::hand_out);
}

}  // namespace pinfold::mm
