// SPDX-License-Identifier: BSL-1.0
// Large folios that ptes map whole, one behind the other: what is met most, in one loop. Everything else is left to
// pte_blocks::run, with nothing held of it. Source: spec 05 §4 PTE/F, §6.
#pragma once

#include <cstdint>
#include <type_traits>

#include "walk_looks.hpp"
#include "walk_rules.hpp"

namespace pinfold::mm::detail {

/// What a folio's flags say of it, for whoever wants all of it by one grab.
template <class P>
struct folio_kind {
    std::int64_t flags;
    static constexpr std::int64_t large = frame<P>::bit(pg::large);

    [[nodiscard]] PINFOLD_DETAIL_HOT bool is_large() const noexcept { return (flags & large) != 0; }
    [[nodiscard]] PINFOLD_DETAIL_HOT std::uint64_t pages() const noexcept { return std::uint64_t{1} << (flags & 63); }
    /// Whether it is as it was before it was held: no other, and no device's, of which there is more to ask.
    [[nodiscard]] PINFOLD_DETAIL_HOT bool is_still(folio_kind before) const noexcept {
        return ((flags ^ before.flags) & (large | 63)) == 0 && !kinds<P>{flags, flags}.of_device();
    }
    /// Near its limit a count refuses some of n grabs, but all of one of n.
    [[nodiscard]] PINFOLD_DETAIL_HOT static bool has_room(const frame<P>& head) noexcept {
        constexpr auto half = static_cast<std::int64_t>(physical<P>::ops::traits::max_value / 2);
        const auto count = static_cast<std::int64_t>(head.count.raw());
        return count > 0 && count <= half;
    }
};

#if defined(__x86_64__)
/// Effects: holds the folios of the first of n entries, as far as these are plain and map all pages of one after those of
/// another; pages[0 …) are theirs. Returns: pages that are held. is_still(): whether the table is hooked as it was.
/// Requires: nothing is asked of each page.
template <class P, bool Pin, class IsStill>
[[gnu::target("avx2"), gnu::noinline]] std::uint64_t hold_folios_by_four(const entry_slot* slot, std::uint64_t n, frame<P>** pages,
                                                                       const entry_test& rule, physical<P>& phys,
                                                                       pin_tally<P, Pin>& acquired, IsStill is_still) {
    using ops = typename physical<P>::ops;
    using one = units_of_head<P, Pin>;
    decltype(auto) find = phys.map.finder();
    const auto plain = rule;
    std::uint64_t held = 0;
    while (held != n) {
        const entry e = slot->read();
        if (!plain.passes(e)) break;
        frame<P>* const head = find.at(e.number());
        const folio_kind<P> kind{head->flags.load()};
        const std::uint64_t size = kind.pages();
        if (!kind.is_large() || size > n - held || size % worth_four != 0 || !kind.has_room(*head)) break;
        const bool exact = counts_pins_exactly(*head, kind.flags);
        if (row_into_by_four<entry::next_number, sizeof *head>(slot, e.raw, pages, reinterpret_cast<std::uintptr_t>(head), size) != size)
            break;
        if (!one::grab(head, size, exact)) [[unlikely]]
            break;
        ops::count_type::fence();
        const folio_kind<P> now{head->flags.load()};
        if ((head->link.load_acquire() & 1) != 0 || !now.is_still(kind) || counts_pins_exactly(*head, now.flags) != exact ||
            row_by_four<entry::next_number>(slot, e.raw, size) != size || !is_still()) [[unlikely]] {
            one::drop(head, size, exact);
            break;
        }
        acquired.add(now.flags, size);
        phys.note(head, one::kind, static_cast<std::int64_t>(size));
        if ((now.flags & frame<P>::bit(pg::referenced)) == 0) [[unlikely]]
            head->set(pg::referenced);
        slot += size;
        pages += size;
        held += size;
    }
    return held;
}
#endif

}  // namespace pinfold::mm::detail
