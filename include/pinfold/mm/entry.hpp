// SPDX-License-Identifier: BSL-1.0
// One page-table entry: a 64-bit value with a kind, bits and a frame or slot number. All zero is "none".
// Source: spec 07 §2.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "geometry.hpp"
#include "lock.hpp"

namespace pinfold::mm {

enum class entry_kind : unsigned char { none, table, leaf, swap, migration, hwpoison, device_private, marker, hugepd };

/// The bits an entry can carry. `exclusive` is for swap and migration entries; a leaf's page carries its own.
enum class eb : unsigned char {
    writable = 4, dirty, young, user, special, devmap, soft_dirty, protnone, uffd_wp, exclusive,
    keyed,    ///< a protection key denies data access (execute-only memory)
    guarded,  ///< gup has a rule against this mapping, which only its VMA tells
};

struct entry {
    std::uint64_t raw = 0;

    static constexpr std::uint64_t bit(eb b) noexcept { return std::uint64_t{1} << static_cast<unsigned>(b); }
    static constexpr unsigned number_shift = 16;
    static constexpr std::uint64_t next_number = std::uint64_t{1} << number_shift;  ///< from an entry to one of the next frame

    static constexpr entry make(entry_kind k, pfn number, std::uint64_t bits = 0) noexcept {
        return {static_cast<std::uint64_t>(k) | bits | number.n << number_shift};
    }
    static constexpr entry leaf(pfn n, std::uint64_t bits) noexcept {
        return make(entry_kind::leaf, n, bits | bit(eb::user) | bit(eb::young));
    }
    static constexpr entry table(pfn n) noexcept { return make(entry_kind::table, n); }
    /// A directory of huge entries of 2^order pages each; that needs not be what an entry of this level spans.
    static constexpr entry hugepd(pfn n, unsigned order) noexcept {
        return make(entry_kind::hugepd, n, std::uint64_t{order} << 4);
    }

    [[nodiscard]] constexpr entry_kind kind() const noexcept { return static_cast<entry_kind>(raw & 15); }
    [[nodiscard]] constexpr bool is_none() const noexcept { return raw == 0; }
    /// Nothing is there; a marker says how whatever comes is to be mapped.
    [[nodiscard]] constexpr bool is_empty() const noexcept { return is_none() || kind() == entry_kind::marker; }
    /// What remembers in an empty place that userfaultfd protects it, or nothing.
    [[nodiscard]] constexpr entry protection() const noexcept {
        return has(eb::uffd_wp) ? make(entry_kind::marker, {}, bit(eb::uffd_wp)) : entry{};
    }
    [[nodiscard]] constexpr bool is_hugepd() const noexcept { return kind() == entry_kind::hugepd; }
    [[nodiscard]] constexpr unsigned hugepd_order() const noexcept { return static_cast<unsigned>(raw >> 4 & 63); }
    [[nodiscard]] constexpr bool is_table() const noexcept { return kind() == entry_kind::table; }
    /// A leaf that maps memory; a PROT_NONE leaf is present too (spec 04: protnone is asked separately).
    [[nodiscard]] constexpr bool is_leaf() const noexcept { return kind() == entry_kind::leaf; }
    /// Whether the process itself may not look at the data, though memory is mapped.
    [[nodiscard]] constexpr bool denies_access() const noexcept { return has(eb::protnone) || has(eb::keyed); }
    [[nodiscard]] constexpr pfn number() const noexcept { return {raw >> number_shift}; }
    [[nodiscard]] constexpr bool has(eb b) const noexcept { return (raw & bit(b)) != 0; }

    [[nodiscard]] constexpr entry with(eb b) const noexcept { return {raw | bit(b)}; }
    [[nodiscard]] constexpr entry without(eb b) const noexcept { return {raw & ~bit(b)}; }
    /// Returns: the entry with the bits that follow from its VMA alone.
    template <class Vma>
    [[nodiscard]] constexpr entry as_said_by(const Vma& v) const noexcept {
        std::uint64_t bits = v.is_accessible() ? 0 : bit(eb::protnone);
        if (v.keyed) bits |= bit(eb::keyed);
        if (v.is_guarded()) bits |= bit(eb::guarded);
        return {(raw & ~(bit(eb::protnone) | bit(eb::keyed) | bit(eb::guarded))) | bits};
    }
    [[nodiscard]] constexpr entry at(pfn n) const noexcept {
        return {(raw & ((std::uint64_t{1} << number_shift) - 1)) | n.n << number_shift};
    }
    friend constexpr bool operator==(entry, entry) = default;
};

/// The letters people read: W writable, D dirty, Y young, S special, V devmap, N no access, U userfault.
[[nodiscard]] inline std::string letters(entry e) {
    std::string s;
    constexpr std::pair<eb, char> order[] = {{eb::writable, 'W'}, {eb::dirty, 'D'},    {eb::young, 'Y'},
                                             {eb::special, 'S'},  {eb::devmap, 'V'}, {eb::uffd_wp, 'U'}};
    for (const auto& [b, c] : order)
        if (e.has(b)) s += c;
    return s;
}

/// The word an entry lives in.
/// Synchronises: read() acquires what was published with the entry; set() releases it; exchange(), take() and swap() are
/// one sequentially consistent read-modify-write, so that what follows them is ordered behind (spec 01 §3, A1).
class entry_slot {
public:
    [[nodiscard]] entry read() const noexcept { return {static_cast<std::uint64_t>(word_.load_acquire())}; }
    void set(entry e) noexcept { word_.publish(static_cast<std::int64_t>(e.raw)); }
    [[nodiscard]] bool swap(entry expected, entry desired) noexcept {
        auto seen = static_cast<std::int64_t>(expected.raw);
        return word_.swap_if(seen, static_cast<std::int64_t>(desired.raw));
    }
    /// Effects: the slot holds `now`. Returns: what was in it, including bits set by accesses meanwhile.
    entry exchange(entry now) noexcept {
        std::int64_t seen = word_.load();
        while (!word_.swap_if_weak(seen, static_cast<std::int64_t>(now.raw))) {
        }
        return {static_cast<std::uint64_t>(seen)};
    }
    /// Effects: clears the slot. Returns: as exchange().
    entry take() noexcept { return exchange({}); }
    /// The same for what comes back under this lock in another form: meanwhile it is on its way, and never empty, for
    /// who reads the entry of a huge page without the lock would take it for a hole and pass by. Requires: its lock.
    entry take_for_a_while() noexcept { return exchange(entry::make(entry_kind::migration, read().number(), 0)); }

private:
    word64 word_;
};
static_assert(sizeof(entry_slot) == 8);

/// Effects: waits until the slot holds something else than `e`: a short time where whoever changes it holds no lock that
/// this thread has. Requires: no page-table lock.
inline void wait_while(const entry_slot& slot, entry e) noexcept {
    for (unsigned spins = 0; slot.read() == e; relax(spins)) {
    }
}

}  // namespace pinfold::mm
