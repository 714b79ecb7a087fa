// SPDX-License-Identifier: BSL-1.0
// boost::intrusive_ptr on a page, found by argument-dependent lookup; Boost itself is not needed here.
#pragma once

#include "ops.hpp"

namespace pinfold {

/// Derive the page from it: `struct frame : pinfold::intrusive { … };` and boost::intrusive_ptr<frame> holds one
/// reference of the page's head. The first pointer to a page that init() gave one reference is made with
/// `intrusive_ptr(p, false)`, which takes that reference over.
struct intrusive {
    /// Requires: as intrusive_ptr does, an existing reference or a page nobody else sees: the infallible form.
    template <class Page>
    friend void intrusive_ptr_add_ref(Page* p) noexcept {
        page_ops<Page>::get(held::assumed(), p);
    }
    template <class Page>
    friend void intrusive_ptr_release(Page* p) noexcept {
        page_ops<Page>::put(p);
    }
};

}  // namespace pinfold
