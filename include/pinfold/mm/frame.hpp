// SPDX-License-Identifier: BSL-1.0
// The descriptor of one page frame: 64 bytes, and zero-filled memory is a frame nobody has touched yet, so a memmap of any
// size costs only what is used. Source: spec 02, spec 07 §1.
#pragma once

#include <cstdint>
#include <type_traits>

#include "../pinfold.hpp"
#include "device_policy.hpp"
#include "geometry.hpp"
#include "lock.hpp"

namespace pinfold::mm {

enum class zone_kind : unsigned char { dma32, normal, movable, device };
inline constexpr unsigned zone_kinds = 4;

/// The flags of a frame, as bit numbers of frame::flags. The low 24 bits are fields, see below.
enum class pg : unsigned char {
    locked = 24, dirty, uptodate, lru, batched, large, exclusive, swapbacked, mlocked, referenced, writeback,
    swapcache, buffers, buddy, table, reserved, hwpoison, readahead, hugetlb, zero, written, isolated, bad,
    huge_zero, restore_reserve, split_queued,
};

/// What frame::mapping points to, in its low two bits.
enum class owner : unsigned char { none_or_file = 0, anon = 1, driver = 2, ksm = 3 };

template <class P>
struct frame_policy;

/// Whether a head counts its pins exactly (folios of order 1 and more in linux_6_12).
struct large_folio {
    template <class Frame>
    constexpr bool operator()(const Frame& head) const noexcept {
        return head.is(pg::large);
    }
};

/// How the frames of the MM use count/. Source: spec 01 §11.
template <class P>
struct frame_count_policy : pinfold::count_defaults {
    struct silent {  // a machine warns by itself, per machine, where it knows the path
        static void negative(std::int64_t, std::int64_t, std::uint64_t) noexcept {}
        static void batch(std::int64_t, std::int64_t, std::uint64_t) noexcept {}
        static void saturated(std::int64_t, std::int64_t, std::uint64_t) noexcept {}
        static void underflow(std::int64_t, std::int64_t, std::uint64_t) noexcept {}
    };
    using pins = typename P::pins;
    using word = std::conditional_t<pinfold::detail::joins<pins>, word64, word32>;
    using liveness = typename P::liveness;
    using overflow = typename P::overflow;
    using warnings = silent;
    static constexpr pinfold::budget budget = pinfold::unstated_budget;
};

template <class P>
struct alignas(64) frame {
    using pinfold_policy = frame_policy<P>;

    pinfold::count<frame_count_policy<P>> count;
    alignas(8) pointer_word link;   ///< tail: head | 1 (spec 02 §2); head of a free block: 0
    word64 flags;                  ///< order, zone, node, machine, and the bits of pg
    word64 mapping;                ///< what owns the contents, with `owner` in the low bits; walks read it with flags
    word32 mapcount;               ///< entries that map this very page by a pte; a tail has its own
    word32 entire;                 ///< entries that map the whole folio; in a page table: its lock
    word32 large;                  ///< all entries that map any part of a large folio
    std::uint32_t generation;      ///< raised by each allocation: tells a frame from its reuse
    std::uint64_t index;           ///< page offset in the owner; free block: links of the free list
    std::uint64_t private_;        ///< swap slot, buffers; page table: deposited tables

    // ---- fields of flags ---------------------------------------------------------------------------------
    static constexpr unsigned order_bits = 6, zone_shift = 6, node_shift = 9, machine_shift = 13, device_shift = 21;

