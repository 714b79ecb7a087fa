// SPDX-License-Identifier: BSL-1.0
#include "terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>
#include <algorithm>
#include <cstdlib>

#include "text.hpp"

namespace pinscope {

namespace {

std::string_view variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

bool speaks_utf8() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
        if (const auto locale = variable(name); !locale.empty())
            return locale.find("UTF-8") != std::string_view::npos || locale.find("utf8") != std::string_view::npos;
    return false;
}

}  // namespace

std::string style::painted(std::string_view text, std::string_view code) const {
    if (!colour || code.empty()) return std::string(text);
    return "\033[" + std::string(code) + "m" + std::string(text) + "\033[0m";
}

style style_of_stdout() {
    style s;
    const bool terminal = ::isatty(STDOUT_FILENO) != 0;
    s.colour = terminal && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
    s.unicode = terminal && speaks_utf8();

    winsize size{};
    if (const auto columns = to_number(variable("COLUMNS"), 10))
        s.width = static_cast<std::size_t>(std::min<u64>(*columns, 10'000));
    else if (terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0)
        s.width = size.ws_col;
    s.width = std::max<std::size_t>(s.width, 60);  // less cannot hold a range of addresses
    return s;
}

}  // namespace pinscope
