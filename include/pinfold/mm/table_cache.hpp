// SPDX-License-Identifier: BSL-1.0
// What a thread remembers of the tables it walked: where the ptes of a few regions are, so that the next walk begins
// there, as a processor's paging-structure caches do.
#pragma once

#include <cstdint>

#include "entry.hpp"

namespace pinfold::mm::detail {

/// A number no set of page tables had before: each has a new one whenever a table of it is unhooked.
inline word64 last_generation;
[[nodiscard]] inline std::int64_t next_generation() noexcept { return last_generation.fetch_grab(1) + 1; }

/// The ptes of one region, if it has any, the entry above them, and what that was. Of another generation it says nothing:
/// what it points to may be gone. Requires of who asks: a fast section, begun before the generation of the tables was read.
struct alignas(64) reached_table {
    std::int64_t generation = 0;
    std::uint64_t region = 0;  ///< address / pmd_size
    const entry_slot* above = nullptr;
    entry upper;
    entry_slot* ptes = nullptr;
};

/// Regions by their number; of two with one place the later stays.
class table_cache {
public:
    [[nodiscard]] reached_table& place_of(std::uint64_t region) noexcept { return at_[region % places]; }

private:
    static constexpr unsigned places = 16;
    reached_table at_[places];
};
[[nodiscard]] inline table_cache& this_threads_tables() noexcept { return threading::own<table_cache>(); }

}  // namespace pinfold::mm::detail
