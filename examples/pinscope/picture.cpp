// SPDX-License-Identifier: BSL-1.0
#include "picture.hpp"

#include <algorithm>
#include <array>

#include "layout.hpp"

namespace pinscope {

namespace {

constexpr std::size_t label_width = 17;
constexpr std::size_t most_bands = 5;
constexpr std::size_t most_marked_gaps = 12;

struct glyph {
    const char* plain;
    const char* unicode;
    const char* colour;

    [[nodiscard]] std::string painted(const style& s, std::size_t times = 1) const {
        std::string text;
        while (times-- > 0)
            text += s.unicode ? unicode : plain;
        return s.painted(text, colour);
    }
};

glyph glyph_of(verdict v) {
    switch (v) {
        case verdict::nothing_asked: return {" ", " ", ""};
        case verdict::granted: return {"#", "█", "32"};
        case verdict::partly: return {"+", "▒", "33"};
        case verdict::refused: return {".", "·", "31"};
    }
    return {"?", "?", ""};
}

constexpr glyph present_all{"#", "█", "36"};
constexpr glyph present_some{"-", "▄", "36"};
constexpr glyph present_none{" ", " ", ""};
constexpr glyph gap_line{":", "┊", "2"};

glyph presence_glyph(u64 present, u64 pages) {
    return present == 0 ? present_none : present < pages ? present_some : present_all;
}

/// One block, or one marked gap, with the columns it takes.
struct item {
    block what;
    std::string gap;  ///< set for a gap: its size
    std::size_t cells = 0;
};

/// Lines that grow to the right until the terminal's width is reached.
class band {
public:
    explicit band(style s) : style_(s) {}

    [[nodiscard]] bool fits(std::size_t cells) const {
        return used_ == 0 || label_width + used_ + cells <= style_.width;
    }
    [[nodiscard]] bool empty() const { return used_ == 0; }

    void add(const item& next, const report& what) {
        if (!next.gap.empty()) {
            put_text(numbers_, next.gap);
            const auto left = (next.cells - 1) / 2;
            for (auto& row : rows_)
                row += std::string(left, ' ') + gap_line.painted(style_) + std::string(next.cells - 1 - left, ' ');
        } else {
            add_block(next, what);
        }
        used_ += next.cells;
    }

    void finish(std::string& out) const {
        const std::array<std::string_view, 5> labels{"present", purposes[0], purposes[1], purposes[2], purposes[3]};
        const auto numbers = trimmed(numbers_);
        if (!numbers.empty())
            out += style_.painted(fitted("region", label_width), "2") + style_.painted(numbers, "2") + "\n";
        for (std::size_t i = 0; i < rows_.size(); ++i)
            out += fitted(labels[i], label_width) + trimmed(rows_[i]) + "\n";
        out += "\n";
    }

private:
    static std::string trimmed(const std::string& line) { return line.substr(0, line.find_last_not_of(' ') + 1); }

    void add_block(const item& next, const report& what) {
        const auto cells = next.cells - 1;  // the last column keeps it apart from the next one
        put_text(numbers_, std::to_string(next.what.first + 1));
        if (next.what.single()) {
            const auto& r = what.process.regions[next.what.first];
            for (std::size_t c = 0; c < cells; ++c) {
                const auto from = r.pages() * c / cells;
                const auto to = std::max(from + 1, r.pages() * (c + 1) / cells);
                rows_[0] += presence_glyph(present_between(r, from, to), to - from).painted(style_);
            }
        } else {
            rows_[0] += presence_glyph(next.what.present_pages(what), next.what.pages(what)).painted(style_, cells);
        }
        rows_[0] += ' ';
        for (std::size_t p = 0; p < purposes.size(); ++p)
            rows_[p + 1] += glyph_of(next.what.verdict(what, p)).painted(style_, cells) + " ";
    }

    /// Writes `text` where the item begins, if those before have left room; it may reach over those behind.
    void put_text(std::string& line, const std::string& text) const {
        if (line.size() < used_) line.resize(used_, ' ');
        if (line.size() == used_ && label_width + used_ + text.size() <= style_.width) line += text + " ";
    }

    style style_;
    std::size_t used_ = 0;
    std::string numbers_;
    std::array<std::string, 5> rows_;
};

std::vector<item> items_of(const report& what, const style& s) {
    const auto capacity = (s.width - label_width) * most_bands;
    auto parts = blocks(what, std::max<std::size_t>(1, capacity / 3));
    const auto gaps = static_cast<std::size_t>(
        std::count_if(parts.begin(), parts.end(), [](const block& b) { return b.gap_before >= wide_gap; }));

    // The better a region is to be seen, the fewer fit: as wide as the terminal lets all of them be.
    for (unsigned per_cell = 2;; per_cell *= 2) {
        std::vector<item> items;
        std::size_t sum = 0;
        for (const auto& b : parts) {
            if (b.gap_before >= wide_gap && gaps <= most_marked_gaps) {
                const auto size = std::string(1, '<').append(human_bytes(b.gap_before)).append(1, '>');
                items.push_back({b, size, size.size() + 1});
                sum += items.back().cells;
            }
            items.push_back({b, {}, 2 + std::size_t{b.single() ? log_size(b.pages(what)) / per_cell : 0}});
            items.back().cells = std::min(items.back().cells, s.width - label_width);
            sum += items.back().cells;
        }
        if (sum <= capacity || per_cell > 64) return items;
    }
}

std::string legend(const style& s) {
    const auto entry = [&](const glyph& g, const char* text) { return g.painted(s) + " " + text; };
    std::string out = entry(glyph_of(verdict::granted), "granted") + "   " +
                      entry(glyph_of(verdict::partly), "for a part") + "   " +
                      entry(glyph_of(verdict::refused), "refused") + "\n";
    out += "present: " + entry(present_all, "in memory") + ", " + entry(present_some, "some of it") + ", blank: none\n";
    for (const auto& text : wrapped("From left to right: regions by address, numbered as in the table, the "
                                    "wider the larger (logarithm). <9 TiB>: nothing mapped for that far.",
                                    s.width))
        out += text + "\n";
    return out;
}

}  // namespace

std::string draw_picture(const report& what, const style& s) {
    std::string out;
    auto line = band(s);
    for (const auto& next : items_of(what, s)) {
        if (!line.fits(next.cells)) {
            line.finish(out);
            line = band(s);
        }
        line.add(next, what);
    }
    if (!line.empty()) line.finish(out);
    return out + legend(s);
}

}  // namespace pinscope
