// SPDX-License-Identifier: BSL-1.0
// The bytes of every frame, backed lazily: a frame that was never written reads as zero and costs nothing, and
// a fresh allocation is known to be zero without writing it. Devices and processes meet here, so every access is
// a relaxed atomic one.
#pragma once

#include <cstdint>
#include <cstring>

#include "arena.hpp"
#include "frame.hpp"

namespace pinfold::mm {

template <class P>
class contents {
public:
    explicit contents(std::uint64_t frames) : store_(frames << page_shift) {}

    [[nodiscard]] unsigned char* bytes(pfn n) const noexcept {
        return reinterpret_cast<unsigned char*>(store_.data()) + (n.n << page_shift);
    }

    [[nodiscard]] unsigned char load(pfn n, std::uint64_t offset) const noexcept {
        return __atomic_load_n(bytes(n) + offset, __ATOMIC_RELAXED);
    }

    void store(frame<P>& f, pfn n, std::uint64_t offset, unsigned char value) noexcept {
        if (!f.is(pg::written)) f.set(pg::written);
        __atomic_store_n(bytes(n) + offset, value, __ATOMIC_RELAXED);
    }

    void fill(frame<P>& f, pfn n, unsigned char value, std::uint64_t from = 0, std::uint64_t to = page_size) noexcept {
        if (!f.is(pg::written)) {
            if (value == 0) return;  // never written: zero already
            f.set(pg::written);
        }
        if (((from | to) & 7) == 0) {
            auto* words = reinterpret_cast<std::uint64_t*>(bytes(n));
            for (std::uint64_t i = from / 8; i < to / 8; ++i) __atomic_store_n(words + i, value * every_byte, __ATOMIC_RELAXED);
            return;
        }
        for (std::uint64_t i = from; i < to; ++i) __atomic_store_n(bytes(n) + i, value, __ATOMIC_RELAXED);
    }
    /// Effects: the frame has these page_size bytes; or they are what it has.
    void copy_in(frame<P>& f, pfn n, const unsigned char* from) noexcept {
        if (!f.is(pg::written)) f.set(pg::written);
        auto* words = reinterpret_cast<std::uint64_t*>(bytes(n));
        for (std::uint64_t i = 0; i < page_size / 8; ++i) {
            std::uint64_t word;
            std::memcpy(&word, from + i * 8, sizeof word);
            __atomic_store_n(words + i, word, __ATOMIC_RELAXED);
        }
    }
    void copy_out(pfn n, unsigned char* to) const noexcept {
        const auto* words = reinterpret_cast<const std::uint64_t*>(bytes(n));
        for (std::uint64_t i = 0; i < page_size / 8; ++i) {
            const std::uint64_t word = __atomic_load_n(words + i, __ATOMIC_RELAXED);
            std::memcpy(to + i * 8, &word, sizeof word);
        }
    }

    /// Effects: makes a frame nobody else can see all zero.
    void zero(frame<P>& f, pfn n) noexcept {
        if (!f.is(pg::written)) return;
        auto* to = reinterpret_cast<std::uint64_t*>(bytes(n));
        for (std::uint64_t i = 0; i < page_size / 8; ++i) __atomic_store_n(to + i, std::uint64_t{0}, __ATOMIC_RELAXED);
        f.clear(pg::written);
    }

    /// Effects: copies one frame. Requires: `to` is zero (freshly allocated).
    void copy(frame<P>& to, pfn to_n, const frame<P>& from, pfn from_n) noexcept {
        if (!from.is(pg::written)) return;
        to.set(pg::written);
        auto* d = reinterpret_cast<std::uint64_t*>(bytes(to_n));
        auto* s = reinterpret_cast<std::uint64_t*>(bytes(from_n));
        for (std::uint64_t i = 0; i < page_size / 8; ++i)
            __atomic_store_n(d + i, __atomic_load_n(s + i, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
    }

    [[nodiscard]] bool all_zero(const frame<P>& f, pfn n) const noexcept {
        if (!f.is(pg::written)) return true;
        const auto* words = reinterpret_cast<const std::uint64_t*>(bytes(n));
        for (std::uint64_t i = 0; i < page_size / 8; ++i)
            if (__atomic_load_n(words + i, __ATOMIC_RELAXED) != 0) return false;
        return true;
    }

private:
    static constexpr std::uint64_t every_byte = 0x0101010101010101;

    arena store_;
};

}  // namespace pinfold::mm
