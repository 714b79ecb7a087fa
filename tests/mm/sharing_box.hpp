// SPDX-License-Identifier: BSL-1.0
// What the tests of shared and reclaimed memory have in common: a world with children.
#pragma once

#include <algorithm>

#include "box.hpp"

namespace mmt {

inline constexpr vaddr one = mm::page_size;

template <class P>
struct family : world<P> {
    using world<P>::world;

    mm::task<P>& fork() { return fork(this->t); }
    mm::task<P>& fork(mm::task<P>& parent) {
        const auto r = this->box.fork(parent);
        REQUIRE(r.error == 0);
        return **r;
    }
    vaddr written(std::uint64_t n, unsigned char value = 1) {
        const vaddr a = this->map(n << mm::page_shift);
        for (std::uint64_t i = 0; i < n; ++i) put_byte(this->t, a + (i << mm::page_shift), value);
        return a;
    }
    void put_byte(mm::task<P>& who, vaddr a, unsigned char value) {
        REQUIRE(who.store(a, value) == mm::fault_result::ok);
    }
    int byte(mm::task<P>& who, vaddr a) {
        const auto l = who.load(a);
        REQUIRE(l.fault == mm::fault_result::ok);
        return l.value;
    }
    int seen_by_device(std::size_t i = 0, std::uint64_t offset = 0) { return this->box.dma_read(this->pages[i], offset); }
    int page_out(vaddr a, std::uint64_t n = 1) { return this->t.madvise(a, n << mm::page_shift, mm::advice::pageout); }
    mm::entry_kind map_of(vaddr a) { return this->t.inspect(a).map; }
    bool swapped_exclusive(vaddr a) {
        const auto o = this->t.inspect(a);
        REQUIRE(o.map == mm::entry_kind::swap);
        return o.raw.has(mm::eb::exclusive);
    }
};

/// What a page shows in the profile that has exclusive marks, and in the one that has not.
template <class P>
std::string marks(const char* with_marks) {
    std::string s = with_marks;
    if (is_2019<P>) s.erase(std::remove(s.begin(), s.end(), 'X'), s.end());
    return s;
}

}  // namespace mmt
