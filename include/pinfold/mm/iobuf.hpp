// SPDX-License-Identifier: BSL-1.0
// A registered I/O buffer, as io_uring has them: long-term pins for as long as it is registered. Where the profile
// has it so, a buffer made of whole large folios of one size keeps one pin per folio. Source: spec 10 §19.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "longterm.hpp"
#include "release.hpp"

namespace pinfold::mm {

namespace detail {

/// Returns: the index at which each folio begins if the buffer is made of folios of one size, each whole but for the
/// start of the first and the end of the last, none twice; empty if it is not, or of base pages.
template <class P>
[[nodiscard]] std::vector<std::size_t> whole_folios(const physical<P>& phys, const std::vector<frame<P>*>& pages) {
    std::vector<std::size_t> starts{0};
    std::vector<const frame<P>*> seen{phys.head(pages[0])};
    const std::uint64_t size = seen[0]->pages();
    if (size == 1) return {};
    for (std::size_t i = 1; i < pages.size(); ++i) {
        const frame<P>* head = phys.head(pages[i]);
        const std::uint64_t place = phys.index_in_folio(pages[i]);
        const std::uint64_t before = phys.index_in_folio(pages[i - 1]);
        if (head == seen.back()) {
            if (place != before + 1) return {};
            continue;
        }
        if (before + 1 != size || head->pages() != size || place != 0) return {};
        starts.push_back(i);
        seen.push_back(head);
    }
    std::sort(seen.begin(), seen.end());
    if (std::adjacent_find(seen.begin(), seen.end()) != seen.end()) return {};
    return starts;
}

}  // namespace detail

/// The one buffer of one ring. Results: 0 or a negative errno.
template <class P>
class io_buffer {
public:
    static constexpr std::uint64_t largest = std::uint64_t{1} << 30;

    explicit io_buffer(physical<P>& phys) : phys_(phys) {}
    io_buffer(const io_buffer&) = delete;
    io_buffer& operator=(const io_buffer&) = delete;
    ~io_buffer() { (void)unregister(); }

    /// Effects: pins [a, a + len), rounded to pages, through the fast entry of `gup` (a task), all or nothing.
    template <class Gup>
    [[nodiscard]] int register_buffer(Gup& gup, vaddr a, std::uint64_t len) {
        if (!held_.empty()) return -err::ebusy;
        if (a == 0 || len == 0 || len > largest) return -err::efault;
        if (a + len < a) return -err::eoverflow;
        const vaddr start = align_down(a, page_size);
        const std::uint64_t nr = (align_up(a + len, page_size) - start) >> page_shift;
        std::vector<frame<P>*> pages(nr);
        const long got = pin(gup, start, static_cast<std::int64_t>(nr), pages);
        if (got < 0) return static_cast<int>(got);
        pages.resize(static_cast<std::size_t>(got));
        if (pages.size() != nr) {
            unpin_array<P>(phys_, pages, false);
            return -err::efault;
        }
        held_ = std::move(pages);
        if constexpr (P::buffers_coalesce)
            if (nr > 1) coalesce();
        return 0;
    }
    [[nodiscard]] int unregister() {
        if (held_.empty()) return -err::enxio;
        unpin_array<P>(phys_, held_, false);
        held_.clear();
        return 0;
    }
    /// Pins that are still held, as pages.
    [[nodiscard]] const std::vector<frame<P>*>& held() const noexcept { return held_; }

private:
    template <class Gup>
    static long pin(Gup& gup, vaddr start, std::int64_t nr, std::vector<frame<P>*>& pages) {
        if constexpr (requires { gup.pin_longterm_pages_fast(start, nr, foll::write, pages); })
            return gup.pin_longterm_pages_fast(start, nr, foll::write, pages);
        else
            return gup.pin_user_pages_fast(start, nr, foll::write | foll::longterm, pages);
    }
    void coalesce() {
        const std::vector<std::size_t> starts = detail::whole_folios(phys_, held_);
        if (starts.empty()) return;
        std::vector<frame<P>*> kept;
        for (std::size_t i = 0; i < starts.size(); ++i) {
            const std::size_t end = i + 1 < starts.size() ? starts[i + 1] : held_.size();
            kept.push_back(held_[starts[i]]);
            if (end - starts[i] > 1) unpin_pages(phys_, held_[starts[i]], end - starts[i] - 1);
        }
        held_ = std::move(kept);
    }

    physical<P>& phys_;
    std::vector<frame<P>*> held_;
};

}  // namespace pinfold::mm
