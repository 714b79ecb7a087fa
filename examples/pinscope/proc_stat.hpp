// SPDX-License-Identifier: BSL-1.0
// /proc/PID/stat: is it alive, is it a thread of the kernel, is it still the same process?
#pragma once

#include <string>
#include <string_view>

#include "text.hpp"

namespace pinscope {

struct process_status {
    std::string command;
    char state = '?';
    bool kernel_thread = false;
    u64 start_time = 0;  ///< tells a process from a later one with the same number

    [[nodiscard]] bool ended() const { return state == 'Z' || state == 'X'; }
};

/// Fails when: `text` is not one line of that form: problem.
[[nodiscard]] process_status parse_stat(std::string_view text, const std::string& file);

}  // namespace pinscope
