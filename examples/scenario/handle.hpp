// SPDX-License-Identifier: BSL-1.0
// What a driver got from one or more calls: pages in order, each until it is released. Released entries keep their
// place and cannot be named again; a handle whose last entry went is empty and may be filled anew.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace scenario {

template <class Page>
struct handle {
    bool pins = false;            ///< pins, not references
    std::vector<Page*> pages;     ///< released entries are null

    [[nodiscard]] bool empty() const noexcept { return pages.empty(); }
    [[nodiscard]] bool holds(std::size_t first, std::size_t n) const noexcept {
        if (first >= pages.size() || n > pages.size() - first) return false;
        return std::all_of(at(first), at(first + n), [](const Page* p) { return p != nullptr; });
    }
    /// Effects: forgets the entries; empties the handle when none is left.
    void released(std::size_t first, std::size_t n) {
        std::fill_n(pages.begin() + static_cast<std::ptrdiff_t>(first), n, nullptr);
        if (std::all_of(pages.begin(), pages.end(), [](const Page* p) { return p == nullptr; })) pages.clear();
    }

private:
    [[nodiscard]] auto at(std::size_t i) const noexcept { return pages.begin() + static_cast<std::ptrdiff_t>(i); }
};

}  // namespace scenario
