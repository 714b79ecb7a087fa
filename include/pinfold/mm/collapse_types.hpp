// SPDX-License-Identifier: BSL-1.0
// What an attempt to make one huge page out of small ones comes to. Source: spec 07 B8, spec 10 §10.
#pragma once

#include <cstdint>

#include "error.hpp"

namespace pinfold::mm {

enum class collapse_outcome : unsigned char {
    done,
    is_huge,        ///< a pmd maps the block already
    nothing_there,  ///< no page table, or nothing cached
    no_memory,
    too_many_holes,
    too_many_swapped,
    too_many_shared,
    is_held,        ///< a page has other references, is locked or on its way
    read_only,      ///< no page of the block may be written
    unfit,          ///< something is mapped there that cannot be moved so
};

/// Who asks: a process for its own memory (MADV_COLLAPSE), or the daemon, which has its limits.
struct collapse_limits {
    bool asked = true;
    unsigned holes = 511;   ///< max_ptes_none
    unsigned swapped = 64;  ///< max_ptes_swap
    unsigned shared = 256;  ///< max_ptes_shared
};

/// Returns: what MADV_COLLAPSE answers where the last block it could not collapse ended so.
[[nodiscard]] constexpr int error_of(collapse_outcome o) noexcept {
    switch (o) {
        case collapse_outcome::done:
        case collapse_outcome::is_huge: return 0;
        case collapse_outcome::no_memory: return -err::enomem;
        case collapse_outcome::too_many_holes: return -err::ebusy;
        case collapse_outcome::is_held: return -err::eagain;
        default: return -err::einval;
    }
}
/// Whether the blocks behind one that ended so are tried too.
[[nodiscard]] constexpr bool goes_on_after(collapse_outcome o) noexcept {
    return o == collapse_outcome::done || o == collapse_outcome::is_huge || o == collapse_outcome::is_held ||
           o == collapse_outcome::read_only;
}

}  // namespace pinfold::mm
