// SPDX-License-Identifier: BSL-1.0
// A scenario as text: lines of the form "[ACTOR:[&]] OP ARG... [OPTION...]", checked against the language.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace scenario {

/// One line. The first `positional` arguments stand where the language says; the rest are options.
struct statement {
    std::size_t number = 0;       ///< in the file, from 1
    std::string text;             ///< blanks normalised, no comment
    std::string actor = "main";
    bool async = false;
    std::string op;
    std::vector<std::string> args;
    std::vector<std::string> options;  ///< "key=value" or "word"
    std::string wrong;            ///< why the line is malformed; empty: it is not
};

struct program {
    std::string file;             ///< as messages name it
    std::string name;             ///< "family/name"
    std::vector<statement> lines;
};

/// Effects: none; a malformed line is kept and says what is wrong with it.
[[nodiscard]] program parse(std::string file, std::string name, std::string_view text);

}  // namespace scenario
