// SPDX-License-Identifier: BSL-1.0
// The reference MM: a machine with nodes, page tables, faults and every way gup takes, built from the library.
// Umbrella of mm/; start at mm/machine.hpp.
#pragma once

#include "mm/audit.hpp"
#include "mm/compact.hpp"
#include "mm/machine.hpp"
#include "mm/memory_failure.hpp"
#include "mm/p2pdma.hpp"
#include "mm/profile.hpp"
#include "mm/soft_dirty.hpp"
