// SPDX-License-Identifier: BSL-1.0
// How device pages are counted: three rules, of which a profile names one. Terms: baseline, the count of a page
// nobody uses; managed, a page whose releases are watched for the value 1. Source: spec 03 §1 §3 §4 §8.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace pinfold::mm {

enum class device_type : unsigned char {
    none,
    private_memory,  ///< the CPU cannot touch it; mapped by device-private entries
    coherent,        ///< cache-coherent device memory, mapped like RAM
    fsdax,           ///< persistent memory that holds a filesystem
    generic,         ///< a whole device behind one character device
    p2pdma,          ///< a PCI BAR for peers
};
[[nodiscard]] constexpr const char* name_of(device_type t) noexcept {
    constexpr const char* names[] = {"none", "private", "coherent", "fsdax", "generic", "p2pdma"};
    return names[static_cast<unsigned>(t)];
}

/// Returns: whether a rule watches the releases of any kind of page.
template <class Rule>
[[nodiscard]] constexpr bool manages_any() noexcept {
    for (const device_type t : {device_type::private_memory, device_type::coherent, device_type::fsdax, device_type::generic,
                                device_type::p2pdma})
        if (Rule::is_managed(t)) return true;
    return false;
}

/// Every idle page has a count of 1; releases of PRIVATE and FS_DAX pages are watched for it. A page reaches 0 only
/// when its device goes, and then it gives its pagemap reference back.
struct one_based_2019 {
    static constexpr std::int32_t baseline(device_type) noexcept { return 1; }
    static constexpr bool is_managed(device_type t) noexcept {
        return t == device_type::private_memory || t == device_type::fsdax;
    }
    static constexpr bool each_page_holds_map(device_type) noexcept { return true; }
    static constexpr bool needs_free(device_type t) noexcept { return is_managed(t); }
    static constexpr bool needs_owner(device_type) noexcept { return false; }
    static constexpr bool has_coherent = false;
    static constexpr bool removal_puts_pages = true;     ///< one put per page, not pagemap references in bulk
    static constexpr bool generic_is_compound = false;   ///< device-dax pages are folios of the device's alignment
    static constexpr bool dax_is_mapped_counted = false; ///< each entry of a DAX page holds a reference
    static constexpr bool p2pdma_by_flag = false;        ///< P2PDMA pages only with FOLL_PCI_P2PDMA
    static constexpr bool pud_touched_first = true;      ///< FP-DEVMAP-PUD: TOUCH before the question for GET or PIN
    static constexpr bool refused_is_efault = true;      ///< a refused grab on a huge device entry
    static constexpr bool null_falls_through = true;
};

/// FS_DAX, GENERIC and P2PDMA pages idle at 1, FS_DAX releases are watched for it; PRIVATE and COHERENT pages are
/// free at 0 and hold a pagemap reference while they are handed out.
struct one_based_6_12 {
    static constexpr std::int32_t baseline(device_type t) noexcept {
        return t == device_type::private_memory || t == device_type::coherent ? 0 : 1;
    }
    static constexpr bool is_managed(device_type t) noexcept { return t == device_type::fsdax; }
    static constexpr bool each_page_holds_map(device_type t) noexcept { return baseline(t) == 1; }
    static constexpr bool needs_free(device_type t) noexcept {
        return baseline(t) == 0 || t == device_type::p2pdma;
    }
    static constexpr bool needs_owner(device_type t) noexcept { return baseline(t) == 0; }
    static constexpr bool has_coherent = true;
    static constexpr bool removal_puts_pages = false;
    static constexpr bool generic_is_compound = true;
    static constexpr bool dax_is_mapped_counted = false;
    static constexpr bool p2pdma_by_flag = true;
    static constexpr bool pud_touched_first = false;
    static constexpr bool refused_is_efault = false;
    static constexpr bool null_falls_through = false;
};

/// As 6.12, but DAX pages are counted like memory: 0 when idle, one reference and one mapcount per entry, huge
/// entries map compound device folios. No release is watched for 1. Source: spec 03 §8 (v6.15).
struct zero_based : one_based_6_12 {
    static constexpr std::int32_t baseline(device_type t) noexcept {
        return t == device_type::fsdax ? 0 : one_based_6_12::baseline(t);
    }
    static constexpr bool is_managed(device_type) noexcept { return false; }
    static constexpr bool each_page_holds_map(device_type t) noexcept { return t != device_type::private_memory &&
                                                                               t != device_type::coherent; }
    static constexpr bool needs_free(device_type t) noexcept { return one_based_6_12::needs_free(t); }
    static constexpr bool dax_is_mapped_counted = true;
};

}  // namespace pinfold::mm
