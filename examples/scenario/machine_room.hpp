// SPDX-License-Identifier: BSL-1.0
// The machine every scenario starts with: node 0 has ordinary memory and a CMA area, node 1 only ZONE_MOVABLE.
// Nothing of it costs anything before it is used.
#pragma once

#include <pinfold/mm.hpp>

namespace scenario {

[[nodiscard]] inline pinfold::mm::options machine_room() {
    using namespace pinfold::mm::literals;
    pinfold::mm::options o;
    o.ram = 3_GiB;
    o.cma = 64_MiB;
    o.huge_pools = {{.order = pinfold::mm::pmd_order, .pages = 16}, {.order = pinfold::mm::pud_order, .pages = 1}};
    o.more_nodes = {{.ram = 0, .movable = 1_GiB, .cma = 0}};
    o.thp = pinfold::mm::thp_mode::madvise;
    return o;
}

}  // namespace scenario
