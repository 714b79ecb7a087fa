// SPDX-License-Identifier: BSL-1.0
// Rows: entries that map frames in a row, descriptors in a row in an array of pages. Found and written word by word, or
// two words at a time (Wide); the results are the same.
#pragma once

#include <cstdint>
#include <cstring>

#include "entry.hpp"
#include "geometry.hpp"

namespace pinfold::mm::detail {

/// Two 64-bit words: what every x86-64 has registers for.
using two_words = std::uint64_t __attribute__((vector_size(16)));

/// Reads two words that other threads write one by one: each is read whole, and not before what precedes the call.
[[nodiscard]] inline two_words read_two(const void* from) noexcept {
    two_words v;
    __asm__ volatile("" ::: "memory");
    std::memcpy(&v, from, sizeof v);
    return v;
}

/// Returns: how many of the n words at `at` are first, first + step, first + 2·step … `Get`: word i, for the portable form.
template <bool Wide, class Get>
[[nodiscard]] inline std::uint64_t words_in_row(const void* at, std::uint64_t first, std::uint64_t step,
                                                std::uint64_t n, Get get) noexcept {
    std::uint64_t i = 0;
    if constexpr (Wide) {
        two_words want = {first, first + step};
        const two_words by = {2 * step, 2 * step};
        const auto* from = static_cast<const unsigned char*>(at);
        for (; n - i >= 8; i += 8, from += 64) {
            two_words other = read_two(from) ^ want;
            want += by;
            other |= read_two(from + 16) ^ want;
            want += by;
            other |= read_two(from + 32) ^ want;
            want += by;
            other |= read_two(from + 48) ^ want;
            want += by;
            if ((other[0] | other[1]) != 0) break;
        }
        first += i * step;
    }
    for (; i < n && get(i) == first; ++i) first += step;
    return i;
}

/// Returns: how many of the n entries at `slot` differ from `e` only in mapping the frames behind it, in a row.
/// Synchronises: as entry_slot::read.
template <bool Wide>
[[nodiscard]] inline std::uint64_t entries_in_row(const entry_slot* slot, entry e, std::uint64_t n) noexcept {
    return words_in_row<Wide>(slot, e.raw, std::uint64_t{1} << entry::number_shift, n,
                              [slot](std::uint64_t i) { return slot[i].read().raw; });
}

/// Returns: how many of the n pointers at `pages` are first, first + 1, …
template <bool Wide, class Page>
[[nodiscard]] inline std::uint64_t pages_in_row(Page* const* pages, Page* first, std::uint64_t n) noexcept {
    return words_in_row<Wide>(pages, reinterpret_cast<std::uintptr_t>(first), sizeof(Page), n,
                              [pages](std::uint64_t i) { return reinterpret_cast<std::uintptr_t>(pages[i]); });
}

/// Effects: pages[0 … n) are first, first + 1, …
template <bool Wide, class Page>
inline void fill_row(Page** pages, Page* first, std::uint64_t n) noexcept {
    if constexpr (Wide) {
        const auto base = reinterpret_cast<std::uintptr_t>(first);
        constexpr std::uint64_t step = sizeof(Page);
        constexpr two_words by = {2 * step, 2 * step};
        two_words v = {base, base + step};
        for (Page** const last = pages + (n & ~std::uint64_t{3}); pages != last; pages += 4) {
            const two_words next = v + by;
            std::memcpy(pages, &v, sizeof v);
            std::memcpy(pages + 2, &next, sizeof next);
            v = next + by;
        }
        if ((n & 2) != 0) {
            std::memcpy(pages, &v, sizeof v);
            v += by;
            pages += 2;
        }
        if ((n & 1) != 0) *pages = reinterpret_cast<Page*>(v[0]);
    } else {
        for (std::uint64_t i = 0; i < n; ++i) pages[i] = first + i;
    }
}

}  // namespace pinfold::mm::detail
