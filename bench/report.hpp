// SPDX-License-Identifier: BSL-1.0
// What a benchmark prints: one JSON object per line, on stdout. bench/table.py makes the table and the plots of it.
//
//   a row of the goals  {"row":"1","what":"...","must":1.02,"stretch":1.005,"better":"lower","unit":"x floor",
//                        "median":1.001,"p10":1.000,"p90":1.003,"n":200}
//   a row without one   the same with "why":"..." in place of the figures
//   a bound of it       {"bound":"what it consists of","median":1.001,"p10":1.000,"p90":1.003,"n":200}
//   axes of a plot      {"plot":"cost","title":"...","x":"pages per call","y":"ns per page"}
//   a point of it       {"plot":"cost","series":"order-0, pin","at":512,"y":5.1,"lo":5.0,"hi":5.2}
// A goal of null is reported and not judged; "at" is a number, or a word where the plot has bars.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

namespace paired {

inline constexpr double no_goal = NAN;

/// Row `must` be reached; `stretch` is the limit. Values are compared as `better` says.
struct goal {
    double must = no_goal;
    double stretch = no_goal;
    const char* unit = "x floor";
    const char* better = "lower";
};

[[nodiscard]] inline double quantile(std::vector<double> v, double q) {
    if (v.empty()) return NAN;
    std::sort(v.begin(), v.end());
    return v[static_cast<std::size_t>(q * static_cast<double>(v.size() - 1) + 0.5)];
}

namespace detail {

[[nodiscard]] inline std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

[[nodiscard]] inline std::string number(double v) {
    if (!std::isfinite(v)) return "null";
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", v);
    return text;
}

[[nodiscard]] inline std::string head_of_row(const std::string& id, const std::string& what, const goal& g) {
    return "{\"row\":" + quoted(id) + ",\"what\":" + quoted(what) + ",\"must\":" + number(g.must) +
           ",\"stretch\":" + number(g.stretch) + ",\"better\":" + quoted(g.better) + ",\"unit\":" + quoted(g.unit);
}

inline void line(const std::string& text) {
    std::puts(text.c_str());
    std::fflush(stdout);
}

[[nodiscard]] inline std::string figures(const char* middle, const char* low, const char* high,
                                         const std::vector<double>& v) {
    return ",\"" + std::string(middle) + "\":" + number(quantile(v, 0.5)) + ",\"" + low + "\":" + number(quantile(v, 0.1)) +
           ",\"" + high + "\":" + number(quantile(v, 0.9));
}

}  // namespace detail

/// Effects: says in one line why a row has no figure on this machine.
inline void left_out(const std::string& id, const std::string& what, const goal& g, const std::string& why) {
    detail::line(detail::head_of_row(id, what, g) + ",\"why\":" + detail::quoted(why) + "}");
}

/// Effects: prints a row: median, p10 and p90 of one value per accepted round; with fewer than `enough` of them it
/// says so instead of a figure.
inline void row(const std::string& id, const std::string& what, const goal& g, const std::vector<double>& values,
                std::size_t enough = 30) {
    if (values.size() < enough || values.empty())
        return left_out(id, what, g, "only " + std::to_string(values.size()) + " undisturbed samples of the " +
                                         std::to_string(enough) + " it takes: the machine is busy, or its processors share a core");
    detail::line(detail::head_of_row(id, what, g) + detail::figures("median", "p10", "p90", values) +
                 ",\"n\":" + std::to_string(values.size()) + "}");
}

/// Effects: prints what bounds the row that was printed before: the same ratio, of something that does less.
inline void bound(const std::string& what, const std::vector<double>& values) {
    if (values.empty()) return;
    detail::line("{\"bound\":" + detail::quoted(what) + detail::figures("median", "p10", "p90", values) +
                 ",\"n\":" + std::to_string(values.size()) + "}");
}

/// Effects: prints a row that does not vary: a size, a count of instructions, 0 differences.
inline void fact(const std::string& id, const std::string& what, const goal& g, double value) {
    row(id, what, g, {value}, 1);
}

/// Effects: names a plot and its axes. Both axes are logarithmic; a plot whose points are at words has bars.
inline void plot(const std::string& name, const std::string& title, const std::string& x, const std::string& y) {
    detail::line("{\"plot\":" + detail::quoted(name) + ",\"title\":" + detail::quoted(title) +
                 ",\"x\":" + detail::quoted(x) + ",\"y\":" + detail::quoted(y) + "}");
}

/// Effects: the same, as many small pictures side by side on the same axes: series are named "picture: line".
inline void panels(const std::string& name, const std::string& title, const std::string& x, const std::string& y) {
    detail::line("{\"plot\":" + detail::quoted(name) + ",\"title\":" + detail::quoted(title) +
                 ",\"x\":" + detail::quoted(x) + ",\"y\":" + detail::quoted(y) + ",\"panels\":true}");
}

/// Effects: a point of a series: the median of `values` at x, from p10 to p90. Nothing where there are no values.
inline void point(const std::string& name, const std::string& series, double x, const std::vector<double>& values) {
    if (values.empty()) return;
    detail::line("{\"plot\":" + detail::quoted(name) + ",\"series\":" + detail::quoted(series) +
                 ",\"at\":" + detail::number(x) + detail::figures("y", "lo", "hi", values) + "}");
}
/// Effects: a bar of a series, in the group `x`.
inline void point(const std::string& name, const std::string& series, const std::string& x,
                  const std::vector<double>& values) {
    if (values.empty()) return;
    detail::line("{\"plot\":" + detail::quoted(name) + ",\"series\":" + detail::quoted(series) +
                 ",\"at\":" + detail::quoted(x) + detail::figures("y", "lo", "hi", values) + "}");
}

}  // namespace paired
