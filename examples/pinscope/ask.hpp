// SPDX-License-Identifier: BSL-1.0
// Asks the eight questions about every region: builds the process in a model, pins, gives back, keeps the books.
#pragma once

#include "import.hpp"
#include "model.hpp"
#include "report.hpp"

namespace pinscope {

/// Effects: builds p in m, asks, and puts m back after each question that changed it.
/// `fault_all`: absent pages are all faulted in and asked; else one of each run.
[[nodiscard]] report ask(process p, model& m, bool fault_all, const progress_function& progress);

}  // namespace pinscope
