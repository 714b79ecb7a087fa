// SPDX-License-Identifier: BSL-1.0
// How many pages of a filesystem one miss brings in: those around a mapped access, one for a read, and the next window
// when a page with the read-ahead mark is met. Source: spec 10 §4.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>

#include "pagecache.hpp"

namespace pinfold::mm {

inline constexpr std::uint64_t read_around_pages = 32;
inline constexpr std::uint64_t read_ahead_distance = 8;

namespace detail {

/// Effects: [first, first + n), up to the end of the file, is cached; the page `ahead` before the end of what was asked
/// for gets the mark if it comes in now. Returns: false when memory is out. Requires: f.lock.
template <class P>
[[nodiscard]] bool read_in(physical<P>& phys, file& f, std::uint64_t first, std::uint64_t n, std::uint64_t ahead) {
    if (first >= f.pages()) return true;
    n = std::min(n, f.pages() - first);
    for (std::uint64_t i = 0; i < n; ++i) {
        if (f.find(first + i)) continue;
        frame<P>* page = cache_add_locked(phys, f, first + i);
        if (!page) return false;
        if (ahead != 0 && ahead <= n && i == n - ahead) page->set(pg::readahead);
        phys.lru_add(page);
    }
    return true;
}

[[nodiscard]] inline std::uint64_t next_window(std::uint64_t size) noexcept {
    if (size < read_around_pages / 16) return size * 4;
    return size <= read_around_pages / 2 ? size * 2 : read_around_pages;
}

}  // namespace detail

/// A miss of a mapped access. Returns: false when there is no memory for the page itself.
template <class P>
[[nodiscard]] bool read_around(physical<P>& phys, file& f, std::uint64_t index) {
    std::lock_guard guard(f.lock);
    const std::uint64_t half = read_around_pages / 2;
    f.window = {index > half ? index - half : 0, read_around_pages, read_ahead_distance};
    return detail::read_in(phys, f, f.window.start, f.window.size, f.window.ahead) || f.find(index) != nullptr;
}

/// A miss of a read of a file that is read at random: its page alone.
/// Returns: the page, or null when memory is out. Requires: f.lock, nothing cached there.
template <class P>
[[nodiscard]] frame<P>* read_one(physical<P>& phys, file& f, std::uint64_t index) {
    frame<P>* page = cache_add_locked(phys, f, index);
    if (page) phys.lru_add(page);
    return page;
}

/// Effects: an access met the mark of the page at `index`: the mark goes, and what follows is read in. `wanted`: how
/// much the access is about. Requires: f.lock.
template <class P>
void read_on(physical<P>& phys, file& f, std::uint64_t index, frame<P>* head, std::uint64_t wanted) {
    if (head->is(pg::writeback) || !head->clear(pg::readahead)) return;
    auto& w = f.window;
    if (index == w.start + w.size - w.ahead) {  // as foreseen
        w.start += w.size;
        w.size = detail::next_window(w.size);
    } else {
        std::uint64_t gap = index + 1;
        while (gap - index <= read_around_pages && f.find(gap)) ++gap;
        if (gap - index > read_around_pages) return;
        w = {gap, detail::next_window(gap - index + wanted), 0};
    }
    w.ahead = w.size;
    (void)detail::read_in(phys, f, w.start, w.size, w.ahead);  // nobody waits for it
}

}  // namespace pinfold::mm
