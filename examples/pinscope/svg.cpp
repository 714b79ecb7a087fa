// SPDX-License-Identifier: BSL-1.0
#include "svg.hpp"

#include <algorithm>
#include <array>

#include "layout.hpp"

namespace pinscope {

namespace {

constexpr std::size_t most_rows = 400;
constexpr unsigned width = 1080, row_height = 20, head_height = 190, gap_height = 22;
constexpr unsigned address_x = 16, name_x = 140, squares_x = 430, bar_x = 550, bar_room = 430;
constexpr unsigned slices = 86;  // of a bar: what is present is shown in steps of 5 units

/// Text as XML wants it.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text)
        switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            default: out += c;
        }
    return out;
}

const char* colour_of(verdict v) {
    switch (v) {
        case verdict::granted: return "#2e9e5b";
        case verdict::partly: return "#e3a21a";
        case verdict::refused: return "#c8443c";
        case verdict::nothing_asked: return "#d8d8d8";
    }
    return "#000";
}

const char* colour_of(outcome o) {
    switch (o) {
        case outcome::all: return "#2e9e5b";
        case outcome::short_term: return "#e3a21a";
        case outcome::read_only: return "#3b7dc4";
        case outcome::none: return "#c8443c";
        case outcome::mixed: return "#8a5bb5";
        case outcome::not_asked: return "#a0a0a0";
    }
    return "#000";
}

std::string rectangle(unsigned x, unsigned y, unsigned w, unsigned h, std::string_view fill,
                      std::string_view more = "") {
    return "<rect x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) + "\" width=\"" + std::to_string(w) +
           "\" height=\"" + std::to_string(h) + "\" fill=\"" + std::string(fill) + "\"" + std::string(more) + "/>\n";
}

std::string words(unsigned x, unsigned y, std::string_view text, std::string_view more = "") {
    return "<text x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) + "\"" + std::string(more) + ">" +
           escaped(text) + "</text>\n";
}

std::string tooltip(const report& what, const block& b) {
    const auto& first = what.process.regions[b.first];
    const auto& last = what.process.regions[b.last - 1];
    std::string text = hex(first.begin) + "-" + hex(last.end);
    if (b.single())
        (text += ' ') += first.permissions() + " " + first.title();
    else
        (text += ": ") += counted(b.last - b.first, "region");
    const auto line = [&text](std::string_view more) { (text += '\n') += more; };
    line(human_bytes(b.pages(what) * page_size) + ", " + grouped(b.present_pages(what)) + " of " +
         counted(b.pages(what), "page") + " present");
    for (std::size_t p = 0; p < purposes.size(); ++p)
        line(std::string(purposes[p]) + ": " + to_string(b.verdict(what, p)));
    if (b.single())
        for (std::size_t q = 0; q < questions.size(); ++q)
            for (const auto& r : what.regions[b.first].answers[q].refusals)
                line(to_string(questions[q]) + ": " + errno_name(r.error) + ", " + r.rule);
    return "<title>" + escaped(text) + "</title>\n";
}

/// The bar: pale over its whole length, strong where pages are present.
std::string bar(const report& what, const block& b, unsigned y) {
    const auto pages = b.pages(what);
    // 1 page is 15 units long, 2^48 bytes would fill the room.
    const auto length = std::min(bar_room, 15 + log_size(pages) * (bar_room - 15) / 36);
    const auto* colour = colour_of(b.outcome(what));
    auto out = rectangle(bar_x, y + 3, length, row_height - 6, colour, " fill-opacity=\"0.28\"");
    const auto steps = std::max<unsigned>(1, length * slices / bar_room);
    if (b.single()) {
        const auto& r = what.process.regions[b.first];
        const auto part_of = [&](unsigned i) {  // 0 nothing, 1 some, 2 all of slice i is present
            const auto from = pages * i / steps;
            const auto to = std::max(from + 1, pages * (i + 1) / steps);
            const auto present = present_between(r, from, to);
            return present == 0 ? 0 : present < to - from ? 1 : 2;
        };
        for (unsigned i = 0; i < steps;) {
            const auto part = part_of(i);
            auto end = i + 1;
            while (end < steps && part_of(end) == part)
                ++end;
            if (part != 0)
                out += rectangle(bar_x + length * i / steps, y + 3, length * end / steps - length * i / steps,
                                 row_height - 6, colour, part == 1 ? " fill-opacity=\"0.5\"" : "");
            i = end;
        }
    } else if (const auto present = b.present_pages(what); present != 0) {
        const auto part = std::max<u64>(1, present * length / pages);
        out += rectangle(bar_x, y + 3, static_cast<unsigned>(part), row_height - 6, colour);
    }
    return out + words(bar_x + length + 6, y + 14, human_bytes(pages * page_size), " fill=\"#555\"");
}

