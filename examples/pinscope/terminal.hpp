// SPDX-License-Identifier: BSL-1.0
// How to write for whoever reads: a terminal with colours, one without, or a file.
#pragma once

#include <string>
#include <string_view>

namespace pinscope {

struct style {
    std::size_t width = 100;
    bool colour = false;
    bool unicode = false;  ///< blocks and lines; else ASCII

    /// Returns: `text` between the escape sequences for SGR code `code`, or bare.
    [[nodiscard]] std::string painted(std::string_view text, std::string_view code) const;
};

/// Returns: what suits standard output and the environment (NO_COLOR, TERM, COLUMNS, LANG).
[[nodiscard]] style style_of_stdout();

}  // namespace pinscope
