// SPDX-License-Identifier: BSL-1.0
// The command line.
#pragma once

#include <optional>
#include <string>

#include "text.hpp"

namespace pinscope {

struct options {
    std::optional<u64> pid;  ///< none: this process, after it made itself worth looking at
    std::string profile = "linux_6_12";
    std::string region;  ///< part of a name, or an address; empty: all
    std::string svg;     ///< file to write; empty: none
    std::size_t limit = 24;
    bool json = false;
    bool fault_all = false;
};

/// Returns: the options; none when the call only asked for help, which has then been printed.
/// Fails when: the arguments are not understood: problem.
[[nodiscard]] std::optional<options> parse_options(int count, char** arguments);

}  // namespace pinscope
