// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace scenario {

struct options {
    std::string profile = "linux_6_12";
    bool explain = false;
    bool audit = false;
    unsigned audit_every = 1;                   ///< lines
    std::filesystem::path out;                  ///< empty: answers go to standard output
    std::vector<std::filesystem::path> inputs;  ///< files, or directories of them
};

/// Whether to go on, and with what status to leave otherwise.
struct parsed {
    bool go = false;
    int status = 0;
};
/// Effects: fills `o`; help and complaints about the command line are printed here.
[[nodiscard]] parsed parse_options(int argc, char** argv, options& o);

}  // namespace scenario