    [[nodiscard]] std::int64_t field(unsigned shift, std::int64_t width) const noexcept {
        return threading::look(flags, width << shift) >> shift;
    }
    [[nodiscard]] unsigned order() const noexcept { return static_cast<unsigned>(field(0, 63)); }
    [[nodiscard]] std::uint64_t pages() const noexcept { return std::uint64_t{1} << order(); }
    [[nodiscard]] zone_kind zone() const noexcept { return static_cast<zone_kind>(field(zone_shift, 7)); }
    [[nodiscard]] unsigned node() const noexcept { return static_cast<unsigned>(field(node_shift, 15)); }
    [[nodiscard]] unsigned machine() const noexcept {
        return static_cast<unsigned>(field(machine_shift, 255));
    }
    /// What device the frame belongs to; none for memory.
    [[nodiscard]] device_type device() const noexcept {
        return static_cast<device_type>(field(device_shift, 7));
    }
    static constexpr std::int64_t identity(zone_kind z, unsigned node, unsigned machine, unsigned order) noexcept {
        return static_cast<std::int64_t>(order) | static_cast<std::int64_t>(z) << zone_shift |
               static_cast<std::int64_t>(node) << node_shift | static_cast<std::int64_t>(machine) << machine_shift;
    }
    static constexpr std::int64_t bit(pg f) noexcept { return std::int64_t{1} << static_cast<unsigned>(f); }

    /// Synchronises: test relaxed, set and clear sequentially consistent (one read-modify-write).
    [[nodiscard]] bool is(pg f) const noexcept { return threading::look(flags, bit(f)) != 0; }
    bool set(pg f) noexcept { return change(bit(f), 0); }
    bool clear(pg f) noexcept { return change(0, bit(f)); }
    /// Effects: sets `on`, clears `off`. Returns: whether any of the bits had been on before.
    bool change(std::int64_t on, std::int64_t off) noexcept {
        return threading::change(flags, on, off) != 0;
    }

    /// Effects: a descriptor nobody has touched is dead, whatever its liveness rule calls so. It is called where a frame is
    /// handed out: until then nobody finds it but by its number, and takes zero for dead (physical::try_get_met). Requires: nobody else
    /// hands it out, no tail leads to it yet.
    void be_born_dead() noexcept {
        using traits = pinfold::count_traits<frame_count_policy<P>>;
        if constexpr (traits::dead_value != 0)
            if (count.raw() == 0) count.set_raw(traits::dead_value);
    }

    [[nodiscard]] bool is_tail() const noexcept { return (link.load() & 1) != 0; }

    // ---- the owner ---------------------------------------------------------------------------------------
    [[nodiscard]] owner owner_kind() const noexcept { return static_cast<owner>(mapping.load() & 3); }
    [[nodiscard]] bool is_anon() const noexcept { return (mapping.load() & 1) != 0; }
    [[nodiscard]] bool is_ksm() const noexcept { return owner_kind() == owner::ksm; }
    template <class T>
    [[nodiscard]] T* owner_as() const noexcept {
        return reinterpret_cast<T*>(mapping.load_acquire() & ~std::int64_t{3});
    }
    void set_owner(void* object, owner kind) noexcept {
        mapping.publish(static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(object)) |
                        static_cast<std::int64_t>(kind));
    }
};

/// Returns: whether the pins of this head are counted exactly, beside its references; else they are part of them.
template <class P>
[[nodiscard]] constexpr bool counts_pins_exactly(const frame<P>& head) noexcept {
    if constexpr (P::pins::form == pin_form::hybrid) return P::pins::is_large(head);
    else return P::pins::form == pin_form::exact;
}
/// The same of a head whose flags were read: they say all there is to say, unless a bundle has a rule of its own.
template <class P>
[[nodiscard]] PINFOLD_DETAIL_HOT bool counts_pins_exactly(const frame<P>& head, std::int64_t flags) noexcept {
    if constexpr (P::pins::form == pin_form::hybrid) {
        if constexpr (std::is_same_v<typename P::pins::rule, large_folio>) return (flags & frame<P>::bit(pg::large)) != 0;
        else return P::pins::is_large(head);
    } else {
        return P::pins::form == pin_form::exact;
    }
}
/// Units that one pin adds to the count word of this head.
template <class P>
[[nodiscard]] constexpr std::int64_t pin_unit(const frame<P>& head) noexcept {
    return counts_pins_exactly(head) ? 1 : static_cast<std::int64_t>(decltype(head.count)::traits::pin_unit);
}

}  // namespace pinfold::mm
