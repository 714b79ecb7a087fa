// SPDX-License-Identifier: BSL-1.0
// Tagged heads where some tails look like heads: descriptors whose memory was replaced by a shared, read-only copy
// of the page that holds the head's descriptor. Source: spec 02 §2, "fake-head aware".
#pragma once

#include <cstddef>
#include <cstdint>

#include "tagged_head.hpp"

namespace pinfold {

/// As tagged_head<Link>; besides, a descriptor that starts a page of memory (PageBytes) and says IsHead may be such
/// a copy: then the link of the next descriptor, which belongs to a tail in the copied page too, names the head.
/// A grab therefore never writes through a copy. Requires: a real head at such a place is followed by its first tail.
template <auto Link, auto IsHead, std::size_t PageBytes = 4096>
struct fake_aware_head {
    using tagged = tagged_head<Link>;
    using page = typename tagged::page;
    static constexpr bool stable = false;

    /// Returns: p's head. Synchronises: acquire, with make_tail and clear of tagged_head<Link>.
    template <class Page>
        requires detail::word_member<Link, Page, std::intptr_t> &&
                 requires(const Page& p) { requires noexcept(static_cast<bool>(IsHead(p))); }
    PINFOLD_DETAIL_HOT static Page* head(Page* p) noexcept {
        Page* const h = tagged::head(p);
        if (h == p && reinterpret_cast<std::uintptr_t>(p) % PageBytes == 0 && IsHead(*p)) [[unlikely]] {
            const std::intptr_t link = ((p + 1)->*Link).load_acquire();
            if ((link & 1) != 0) return reinterpret_cast<Page*>(link - 1);
        }
        return h;
    }
};

}  // namespace pinfold
