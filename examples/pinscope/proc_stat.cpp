// SPDX-License-Identifier: BSL-1.0
#include "proc_stat.hpp"

#include "problem.hpp"

namespace pinscope {

process_status parse_stat(std::string_view text, const std::string& file) {
    // "PID (COMMAND) STATE …": the command may itself hold blanks and brackets.
    const auto open = text.find('(');
    const auto close = text.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open)
        throw bad_line(file, 1, "'PID (COMMAND) STATE ...' expected");
    process_status status;
    status.command = text.substr(open + 1, close - open - 1);
    auto rest = text.substr(close + 1);
    rest = rest.substr(0, rest.find('\n'));

    const auto state = take_word(rest);
    const auto skip = [&](int n) {
        while (n-- > 0)
            take_word(rest);
    };
    skip(5);
    const auto flags = to_number(take_word(rest), 10);  // field 9
    skip(12);
    const auto start = to_number(take_word(rest), 10);  // field 22
    if (state.size() != 1 || !flags || !start)
        throw bad_line(file, 1, "a state letter, flags and a start time expected");
    status.state = state.front();
    status.kernel_thread = *flags >> 21 & 1;
    status.start_time = *start;
    return status;
}

}  // namespace pinscope
