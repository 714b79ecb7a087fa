// SPDX-License-Identifier: BSL-1.0
// A row of entries that map plain pages: one unit on each page, and what the second looks at pages and entries say, for
// whoever decides whether they may stay. Source: spec 05 §4 PTE/F.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "walk_looks.hpp"
#include "walk_rules.hpp"

namespace pinfold::mm::detail {

/// What became of a row of entries.
template <class P>
struct held_row {
    std::uint64_t held = 0;        ///< pages that are held, in the order of their entries
    std::uint64_t odd_bits = 0;    ///< where one of their entries is not as usual
    looks<P, P::walk::wide> seen;  ///< and they themselves
    bool same = true;              ///< whether their entries are still what they were

    /// Of an entry one asks as a rule: what the test asks, and that it is writable.
    [[nodiscard]] PINFOLD_DETAIL_HOT static std::uint64_t usual(const entry_test& rule) noexcept {
        return rule.value | entry::bit(eb::writable);
    }
    [[nodiscard]] PINFOLD_DETAIL_HOT bool one_is_not_writable() const noexcept {
        return (odd_bits & entry::bit(eb::writable)) != 0;
    }
};

inline constexpr unsigned ahead_of_row = 48;

/// Asks for the line of the page an entry maps, of whatever entry: a prefetch that misses is no access.
template <class Finder>
PINFOLD_DETAIL_HOT void ask_for_page(const Finder& find, const entry_slot& slot) noexcept {
    __builtin_prefetch(find.at(slot.read().number()), 1);
}
/// Whether pages of n entries stand in a row, or are too few to be asked for ahead.
[[nodiscard]] PINFOLD_DETAIL_HOT bool are_in_order(const entry_slot* slot, std::uint64_t n) noexcept {
    constexpr unsigned few = 16;
    return n <= few || slot[few - 1].read().number() - slot->read().number() == few - 1;
}

/// Entry by entry, from the first that is not held yet.
template <class P, bool Pin, bool Ask>
[[gnu::noinline]] void hold_one_by_one(const entry_slot* slot, std::uint64_t n, frame<P>** pages, const entry_test& rule,
                                       const physical<P>& phys, held_row<P>& row) {
    using races = typename P::races;
    decltype(auto) find = phys.map.finder();
    const auto plain = rule;
    auto seen = row.seen;
    std::uint64_t odd_bits = row.odd_bits;
    bool same = true;
    const entry_slot* at = slot + row.held;
    const entry_slot* const end = slot + n;
    pages += row.held;
    do {
        const entry e = at->read();
        if (!plain.passes(e)) [[unlikely]]
            break;
        frame<P>* const p = find.at(e.number());
        if constexpr (Ask) ask_for_page(find, at[ahead_of_row]);
        races::at(race_point::entry_read);
        races::at(race_point::head_resolved);
        if (!single<P, Pin>::grab(p)) [[unlikely]]
            break;
        physical<P>::ops::count_type::fence();
        races::at(race_point::added);
        *pages++ = p;
        seen.add(p);
        odd_bits |= e.raw ^ row.usual(plain);
        races::at(race_point::head_checked);
        same = at++->read() == e;
    } while (same && at != end);
    row = {static_cast<std::uint64_t>(at - slot), odd_bits, seen, same};
}

#if defined(__x86_64__)
inline constexpr unsigned by_four_at_once = 8;

/// The same, eight entries at a time, as far as there are eight: read, tested, turned into pages and read again four words
/// at a time. Nothing is loaded between the grabs: a locked instruction makes the loads behind it wait.
template <class P, bool Pin, bool Ask>
[[gnu::target("avx2"), gnu::noinline]] void hold_by_four(const entry_slot* slot, std::uint64_t n, frame<P>** pages,
                                                        const entry_test& rule, const physical<P>& phys, held_row<P>& row) {
    constexpr unsigned eight = by_four_at_once;
    const auto find = phys.map.finder();
    const four_words mask = four_times(rule.mask), usual = four_times(row.usual(rule));
    const four_words base = four_times(reinterpret_cast<std::uintptr_t>(find.first));
    const four_words whole = four_times(~(sizeof(frame<P>) - 1));
    static_assert(std::has_single_bit(sizeof(frame<P>)) && entry::next_number > sizeof(frame<P>));
    constexpr auto shift = entry::number_shift - std::countr_zero(sizeof(frame<P>));
    four_words odd_bits = four_times(0);
    looks<P, true> seen;
    const std::uint64_t last = n - eight;
    std::uint64_t i = 0, held = 0;
    bool same = true;
    do {
        const four_words a = read_four(slot + i), b = read_four(slot + i + 4);
        const four_words odd = (a ^ usual) | (b ^ usual);
        if (!is_zero_in(odd, mask)) [[unlikely]]
            break;
        odd_bits |= odd;
        const four_words first = base + (shifted<shift>(a) & whole), second = base + (shifted<shift>(b) & whole);
        if constexpr (Ask)
            for (unsigned k = 0; k < eight; ++k) ask_for_page(find, slot[i + ahead_of_row + k]);
        frame<P>* p[eight];
#pragma GCC unroll 8
        for (unsigned k = 0; k != eight; ++k) p[k] = reinterpret_cast<frame<P>*>(k < 4 ? first[k] : second[k - 4]);
#pragma GCC unroll 8
        for (held = 0; held != eight; ++held)
            if (!single<P, Pin>::grab(p[held])) [[unlikely]]
                break;
        write_four(pages + i, first);
        write_four(pages + i + 4, second);
        if (held != eight) [[unlikely]] {  // those before the one that refused have not been looked at again
            for (unsigned k = 0; k != held; ++k) seen.add(pages[i + k]);
            same = false;
            break;
        }
        physical<P>::ops::count_type::fence();
#pragma GCC unroll 8
        for (unsigned k = 0; k != eight; ++k) seen.add_by_two_reads(p[k]);
        same = is_zero((a ^ read_four(slot + i)) | (b ^ read_four(slot + i + 4)));
        i += eight, held = 0;
        if (!same) [[unlikely]]
            break;
    } while (i <= last);
    row = {i + held, static_cast<std::uint64_t>(odd_bits[0] | odd_bits[1] | odd_bits[2] | odd_bits[3]), seen, same};
}
#endif

/// Effects: holds the pages of the first of n entries, as far as these are plain, and grabs granted; pages[0 …) are those
/// that are held. n: 1 or more. Ask: asks for lines of entries further on; there are ahead_of_row of them behind.
template <class P, bool Pin, bool Ask>
PINFOLD_DETAIL_HOT void hold_row(const entry_slot* slot, std::uint64_t n, frame<P>** pages, const entry_test& rule,
                                 const physical<P>& phys, held_row<P>& row) {
#if defined(__x86_64__)
    // Where nobody sees what order a few entries are read in, and descriptors stand in a row.
    if constexpr (P::walk::wide && std::is_same_v<typename P::races, no_races> && requires { phys.map.finder().first; })
        if (n >= by_four_at_once && has_four_words()) {
            hold_by_four<P, Pin, Ask>(slot, n, pages, rule, phys, row);
            if (!row.same || row.held == n) return;
        }
#endif
    hold_one_by_one<P, Pin, Ask>(slot, n, pages, rule, phys, row);
}

}  // namespace pinfold::mm::detail
