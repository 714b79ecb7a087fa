// SPDX-License-Identifier: BSL-1.0
// Sizes and addresses of the reference MM: 4 KiB pages, 512 entries per table, five levels of which p4d can be
// folded away. Terms: vaddr, a user virtual address in bytes; pfn, the number of a page frame. Source: spec 00 §5.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace pinfold::mm {

using vaddr = std::uint64_t;

/// The number of a page frame. A type of its own: a frame number is not an address and not a count.
struct pfn {
    std::uint64_t n = 0;

    friend constexpr bool operator==(pfn, pfn) = default;
    friend constexpr auto operator<=>(pfn, pfn) = default;
    friend constexpr pfn operator+(pfn a, std::uint64_t k) noexcept { return {a.n + k}; }
    friend constexpr pfn operator-(pfn a, std::uint64_t k) noexcept { return {a.n - k}; }
    friend constexpr std::uint64_t operator-(pfn a, pfn b) noexcept { return a.n - b.n; }
};

inline constexpr unsigned page_shift = 12;
inline constexpr std::uint64_t page_size = std::uint64_t{1} << page_shift;
inline constexpr std::uint64_t page_mask = ~(page_size - 1);
inline constexpr unsigned table_bits = 9;
inline constexpr std::size_t table_entries = std::size_t{1} << table_bits;
inline constexpr unsigned max_order = 10;  ///< largest block of the buddy allocator
inline constexpr std::uint64_t max_block = std::uint64_t{1} << max_order;
inline constexpr unsigned pmd_order = table_bits;

/// The level of a page table, or of an entry in it.
enum class level : unsigned char { pte = 1, pmd = 2, pud = 3, p4d = 4, pgd = 5 };

[[nodiscard]] constexpr const char* name_of(level l) noexcept {
    constexpr const char* names[] = {"?", "pte", "pmd", "pud", "p4d", "pgd"};
    return names[static_cast<unsigned>(l)];
}

/// Address arithmetic of one walk. Folded: there is no p4d table and a pgd entry spans 512 GiB.
template <bool P4dFolded>
struct geometry {
    static constexpr unsigned shift(level l) noexcept {
        const unsigned steps = static_cast<unsigned>(l) - 1U - (P4dFolded && l == level::pgd ? 1U : 0U);
        return page_shift + table_bits * steps;
    }
    static constexpr std::uint64_t span(level l) noexcept { return std::uint64_t{1} << shift(l); }
    static constexpr std::size_t index(vaddr a, level l) noexcept { return (a >> shift(l)) & (table_entries - 1); }
    static constexpr level child(level l) noexcept {
        return P4dFolded && l == level::pgd ? level::pud : static_cast<level>(static_cast<unsigned>(l) - 1U);
    }
    /// First address beyond user space: one guard page below half of what the tables span.
    static constexpr vaddr user_end = (span(level::pgd) << (table_bits - 1)) - page_size;
};

inline constexpr std::uint64_t pmd_size = geometry<true>::span(level::pmd);
inline constexpr std::uint64_t pud_size = geometry<true>::span(level::pud);
inline constexpr std::uint64_t pages_per_pmd = pmd_size >> page_shift;

[[nodiscard]] constexpr std::uint64_t align_down(std::uint64_t v, std::uint64_t to) noexcept { return v & ~(to - 1); }
[[nodiscard]] constexpr std::uint64_t align_up(std::uint64_t v, std::uint64_t to) noexcept {
    return align_down(v + to - 1, to);
}

inline namespace literals {
// Sizes in bytes, as people write them.
constexpr std::uint64_t operator""_KiB(unsigned long long v) noexcept { return v << 10; }
constexpr std::uint64_t operator""_MiB(unsigned long long v) noexcept { return v << 20; }
constexpr std::uint64_t operator""_GiB(unsigned long long v) noexcept { return v << 30; }
constexpr std::uint64_t operator""_TiB(unsigned long long v) noexcept { return v << 40; }
}  // namespace literals

}  // namespace pinfold::mm
