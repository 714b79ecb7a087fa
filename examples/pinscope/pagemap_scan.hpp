// SPDX-License-Identifier: BSL-1.0
// Where in an address range there is anything at all: asked of the kernel (PAGEMAP_SCAN, Linux 6.7), so that
// reservations of terabytes cost as much as what is in them.
#pragma once

#include <optional>
#include <vector>

#include "region.hpp"

namespace pinscope {

/// Page numbers first … last - 1.
struct page_range {
    u64 first = 0;
    u64 last = 0;
};

/// Returns: the ranges of [range.first, range.last) that hold present or swapped pages, in order; nothing when this
/// kernel cannot tell. Requires: `pagemap` is a descriptor of /proc/PID/pagemap.
[[nodiscard]] std::optional<std::vector<page_range>> occupied_ranges(int pagemap, page_range range);

}  // namespace pinscope
