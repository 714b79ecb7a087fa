// SPDX-License-Identifier: BSL-1.0
// Reads a live process from /proc into a `process`.
#pragma once

#include <functional>
#include <string>

#include "region.hpp"

namespace pinscope {

/// Where to read; other than the defaults in tests.
struct import_source {
    std::string proc = "/proc";
    std::string huge_setting = "/sys/kernel/mm/transparent_hugepage/enabled";
};

/// Called with the part that is done and the whole.
using progress_function = std::function<void(u64 done, u64 whole)>;

/// Fails when: there is no such process, it may not be read, is a kernel thread, ended meanwhile, or /proc holds
/// something unexpected: problem, which says so.
[[nodiscard]] process import_process(u64 pid, const import_source& from, const progress_function& progress);

}  // namespace pinscope
