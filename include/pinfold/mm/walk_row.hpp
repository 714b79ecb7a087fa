// SPDX-License-Identifier: BSL-1.0
// Rows: entries that map frames in a row, descriptors in a row in an array of pages. Found and written word by word, or
// two or four words at a time (Wide); the results are the same.
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

#if defined(__x86_64__)
/// The same loops with four words at a time, for processors that have them (AVX2): asked when the program runs.
using four_words = long long __attribute__((vector_size(32)));
inline constexpr std::uint64_t worth_four = 32;
[[nodiscard]] inline bool has_four_words() noexcept { return __builtin_cpu_supports("avx2") != 0; }

/// Returns: how many, a multiple of 16, of the n words are certainly in a row.
[[nodiscard, gnu::target("avx2"), gnu::noinline]] inline std::uint64_t words_in_row_by_four(
    const void* at, std::uint64_t first, std::uint64_t step, std::uint64_t n) noexcept {
    const auto word = [=](std::uint64_t k) { return static_cast<long long>(first + k * step); };
    four_words want = {word(0), word(1), word(2), word(3)};
    const auto by = static_cast<long long>(4 * step);
    const four_words next = {by, by, by, by};
    const auto* from = static_cast<const unsigned char*>(at);
    std::uint64_t i = 0;
    for (; n - i >= 16; i += 16) {
        four_words other = {0, 0, 0, 0};
        __asm__ volatile("" ::: "memory");
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k, from += 32) {
            four_words v;
            std::memcpy(&v, from, sizeof v);
            other |= v ^ want;
            want += next;
        }
        if (!__builtin_ia32_ptestz256(other, other)) break;
    }
    return i;
}
/// Effects: words at `to` are first, first + step, … Returns: how many were written, a multiple of 16, at most n.
[[gnu::target("avx2"), gnu::noinline]] inline std::uint64_t fill_by_four(void* to, std::uint64_t first, std::uint64_t step,
                                                                       std::uint64_t n) noexcept {
    const auto word = [=](std::uint64_t k) { return static_cast<long long>(first + k * step); };
    four_words v = {word(0), word(1), word(2), word(3)};
    const auto by = static_cast<long long>(4 * step);
    const four_words next = {by, by, by, by};
    auto* at = static_cast<unsigned char*>(to);
    std::uint64_t i = 0;
    for (; n - i >= 16; i += 16) {
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k, at += 32) {
            std::memcpy(at, &v, sizeof v);
            v += next;
        }
    }
    return i;
}
#endif

/// Returns: how many of the n words at `at` are first, first + step, first + 2·step … `Get`: word i, for the portable form.
template <bool Wide, class Get>
[[nodiscard]] inline std::uint64_t words_in_row(const void* at, std::uint64_t first, std::uint64_t step,
                                                std::uint64_t n, Get get) noexcept {
    std::uint64_t i = 0;
#if defined(__x86_64__)
    if constexpr (Wide) {
        if (n >= worth_four && has_four_words()) {
            i = words_in_row_by_four(at, first, step, n);
        } else {
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
        }
        first += i * step;
    }
#endif
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
    std::uint64_t i = 0;
#if defined(__x86_64__)
    if constexpr (Wide) {
        if (n >= worth_four && has_four_words()) {
            i = fill_by_four(pages, reinterpret_cast<std::uintptr_t>(first), sizeof(Page), n);
        } else {
            const auto base = reinterpret_cast<std::uintptr_t>(first);
            constexpr std::uint64_t step = sizeof(Page);
            constexpr two_words by = {2 * step, 2 * step};
            two_words v = {base, base + step};
            for (; n - i >= 2; i += 2) {
                std::memcpy(pages + i, &v, sizeof v);
                v += by;
            }
        }
    }
#endif
    for (; i < n; ++i) pages[i] = first + i;
}

}  // namespace pinfold::mm::detail
