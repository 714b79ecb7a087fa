// SPDX-License-Identifier: BSL-1.0
// From frame numbers to descriptors and back. Two layouts: flat (one array), and sectioned, which is deliberately
// not contiguous, so that stepping a descriptor pointer across a section is a bug that shows (DEF-21).
// Source: spec 02 §5.
#pragma once

#include <cstdint>

#include "arena.hpp"
#include "geometry.hpp"

namespace pinfold::mm {

/// A type M is a memmap if and only if M::of<Frame> is constructible from a number of frames and
/// | expression      | returns | means                                    |
/// |-----------------|---------|------------------------------------------|
/// | m.at(pfn)       | Frame*  | the descriptor of a frame                |
/// | m.number(f)     | pfn     | the inverse                              |
/// | m.nth(f, k)     | Frame*  | the descriptor of frame number(f) + k    |
/// | m.finder()      | F       | a value whose at(pfn) is m.at(pfn): a loop keeps it in registers |
/// Untouched descriptors are zero-filled.
struct flat_memmap {
    template <class Frame>
    class of {
    public:
        explicit of(std::uint64_t frames) : store_(frames * sizeof(Frame)) {}
        [[nodiscard]] Frame* at(pfn n) const noexcept { return base() + n.n; }
        [[nodiscard]] pfn number(const Frame* f) const noexcept { return {static_cast<std::uint64_t>(f - base())}; }
        [[nodiscard]] Frame* nth(Frame* f, std::uint64_t k) const noexcept { return f + k; }

        struct array {
            Frame* first;
            [[nodiscard]] Frame* at(pfn n) const noexcept { return first + n.n; }
        };
        [[nodiscard]] array finder() const noexcept { return {base()}; }

    private:
        [[nodiscard]] Frame* base() const noexcept { return reinterpret_cast<Frame*>(store_.data()); }
        arena store_;
    };
};

/// Sections of 128 MiB of frames, the later section at the lower address, a hole behind each.
struct sectioned_memmap {
    static constexpr std::uint64_t section = std::uint64_t{1} << 15;

    template <class Frame>
    class of {
    public:
        explicit of(std::uint64_t frames)
            : sections_((frames + section - 1) / section), store_(sections_ * stride * sizeof(Frame)) {}
        [[nodiscard]] Frame* at(pfn n) const noexcept {
            return base() + (sections_ - 1 - n.n / section) * stride + n.n % section;
        }
        [[nodiscard]] pfn number(const Frame* f) const noexcept {
            const auto place = static_cast<std::uint64_t>(f - base());
            return {(sections_ - 1 - place / stride) * section + place % stride};
        }
        [[nodiscard]] Frame* nth(Frame* f, std::uint64_t k) const noexcept { return at(number(f) + k); }
        [[nodiscard]] const of& finder() const noexcept { return *this; }

    private:
        static constexpr std::uint64_t stride = section + 64;
        [[nodiscard]] Frame* base() const noexcept { return reinterpret_cast<Frame*>(store_.data()); }
        std::uint64_t sections_;
        arena store_;
    };
};

}  // namespace pinfold::mm
