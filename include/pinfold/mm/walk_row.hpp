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
inline constexpr std::uint64_t worth_four = 16;
[[nodiscard]] inline bool has_four_words() noexcept { return __builtin_cpu_supports("avx2") != 0; }

/// Reads four words that other threads write one by one: as read_two.
[[nodiscard, gnu::target("avx2"), gnu::always_inline]] inline four_words read_four(const void* from) noexcept {
    four_words v;
    __asm__ volatile("" ::: "memory");
    std::memcpy(&v, from, sizeof v);
    return v;
}
[[gnu::target("avx2"), gnu::always_inline]] inline void write_four(void* to, const four_words& v) noexcept {
    std::memcpy(to, &v, sizeof v);
}
[[nodiscard, gnu::target("avx2"), gnu::always_inline]] inline four_words four_times(std::uint64_t v) noexcept {
    return four_words{} + static_cast<long long>(v);
}
template <int By>
[[nodiscard, gnu::target("avx2"), gnu::always_inline]] inline four_words shifted(const four_words& v) noexcept {
    using unsigned_words = unsigned long long __attribute__((vector_size(32)));
    return (four_words)((unsigned_words)v >> By);
}
[[nodiscard, gnu::target("avx2"), gnu::always_inline]] inline bool is_zero(const four_words& v) noexcept {
    return __builtin_ia32_ptestz256(v, v) != 0;
}
/// Whether the bits of `mask` are 0 in all four.
[[nodiscard, gnu::target("avx2"), gnu::always_inline]] inline bool is_zero_in(const four_words& v, const four_words& mask) noexcept {
    return __builtin_ia32_ptestz256(v, mask) != 0;
}

/// The four words first, first + Step, … and the next four, and so on.
template <std::uint64_t Step>
struct row_of_four {
    four_words now;

    [[gnu::target("avx2"), gnu::always_inline]] explicit row_of_four(std::uint64_t first) noexcept
        : now(four_words{} + static_cast<long long>(first)) {
        constexpr auto step = static_cast<long long>(Step);
        now += four_words{0, step, 2 * step, 3 * step};
    }
    [[gnu::target("avx2"), gnu::always_inline]] void go_on() noexcept { now += static_cast<long long>(4 * Step); }
};

/// Returns: how many, a multiple of 16, of the n words are certainly in a row.
template <std::uint64_t Step>
[[nodiscard, gnu::target("avx2"), gnu::always_inline]] inline std::uint64_t row_by_four(const void* at, std::uint64_t first,
                                                                                       std::uint64_t n) noexcept {
    row_of_four<Step> want(first);
    const auto* from = static_cast<const unsigned char*>(at);
    std::uint64_t i = 0;
    for (; n - i >= 16; i += 16) {
        four_words other = {0, 0, 0, 0};
        __asm__ volatile("" ::: "memory");
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k, from += 32) {
            four_words v;
            std::memcpy(&v, from, sizeof v);
            other |= v ^ want.now;
            want.go_on();
        }
        if (!is_zero(other)) break;
    }
    return i;
}
/// The same, and meanwhile the words at `to` become filled, filled + By … Returns: as above; some more may be written.
template <std::uint64_t Step, std::uint64_t By>
[[nodiscard, gnu::target("avx2"), gnu::always_inline]] inline std::uint64_t row_into_by_four(
    const void* at, std::uint64_t first, void* to, std::uint64_t filled, std::uint64_t n) noexcept {
    row_of_four<Step> want(first);
    row_of_four<By> fill(filled);
    const auto* from = static_cast<const unsigned char*>(at);
    auto* into = static_cast<unsigned char*>(to);
    std::uint64_t i = 0;
    for (; n - i >= 16; i += 16) {
        four_words other = {0, 0, 0, 0};
        __asm__ volatile("" ::: "memory");
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k, from += 32, into += 32) {
            four_words v;
            std::memcpy(&v, from, sizeof v);
            other |= v ^ want.now;
            want.go_on();
            std::memcpy(into, &fill.now, sizeof fill.now);
            fill.go_on();
        }
        if (!is_zero(other)) break;
    }
    return i;
}
// The two as functions, for who is not compiled for such processors.
template <std::uint64_t Step>
[[nodiscard, gnu::target("avx2"), gnu::noinline]] std::uint64_t words_in_row_by_four(const void* at, std::uint64_t first,
                                                                                    std::uint64_t n) noexcept {
    return row_by_four<Step>(at, first, n);
}
template <std::uint64_t Step, std::uint64_t By>
[[nodiscard, gnu::target("avx2"), gnu::noinline]] std::uint64_t words_in_row_into_by_four(
    const void* at, std::uint64_t first, void* to, std::uint64_t filled, std::uint64_t n) noexcept {
    return row_into_by_four<Step, By>(at, first, to, filled, n);
}
/// Effects: words at `to` are first, first + Step, … Returns: how many were written, a multiple of 16, at most n.
template <std::uint64_t Step>
[[gnu::target("avx2"), gnu::noinline]] std::uint64_t fill_by_four(void* to, std::uint64_t first, std::uint64_t n) noexcept {
    row_of_four<Step> v(first);
    auto* at = static_cast<unsigned char*>(to);
    std::uint64_t i = 0;
    for (; n - i >= 16; i += 16) {
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k, at += 32) {
            std::memcpy(at, &v.now, sizeof v.now);
            v.go_on();
        }
    }
    return i;
}
#endif

