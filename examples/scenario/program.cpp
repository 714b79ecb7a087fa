// SPDX-License-Identifier: BSL-1.0
#include "program.hpp"

#include <algorithm>

#include "language.hpp"

namespace scenario {

namespace {

std::vector<std::string> tokens_of(std::string_view line) {
    std::vector<std::string> all;
    line = line.substr(0, line.find('#'));
    constexpr std::string_view blanks = " \t\r";
    for (std::size_t at = line.find_first_not_of(blanks); at != line.npos; at = line.find_first_not_of(blanks, at)) {
        const std::size_t end = std::min(line.find_first_of(blanks, at), line.size());
        all.emplace_back(line.substr(at, end - at));
        at = end;
    }
    return all;
}

/// Returns: what is wrong with the line, as far as the language alone can say.
std::string check(const statement& s) {
    const operation* op = find_operation(s.op);
    if (!op) return s.op.empty() ? "an actor, but no operation" : "unknown operation '" + s.op + "'";
    if (s.args.size() < op->arguments.size())
        return s.op + ": argument '" + std::string(op->arguments[s.args.size()]) + "' is missing";
    for (const std::string& option : s.options) {
        const bool has_value = option.find('=') != option.npos;
        const std::string key = option.substr(0, option.find('='));
        const auto known = [&](std::string_view o) {
            return has_value ? o.size() == key.size() + 1 && o.starts_with(key) && o.back() == '=' : o == key;
        };
        if (std::none_of(op->options.begin(), op->options.end(), known))
            return s.op + ": unknown option '" + option + "'";
    }
    return {};
}

statement statement_of(std::size_t number, std::vector<std::string> words) {
    statement s;
    s.number = number;
    for (const std::string& w : words) s.text += (s.text.empty() ? "" : " ") + w;
    std::size_t at = 0;
    if (words[0].ends_with(":&") || words[0].ends_with(":")) {
        s.async = words[0].back() == '&';
        s.actor = words[0].substr(0, words[0].find_last_of(':'));
        ++at;
    }
    if (at < words.size()) s.op = words[at++];
    const operation* op = find_operation(s.op);
    const std::size_t positional = op ? op->arguments.size() : words.size();
    for (; at < words.size(); ++at) (s.args.size() < positional ? s.args : s.options).push_back(std::move(words[at]));
    s.wrong = check(s);
    return s;
}

}  // namespace

program parse(std::string file, std::string name, std::string_view text) {
    program p{std::move(file), std::move(name), {}};
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        auto words = tokens_of(text.substr(0, end));
        if (!words.empty()) p.lines.push_back(statement_of(number, std::move(words)));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return p;
}

}  // namespace scenario
