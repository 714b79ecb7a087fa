// SPDX-License-Identifier: BSL-1.0
#include "pagemap_scan.hpp"

#include <sys/ioctl.h>
#include <array>

namespace pinscope {

namespace {

// The kernel's interface, spelled here because headers older than Linux 6.7 do not have it.
struct scan_region {
    u64 start, end, categories;
};
struct scan_request {
    u64 size = sizeof(scan_request);
    u64 flags = 0;
    u64 start = 0, end = 0;
    u64 walk_end = 0;  ///< out: where the scan stopped
    u64 regions = 0, region_count = 0;
    u64 max_pages = 0;
    u64 inverted = 0, all_of = 0, any_of = 0, returned = 0;  ///< categories
};
constexpr u64 present = 1 << 3, swapped = 1 << 4;
constexpr unsigned long pagemap_scan = _IOWR('f', 16, scan_request);

}  // namespace

std::optional<std::vector<page_range>> occupied_ranges(int pagemap, page_range range) {
    std::vector<page_range> found;
    std::array<scan_region, 512> regions{};
    scan_request request;
    request.start = range.first * page_size;
    request.end = range.last * page_size;
    request.regions = reinterpret_cast<std::uintptr_t>(regions.data());
    request.region_count = regions.size();
    request.any_of = present | swapped;
    request.returned = present | swapped;
    while (request.start < request.end) {
        const int count = ::ioctl(pagemap, pagemap_scan, &request);
        if (count < 0 || request.walk_end <= request.start) return std::nullopt;
        for (int i = 0; i < count; ++i) {
            const auto& next = regions[static_cast<std::size_t>(i)];
            if (!found.empty() && found.back().last == next.start / page_size)
                found.back().last = next.end / page_size;
            else
                found.push_back({next.start / page_size, next.end / page_size});
        }
        request.start = request.walk_end;
    }
    return found;
}

}  // namespace pinscope
