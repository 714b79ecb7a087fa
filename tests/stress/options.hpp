// SPDX-License-Identifier: BSL-1.0
// What the command line says.
#pragma once

#include <cstdint>
#include <string>

namespace stress {

struct options {
    unsigned seconds = 2;
    unsigned threads = 4;
    std::uint32_t seed = 1;
    std::string profile = "both";
};

/// Returns: -1, or the status to end with.
int parse(int argc, char** argv, options& o);

}  // namespace stress
