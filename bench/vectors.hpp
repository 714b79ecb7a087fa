// SPDX-License-Identifier: BSL-1.0
// Words in a row, written and compared as many at a time as the processor can: the least that storing an array of pages
// takes, or reading entries that map frames in a row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vectors {

using two = std::uint64_t __attribute__((vector_size(16)));
using four = std::uint64_t __attribute__((vector_size(32)));

namespace detail {

/// Effects: v is first, first + step ...
template <class V>
[[gnu::always_inline]] inline void count(V& v, std::uint64_t first, std::uint64_t step) {
    std::uint64_t each[sizeof(V) / 8];
    for (std::uint64_t& n : each)
        n = first, first += step;
    std::memcpy(&v, each, sizeof v);
}

// Four registers are counted on in turn: none waits for the one before.

template <class V>
[[gnu::always_inline]] inline void fill(unsigned char* to, std::uint64_t first, std::uint64_t step, std::uint64_t n) {
    constexpr std::size_t size = sizeof(V);
    const std::uint64_t width = size / 8 * step;
    V v0, v1, v2, v3;
    count(v0, first, step);
    v1 = v0 + width, v2 = v1 + width, v3 = v2 + width;
    for (const unsigned char* const end = to + 8 * n; to != end; to += 4 * size) {
        std::memcpy(to, &v0, size);
        std::memcpy(to + size, &v1, size);
        std::memcpy(to + 2 * size, &v2, size);
        std::memcpy(to + 3 * size, &v3, size);
        v0 += 4 * width, v1 += 4 * width, v2 += 4 * width, v3 += 4 * width;
    }
}

template <class V>
[[nodiscard, gnu::always_inline]] inline bool are(const unsigned char* at, std::uint64_t first, std::uint64_t step,
                                                  std::uint64_t n) {
    constexpr std::size_t size = sizeof(V);
    const std::uint64_t width = size / 8 * step;
    V v0, v1, v2, v3;
    count(v0, first, step);
    v1 = v0 + width, v2 = v1 + width, v3 = v2 + width;
    V o0{}, o1{}, o2{}, o3{};
    for (const unsigned char* const end = at + 8 * n; at != end; at += 4 * size) {
        V s0, s1, s2, s3;
        std::memcpy(&s0, at, size);
        std::memcpy(&s1, at + size, size);
        std::memcpy(&s2, at + 2 * size, size);
        std::memcpy(&s3, at + 3 * size, size);
        o0 |= s0 ^ v0, o1 |= s1 ^ v1, o2 |= s2 ^ v2, o3 |= s3 ^ v3;
        v0 += 4 * width, v1 += 4 * width, v2 += 4 * width, v3 += 4 * width;
    }
    o0 |= o1 | o2 | o3;
    std::uint64_t any = 0;
    for (std::size_t k = 0; k < size / 8; ++k)
        any |= o0[k];
    return any == 0;
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] inline void fill_by_four(void* to, std::uint64_t first, std::uint64_t step, std::uint64_t n) {
    fill<four>(static_cast<unsigned char*>(to), first, step, n);
}
[[nodiscard, gnu::target("avx2")]] inline bool are_by_four(const void* at, std::uint64_t first, std::uint64_t step,
                                                           std::uint64_t n) {
    return are<four>(static_cast<const unsigned char*>(at), first, step, n);
}
inline const bool has_four = __builtin_cpu_supports("avx2") != 0;
#endif

}  // namespace detail

/// Effects: the n words at `to` are first, first + step ... Requires: n is a multiple of 16.
inline void fill(void* to, std::uint64_t first, std::uint64_t step, std::uint64_t n) {
#if defined(__x86_64__)
    if (detail::has_four) return detail::fill_by_four(to, first, step, n);
#endif
    detail::fill<two>(static_cast<unsigned char*>(to), first, step, n);
}

/// Returns: whether the n words at `at` are first, first + step ... All are read, whatever they are. Requires: as fill.
[[nodiscard]] inline bool are(const void* at, std::uint64_t first, std::uint64_t step, std::uint64_t n) {
#if defined(__x86_64__)
    if (detail::has_four) return detail::are_by_four(at, first, step, n);
#endif
    return detail::are<two>(static_cast<const unsigned char*>(at), first, step, n);
}

}  // namespace vectors
