// SPDX-License-Identifier: BSL-1.0
// A small memory for the batch tests: 32 frames, of which [8, 16) and [16, 24) are blocks of eight.
#pragma once

#include <pinfold/range.hpp>

#include <cstddef>
#include <vector>

namespace range_test {

struct frame;
void give_back(frame&) noexcept;
void mark_dirty(frame&) noexcept;
[[nodiscard]] bool is_zero(const frame&) noexcept;

struct counting : pinfold::count_defaults {
    static constexpr pinfold::budget budget{.holders = 64, .refs_each = 64, .pins_each = 64, .batch = 5};
};

struct frame {
    pinfold::count<counting> count;
    pinfold::atomic_word<std::intptr_t> link;
    int freed = 0;
    int dirtied = 0;
    bool zero = false;
    using pinfold_policy = struct policy;
};

struct tally {
    static inline std::uint64_t acquired_pins = 0;
    static inline std::uint64_t released_pins = 0;
    static void acquired(const frame&, std::uint64_t n) noexcept { acquired_pins += n; }
    static void released(const frame&, std::uint64_t n) noexcept { released_pins += n; }
};

struct policy : pinfold::page_defaults<&frame::count> {
    using head = pinfold::tagged_head<&frame::link>;
    using release = pinfold::free_at_zero<&give_back>;
    using dirtying = pinfold::dirty_with<&mark_dirty>;
    using exempt = pinfold::exempt_if<&is_zero>;
    using statistics = tally;
};

inline void give_back(frame& f) noexcept { ++f.freed; }
inline void mark_dirty(frame& f) noexcept { ++f.dirtied; }
inline bool is_zero(const frame& f) noexcept { return f.zero; }

using heads = policy::head;
using ops = pinfold::page_ops<frame>;

struct memory {
    std::vector<frame> frames{32};

    memory() {
        for (std::size_t i = 0; i < frames.size(); ++i) {
            const bool tail = i >= 8 && i < 24 && i % 8 != 0;
            if (tail)
                heads::make_tail(frames[i], frames[i / 8 * 8]);
            else
                frames[i].count.init();
        }
        tally::acquired_pins = tally::released_pins = 0;
    }
    frame* operator[](std::size_t i) { return &frames[i]; }
    [[nodiscard]] std::int64_t raw(std::size_t i) const { return frames[i].count.raw(); }

    /// Every head holds its one reference again, every tail is dead, and as many pins went as came.
    [[nodiscard]] bool at_baseline() const {
        for (std::size_t i = 0; i < frames.size(); ++i) {
            const bool tail = i >= 8 && i < 24 && i % 8 != 0;
            if (tail ? !frames[i].count.is_dead() : frames[i].count.raw() != 1) return false;
        }
        return tally::acquired_pins == tally::released_pins;
    }
};

}  // namespace range_test
