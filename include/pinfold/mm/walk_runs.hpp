// SPDX-License-Identifier: BSL-1.0
// What gup returns, as runs instead of slots: pages of one folio in a row, and how many units are held for them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "walk_release.hpp"

namespace pinfold::mm {

/// `count` pages from `first` on, by frame number, each with one unit on `head`.
template <class P>
struct pinned_run {
    frame<P>* head = nullptr;
    frame<P>* first = nullptr;
    std::uint64_t count = 0;

    friend bool operator==(const pinned_run&, const pinned_run&) = default;
};

namespace detail {

/// Effects: calls add(run) for each run of one folio among n pages. Requires: they are held.
template <class P, class Add>
void each_run(const physical<P>& phys, frame<P>* const* pages, std::uint64_t n, Add add) {
    for (std::uint64_t i = 0; i < n;) {
        frame<P>* const head = phys.head(pages[i]);
        const std::uint64_t row =
            head->order() == 0 ? 1 : pages_of_run<P>(phys, {pages + i, static_cast<std::size_t>(n - i)}, head);
        add(pinned_run<P>{head, pages[i], row});
        i += row;
    }
}

/// The runs of one walk. A walk may not allocate: it ends when the list is full, and the caller begins another.
template <class P>
class run_list {
public:
    using page = frame<P>;

    run_list() noexcept {}  // what is not used of it is not written

    [[nodiscard]] const pinned_run<P>* begin() const noexcept { return runs_; }
    [[nodiscard]] const pinned_run<P>* end() const noexcept { return runs_ + used_; }
    /// Returns: whether what one step of the walk adds may be too much.
    [[nodiscard]] bool full() const noexcept { return used_ + most_at_once > capacity; }

    /// Where the pages of one step go, before they are known to stay.
    [[nodiscard]] page** scratch() noexcept { return scratch_; }
    /// Effects: the first n of them stay.
    void take(const physical<P>& phys, std::uint64_t n) noexcept {
        each_run<P>(phys, scratch_, n, [&](const pinned_run<P>& r) { add(phys, r); });
    }
    PINFOLD_DETAIL_HOT void add(const physical<P>& phys, const pinned_run<P>& r) noexcept {
        if (used_ != 0) {
            pinned_run<P>& last = runs_[used_ - 1];
            if (last.head == r.head && phys.number(last.first) + last.count == phys.number(r.first)) {
                last.count += r.count;
                return;
            }
        }
        runs_[used_++] = r;
    }
    /// Returns: the last page, which is out of the list now.
    page* take_back(const physical<P>& phys) noexcept {
        pinned_run<P>& last = runs_[used_ - 1];
        page* const p = phys.nth(last.first, --last.count);
        if (last.count == 0) --used_;
        return p;
    }

    static constexpr unsigned capacity = 128;
    static constexpr unsigned most_at_once = 32;  ///< pages of one step, unless they are one run

private:
    union {
        pinned_run<P> runs_[capacity];
    };
    unsigned used_ = 0;
    page* scratch_[table_entries];
};

}  // namespace detail

}  // namespace pinfold::mm
