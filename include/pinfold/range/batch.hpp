// SPDX-License-Identifier: BSL-1.0
// Many pins or references, owned together: given back at the end of the scope, one atomic operation per run.
#pragma once

#include <utility>
#include <vector>

#include "../page/page_pin.hpp"
#include "grab.hpp"
#include "release.hpp"

namespace pinfold {

/// What the release of a batch does to dirty marks.
struct dirty_t {
    explicit dirty_t() = default;
};
inline constexpr dirty_t dirty{};

/// Owns one unit of Hold per non-null slot, in the order of the range it was made from.
template <class Page, class Hold>
class page_batch {
    using ops = page_ops<Page>;

public:
    page_batch() noexcept = default;
    page_batch(page_batch&& other) noexcept : slots_(std::exchange(other.slots_, {})) {}
    page_batch& operator=(page_batch&& other) noexcept {
        if (this != &other) {
            reset();
            slots_ = std::exchange(other.slots_, {});
        }
        return *this;
    }
    page_batch(const page_batch&) = delete;
    page_batch& operator=(const page_batch&) = delete;
    ~page_batch() { reset(); }

    /// Effects: takes over one unit per non-null slot that somebody else took.
    [[nodiscard]] static page_batch adopt(std::vector<Page*> slots) noexcept {
        page_batch b;
        b.slots_ = std::move(slots);
        return b;
    }
    /// Effects: gives the units to the caller, who owes their release. Returns: the slots.
    [[nodiscard]] std::vector<Page*> release() noexcept { return std::exchange(slots_, {}); }
    /// Effects: gives everything back now.
    void reset() noexcept {
        detail::release_array<Hold>(slots_.data(), slots_.size());
        slots_.clear();
    }
    /// Effects: marks every head dirty, then gives everything back.
    void reset(dirty_t) noexcept
        requires(Hold::kind == hold_kind::pin && detail::has_dirtying<Page>)
    {
        (void)unpin_dirty(slots_);
        slots_.clear();
    }

    [[nodiscard]] const std::vector<Page*>& slots() const noexcept { return slots_; }
    [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }
    [[nodiscard]] bool empty() const noexcept { return slots_.empty(); }
    [[nodiscard]] Page* operator[](std::size_t i) const noexcept { return slots_[i]; }
    [[nodiscard]] auto begin() const noexcept { return slots_.begin(); }
    [[nodiscard]] auto end() const noexcept { return slots_.end(); }

    /// Returns: the same units as runs (head, first, count) of pages that follow each other in memory. Exempt pages
    /// hold none and appear in no run.
    [[nodiscard]] std::vector<page_run<Page>> runs() const {
        std::vector<page_run<Page>> out;
        for (Page* const p : slots_) {
            if (p == nullptr || Hold::is_exempt(*p)) continue;
            Page* const head = ops::head(p);
            if (!out.empty() && out.back().head == head && detail::nth_page(out.back().first, out.back().count) == p)
                ++out.back().count;
            else
                out.push_back({head, p, 1});
        }
        return out;
    }

private:
    std::vector<Page*> slots_;
};

template <class Page>
using pin_batch = page_batch<Page, typename page_ops<Page>::pinning>;
template <class Page>
using ref_batch = page_batch<Page, typename page_ops<Page>::reference>;

/// Effects: gives a batch back, with `dirty` after marking its heads. The forms in release.hpp take ranges that own
/// nothing; a batch must be moved from, so that it cannot be given back twice.
template <class Page, class Hold>
void unpin_all(page_batch<Page, Hold>&& batch) noexcept {
    static_assert(Hold::kind == hold_kind::pin, "pinfold: a batch of references is given back by put_all, not unpin_all");
    batch.reset();
}
template <class Page, class Hold>
void unpin_dirty(page_batch<Page, Hold>&& batch) noexcept {
    static_assert(Hold::kind == hold_kind::pin, "pinfold: only pins are given back dirty; a batch of references is not");
    if constexpr (Hold::kind == hold_kind::pin) batch.reset(dirty);
}
template <class Page, class Hold>
void unpin_all(page_batch<Page, Hold>&& batch, dirty_t) noexcept {
    unpin_dirty(std::move(batch));
}
template <class Page, class Hold>
void put_all(page_batch<Page, Hold>&& batch) noexcept {
    static_assert(Hold::kind == hold_kind::reference, "pinfold: a batch of pins is given back by unpin_all, not put_all");
    batch.reset();
}
template <class Page, class Hold>
void unpin_all(page_batch<Page, Hold>& kept) = delete;
template <class Page, class Hold>
void unpin_dirty(page_batch<Page, Hold>& kept) = delete;
template <class Page, class Hold>
void put_all(page_batch<Page, Hold>& kept) = delete;

}  // namespace pinfold