std::string row(const report& what, const block& b, unsigned y) {
    const auto& first = what.process.regions[b.first];
    const auto name = b.single() ? first.title() : counted(b.last - b.first, "region");
    auto short_name = fitted(name, 44, true);
    short_name.erase(short_name.find_last_not_of(' ') + 1);

    std::string out = "<g>\n" + tooltip(what, b);
    out += rectangle(8, y, width - 16, row_height, "#000", " fill-opacity=\"0\"");
    out += words(address_x, y + 14, hex(first.begin), " font-family=\"monospace\" fill=\"#555\"");
    out += words(name_x, y + 14, short_name);
    for (unsigned p = 0; p < purposes.size(); ++p)
        out += rectangle(squares_x + 27 * p, y + 3, 20, row_height - 6, colour_of(b.verdict(what, p)));
    return out + bar(what, b, y) + "</g>\n";
}

std::string head(const report& what) {
    const auto& p = what.process;
    std::string out = words(
        16, 30,
        "Process " + std::to_string(p.pid) + " (" + printable(p.command) + "): which memory can be pinned for devices",
        " font-size=\"18\" font-weight=\"bold\"");
    out += words(16, 50,
                 counted(p.regions.size(), "region") + ", " + human_bytes(p.size()) + " mapped, " +
                     human_bytes(p.present_pages() * page_size) + " present; answers by the rules of " + what.profile +
                     ". Point at a row for the reasons.");
    unsigned x = 16;
    for (const auto o : {outcome::all, outcome::short_term, outcome::read_only, outcome::none, outcome::mixed}) {
        out += rectangle(x, 66, 14, 14, colour_of(o)) + words(x + 20, 78, to_string(o));
        x += 44 + 7 * static_cast<unsigned>(columns(to_string(o)));
    }
    out += rectangle(16, 90, 40, 14, colour_of(outcome::all)) + words(62, 102, "present in memory") +
           rectangle(190, 90, 40, 14, colour_of(outcome::all), " fill-opacity=\"0.6\"") +
           words(236, 102, "partly present") +
           rectangle(340, 90, 40, 14, colour_of(outcome::all), " fill-opacity=\"0.28\"") +
           words(386, 102, "not present: a pin would fault it in. Bars grow with the logarithm of the size.");
    x = 16;
    out += words(16, 126, "Squares:");
    for (const auto v : {verdict::granted, verdict::partly, verdict::refused}) {
        out += rectangle(x + 60, 115, 20, 14, colour_of(v)) +
               words(x + 86, 126, v == verdict::partly ? "some pages" : to_string(v));
        x += 110;
    }
    const auto base = head_height - 8;
    out += words(address_x, base, "address", " font-weight=\"bold\"") +
           words(name_x, base, "region", " font-weight=\"bold\"") +
           words(bar_x, base, "size and presence", " font-weight=\"bold\"");
    for (unsigned i = 0; i < purposes.size(); ++i) {
        const auto px = squares_x + 27 * i + 14;
        out += words(px, base, purposes[i],
                     " transform=\"rotate(-35 " + std::to_string(px) + " " + std::to_string(base) + ")\"");
    }
    return out;
}

}  // namespace

std::string to_svg(const report& what) {
    std::string body = head(what);
    unsigned y = head_height;
    for (const auto& b : blocks(what, most_rows)) {
        if (b.gap_before >= wide_gap) {
            body += words(bar_x, y + 15, human_bytes(b.gap_before) + " with nothing mapped",
                          " fill=\"#888\" font-style=\"italic\"") +
                    "<path d=\"M16 " + std::to_string(y + 11) + "H" + std::to_string(bar_x - 10) +
                    "\" stroke=\"#bbb\" stroke-dasharray=\"3 4\"/>\n";
            y += gap_height;
        }
        body += row(what, b, y);
        y += row_height;
    }
    const auto height = std::to_string(y + 16);
    const auto across = std::to_string(width);
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + across + "\" height=\"" + height +
           "\" viewBox=\"0 0 " + across + " " + height + "\" font-family=\"sans-serif\" font-size=\"12\">\n" +
           "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n" + body + "</svg>\n";
}

}  // namespace pinscope
