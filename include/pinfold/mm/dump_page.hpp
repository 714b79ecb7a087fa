// SPDX-License-Identifier: BSL-1.0
// What a core dump reads: one page with a reference, whatever its protection; nothing where the dump leaves a hole.
// Source: spec 06 §1.1.
#pragma once

#include "gup_slow.hpp"

namespace pinfold::mm {

/// get_dump_page. Returns: the page at `a` with one reference of the caller's, or null: any failure, and whatever
/// would read as zero.
template <class P>
[[nodiscard]] frame<P>* get_dump_page(space<P>& mm, vaddr a) {
    frame<P>* page = nullptr;
    const unsigned flags = foll::force | foll::dump | foll::get | (P::reports_nothing_done ? foll::touch : 0U);
    int locked = 0;
    const long got = slow_locked<P>(mm, a & page_mask, 1, flags, {&page, nullptr, nullptr}, &locked);
    return got == 1 ? page : nullptr;
}

}  // namespace pinfold::mm
