// SPDX-License-Identifier: BSL-1.0
// The lines of /proc/PID/maps, of which /proc/PID/smaps repeats each as a heading.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "region.hpp"

namespace pinscope {

/// Returns: the region that `line` describes. Fails when: a field is missing or not what it must be: problem,
/// with `file` and `number` in it.
[[nodiscard]] region parse_maps_line(std::string_view line, const std::string& file, std::size_t number);

/// Returns: the regions of a whole maps file. Fails when: as above, or regions are out of order.
[[nodiscard]] std::vector<region> parse_maps(std::string_view text, const std::string& file);

/// Effects: appends `next`. Fails when: it begins before the last one ends.
void append_region(std::vector<region>& regions, region next, const std::string& file, std::size_t number);

}  // namespace pinscope
