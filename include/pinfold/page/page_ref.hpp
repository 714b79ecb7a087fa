// SPDX-License-Identifier: BSL-1.0
// One reference, owned: given back at the end of the scope.
#pragma once

#include "ops.hpp"

namespace pinfold {

/// Owns one reference on the block `get()` belongs to, or nothing. As large and as fast as a pointer.
/// Models the nullable smart pointer: movable, not copyable, tests false when empty.
template <class Page>
class page_ref {
    using ops = page_ops<Page>;

public:
    constexpr page_ref() noexcept = default;
    page_ref(page_ref&& other) noexcept : page_(other.release()) {}
    page_ref& operator=(page_ref&& other) noexcept {
        if (this != &other) {
            reset();
            page_ = other.release();
        }
        return *this;
    }
    page_ref(const page_ref&) = delete;
    page_ref& operator=(const page_ref&) = delete;
    ~page_ref() { reset(); }

    /// Effects: takes over one reference somebody else took on p. p may be null.
    [[nodiscard]] static page_ref adopt(Page* p) noexcept { return page_ref(p); }
    /// Effects: gives the reference to the caller, who owes one put(). Returns: the page, or null.
    [[nodiscard]] Page* release() noexcept {
        Page* const p = page_;
        page_ = nullptr;
        return p;
    }
    /// Effects: gives the reference back now.
    void reset() noexcept {
        if (Page* const p = release()) ops::put(p);
    }
    /// Returns: one more reference on the same block. Requires: not empty.
    [[nodiscard]] page_ref again() const noexcept {
        ops::get(held{*this}, page_);
        return page_ref(page_);
    }

    [[nodiscard]] Page* get() const noexcept { return page_; }
    Page& operator*() const noexcept { return *page_; }
    Page* operator->() const noexcept { return page_; }
    explicit operator bool() const noexcept { return page_ != nullptr; }

private:
    explicit page_ref(Page* p) noexcept : page_(p) {}

    Page* page_ = nullptr;
};

/// Returns: a reference on p's block, or an empty page_ref; `why`, if given, receives the reason.
/// Effects, Fails when, Synchronises: as page_ops::try_get.
template <class Page>
[[nodiscard]] PINFOLD_DETAIL_HOT page_ref<Page> try_get(Page* p) noexcept {
    return page_ref<Page>::adopt(page_ops<Page>::try_get(p) ? p : nullptr);
}
template <class Page>
[[nodiscard]] page_ref<Page> try_get(Page* p, errc& why) noexcept {
    const outcome got = page_ops<Page>::try_get(p);
    why = got.error;
    return page_ref<Page>::adopt(got ? p : nullptr);
}

/// Returns: a reference on p's block. Requires: evidence about p. Cannot fail.
template <class Page>
[[nodiscard]] PINFOLD_DETAIL_HOT page_ref<Page> get(held h, Page* p) noexcept {
    page_ops<Page>::get(h, p);
    return page_ref<Page>::adopt(p);
}

}  // namespace pinfold
