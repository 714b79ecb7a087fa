// SPDX-License-Identifier: BSL-1.0
#include "proc_mounts.hpp"

#include "problem.hpp"
#include "text.hpp"

namespace pinscope {

std::map<device_number, std::string> parse_mountinfo(std::string_view text, const std::string& file) {
    std::map<device_number, std::string> types;
    for (std::size_t number = 1; !text.empty(); ++number) {
        auto line = take_line(text);
        take_word(line);
        take_word(line);
        const auto device = take_word(line);
        const auto colon = device.find(':');
        const auto dash = line.find(" - ");
        if (colon == std::string_view::npos || dash == std::string_view::npos)
            throw bad_line(file, number, "'ID PARENT MAJOR:MINOR ... - TYPE ...' expected");
        const auto major_number = to_number(device.substr(0, colon), 10);
        const auto minor_number = to_number(device.substr(colon + 1), 10);
        if (!major_number || !minor_number)
            throw bad_line(file, number, "a device like '8:1' expected, found '" + printable(device) + "'");
        line.remove_prefix(dash + 3);
        types[{static_cast<std::uint32_t>(*major_number), static_cast<std::uint32_t>(*minor_number)}] = take_word(line);
    }
    return types;
}

}  // namespace pinscope
