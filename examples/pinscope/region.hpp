// SPDX-License-Identifier: BSL-1.0
// A process' address space as /proc tells it. Terms: region, one line of /proc/PID/maps; run, neighbouring
// pages of a region in the same state; page number, address / 4096.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text.hpp"

namespace pinscope {

inline constexpr u64 page_size = 4096;
inline constexpr u64 huge_size = u64{2} << 20;
inline constexpr u64 huge_pages = huge_size / page_size;

/// The state of a page in the page tables of the process.
enum class presence : std::uint8_t {
    absent,     ///< nothing there yet: a pin must fault it in
    anon,       ///< a page of the process' own
    anon_huge,  ///< part of a 2 MiB page of its own, mapped by one huge entry
    file,       ///< a page of the page cache (files, shared memory)
    zero,       ///< the common zero page: read, never written
    hugetlb,    ///< part of a page from the huge page pool
    swapped,    ///< in swap
    special,    ///< not memory: device registers, the gate page
};
[[nodiscard]] const char* to_string(presence what);
[[nodiscard]] inline bool is_present(presence what) {
    return what != presence::absent && what != presence::swapped && what != presence::special;
}

struct run {
    u64 first = 0;  ///< page number
    u64 pages = 0;
    presence what = presence::absent;

    friend bool operator==(const run&, const run&) = default;
};

/// Effects: adds `pages` pages from `first` on to the last run if they continue it, as a new run otherwise.
void append(std::vector<run>& runs, run more);

/// What stands behind the addresses.
enum class backing : std::uint8_t { anonymous, file, shared_memory, hugetlb, device, gate };
[[nodiscard]] const char* to_string(backing what);

struct region {
    u64 begin = 0;
    u64 end = 0;
    bool read = false, write = false, execute = false, shared = false;
    u64 offset = 0;
    std::uint32_t device_major = 0, device_minor = 0;
    u64 inode = 0;
    std::string name;
    bool deleted = false;
    std::string filesystem;  ///< type of the one behind the device number; empty: unknown

    // Of smaps, in bytes; zero where smaps cannot be read.
    u64 rss = 0, swap = 0, anonymous = 0, locked = 0;
    u64 anon_huge = 0, file_huge = 0, hugetlb = 0;
    u64 kernel_page = page_size;
    std::vector<std::string> flags;  ///< VmFlags, two letters each

    std::string label;          ///< what the demonstration says about a region of its own
    std::vector<run> runs;      ///< all pages of the region, in order
    u64 shared_anon_pages = 0;  ///< anonymous and mapped by more than one process
    u64 most_mapped = 0;        ///< largest mapcount of a present page; 0: unknown

    [[nodiscard]] u64 size() const { return end - begin; }
    [[nodiscard]] u64 pages() const { return size() / page_size; }
    [[nodiscard]] u64 present_pages() const;
    [[nodiscard]] u64 pages_in(presence what) const;
    [[nodiscard]] bool has_flag(const char* flag) const;
    [[nodiscard]] std::string permissions() const;  ///< "rw-p"
    [[nodiscard]] pinscope::backing backing() const;
    /// Returns: the name if it has one, else what it is; fit for printing.
    [[nodiscard]] std::string title() const;
};

/// One process, read and closed: nothing here refers to it any more.
struct process {
    u64 pid = 0;
    std::string command;
    std::vector<region> regions;
    u64 memlock_soft = 0;            ///< RLIMIT_MEMLOCK in bytes; ~0: unlimited
    bool huge_always = false;        ///< transparent huge pages without asking for them
    std::vector<std::string> notes;  ///< what is approximated, and why

    [[nodiscard]] u64 size() const;
    [[nodiscard]] u64 present_pages() const;
};

inline constexpr u64 unlimited = ~u64{0};

}  // namespace pinscope
