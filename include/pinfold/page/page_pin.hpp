// SPDX-License-Identifier: BSL-1.0
// One pin, owned: given back at the end of the scope, after the page was marked dirty if it was written.
#pragma once

#include "page_ref.hpp"

namespace pinfold {

namespace detail {

template <class Page>
inline constexpr bool has_dirtying = [] {
    if constexpr (counted_page<Page>)
        return !same<typename policy_of_t<Page>::dirtying, no_dirtying>;
    else
        return true;  // a wrong policy: one error, not a second one here
}();

/// The wish to mark the page dirty; takes no room for page types without a dirty mark.
template <bool Present>
struct dirty_wish {
    bool dirty_ = false;
};
template <>
struct dirty_wish<false> {
    static constexpr bool dirty_ = false;
};

}  // namespace detail

/// Owns one pin on the block `get()` belongs to, or nothing. As large as a pointer unless the policy has dirtying.
template <class Page>
class page_pin : private detail::dirty_wish<detail::has_dirtying<Page>> {
    using ops = page_ops<Page>;
    static constexpr bool has_dirtying = detail::has_dirtying<Page>;
    using wish = detail::dirty_wish<has_dirtying>;

public:
    constexpr page_pin() noexcept = default;
    page_pin(page_pin&& other) noexcept : wish(other), page_(other.release()) {}
    page_pin& operator=(page_pin&& other) noexcept {
        if (this != &other) {
            reset();
            wish::operator=(other);
            page_ = other.release();
        }
        return *this;
    }
    page_pin(const page_pin&) = delete;
    page_pin& operator=(const page_pin&) = delete;
    ~page_pin() { reset(); }

    /// Effects: takes over one pin somebody else took on p. p may be null.
    [[nodiscard]] static page_pin adopt(Page* p) noexcept { return page_pin(p); }
    /// Effects: gives the pin to the caller, who owes one unpin(), and any dirtying. Returns: the page, or null.
    [[nodiscard]] Page* release() noexcept {
        Page* const p = page_;
        page_ = nullptr;
        return p;
    }
    /// Effects: gives the pin back now; marks the page dirty before, if set_dirty() was called.
    void reset() noexcept {
        Page* const p = release();
        if (!p) return;
        if constexpr (has_dirtying) {
            if (wish::dirty_) {
                wish::dirty_ = false;
                ops::unpin_dirty(p);
                return;
            }
        }
        ops::unpin(p);
    }
    /// Effects: the page will be marked dirty before the pin is given back: say so when a device wrote to it.
    void set_dirty() noexcept
        requires has_dirtying
    {
        wish::dirty_ = true;
    }
    /// Returns: one more pin on the same block. Requires: not empty.
    [[nodiscard]] page_pin again() const noexcept {
        ops::pin(held{*this}, page_);
        return page_pin(page_);
    }

    [[nodiscard]] Page* get() const noexcept { return page_; }
    Page& operator*() const noexcept { return *page_; }
    Page* operator->() const noexcept { return page_; }
    explicit operator bool() const noexcept { return page_ != nullptr; }

private:
    explicit page_pin(Page* p) noexcept : page_(p) {}

    Page* page_ = nullptr;
};

/// Returns: a pin on p's block, or an empty page_pin; `why`, if given, receives the reason.
/// Effects, Fails when, Synchronises: as page_ops::try_pin.
template <class Page>
    requires(page_ops<Page>::traits::has_pins)
[[nodiscard]] PINFOLD_DETAIL_HOT page_pin<Page> try_pin(Page* p) noexcept {
    return page_pin<Page>::adopt(page_ops<Page>::try_pin(p) ? p : nullptr);
}
template <class Page>
    requires(page_ops<Page>::traits::has_pins)
[[nodiscard]] page_pin<Page> try_pin(Page* p, errc& why) noexcept {
    const outcome got = page_ops<Page>::try_pin(p);
    why = got.error;
    return page_pin<Page>::adopt(got ? p : nullptr);
}

/// Returns: a pin on p's block. Requires: evidence about p. Cannot fail.
template <class Page>
    requires(page_ops<Page>::traits::has_pins)
[[nodiscard]] PINFOLD_DETAIL_HOT page_pin<Page> pin(held h, Page* p) noexcept {
    page_ops<Page>::pin(h, p);
    return page_pin<Page>::adopt(p);
}

/// Returns: whether a device may be writing to p's block; see page_ops::maybe_pinned.
template <class Page>
    requires(page_ops<Page>::traits::has_pins)
[[nodiscard]] PINFOLD_DETAIL_HOT auto maybe_pinned(const Page* p) noexcept {
    return page_ops<Page>::maybe_pinned(p);
}

}  // namespace pinfold
