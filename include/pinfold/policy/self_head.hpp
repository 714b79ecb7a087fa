// SPDX-License-Identifier: BSL-1.0
// Every page is its own head.
#pragma once

namespace pinfold {

/// A type H is a head rule if and only if `H::head(p)` returns the head of page p without throwing, in one atomic
/// read of the deciding word, with head(head(p)) == head(p), and `H::stable` says whether the answer can change
/// while nobody holds the page. An unstable rule makes speculative grabs check the head again afterwards.
///
/// | expression  | returns | means                                          |
/// |-------------|---------|------------------------------------------------|
/// | H::head(p)  | Page*   | the page whose count p is counted on           |
/// | H::stable   | bool    | p never changes its head                       |
///
/// Minimal model: this. Non-model: a rule that returns a copy of the head. Source: spec 02 §2.
struct self_head {
    static constexpr bool stable = true;

    template <class Page>
    static constexpr Page* head(Page* p) noexcept {
        return p;
    }
};

}  // namespace pinfold