/// Returns: how many of the n words at `at` are first, first + Step, first + 2·Step … `Get`: word i, for the portable form.
template <bool Wide, std::uint64_t Step, class Get>
[[nodiscard]] inline std::uint64_t words_in_row(const void* at, std::uint64_t first, std::uint64_t n, Get get) noexcept {
    std::uint64_t i = 0;
#if defined(__x86_64__)
    if constexpr (Wide) {
        if (n >= worth_four && has_four_words()) {
            i = words_in_row_by_four<Step>(at, first, n);
        } else {
            two_words want = {first, first + Step};
            constexpr two_words by = {2 * Step, 2 * Step};
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
        first += i * Step;
    }
#endif
    for (; i < n && get(i) == first; ++i) first += Step;
    return i;
}

/// Returns: how many of the n entries at `slot` differ from `e` only in mapping the frames behind it, in a row.
/// Synchronises: as entry_slot::read.
template <bool Wide>
[[nodiscard]] inline std::uint64_t entries_in_row(const entry_slot* slot, entry e, std::uint64_t n) noexcept {
    return words_in_row<Wide, entry::next_number>(slot, e.raw, n, [slot](std::uint64_t i) { return slot[i].read().raw; });
}

/// The same, and pages[0 …) of as many are first, first + 1, …; of the others, whatever.
template <bool Wide, class Page>
[[nodiscard]] inline std::uint64_t entries_in_row_into(const entry_slot* slot, entry e, std::uint64_t n, Page** pages,
                                                       Page* first) noexcept {
    std::uint64_t i = 0;
#if defined(__x86_64__)
    if constexpr (Wide)
        if (n >= worth_four && has_four_words())
            i = words_in_row_into_by_four<entry::next_number, sizeof(Page)>(slot, e.raw, pages,
                                                                            reinterpret_cast<std::uintptr_t>(first), n);
#endif
    for (; i < n; ++i) {
        if (slot[i].read().raw != e.raw + i * entry::next_number) break;
        pages[i] = first + i;
    }
    return i;
}

/// Returns: how many of the n pointers at `pages` are first, first + 1, …
template <bool Wide, class Page>
[[nodiscard]] inline std::uint64_t pages_in_row(Page* const* pages, Page* first, std::uint64_t n) noexcept {
    return words_in_row<Wide, sizeof(Page)>(pages, reinterpret_cast<std::uintptr_t>(first), n, [pages](std::uint64_t i) { return reinterpret_cast<std::uintptr_t>(pages[i]); });
}

/// Effects: pages[0 … n) are first, first + 1, …
template <bool Wide, class Page>
inline void fill_row(Page** pages, Page* first, std::uint64_t n) noexcept {
    std::uint64_t i = 0;
#if defined(__x86_64__)
    if constexpr (Wide) {
        if (n >= worth_four && has_four_words()) {
            i = fill_by_four<sizeof(Page)>(pages, reinterpret_cast<std::uintptr_t>(first), n);
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
