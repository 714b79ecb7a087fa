// SPDX-License-Identifier: BSL-1.0
// unpin, put, addpin, and the device behind a pin: what is done with a handle.
#include <algorithm>

#include "ops.hpp"

namespace scenario {

namespace {

template <class P>
using pages_of = std::span<mm::frame<P>* const>;

/// Returns: whether the pages are one piece of one folio.
template <class P>
bool is_one_range(mm::physical<P>& phys, pages_of<P> pages) {
    for (std::size_t i = 1; i < pages.size(); ++i)
        if (phys.head(pages[i]) != phys.head(pages[0]) || pages[i] != phys.nth(pages[0], i)) return false;
    return true;
}
template <class P>
bool is_one_folio(mm::physical<P>& phys, pages_of<P> pages) {
    return std::all_of(pages.begin(), pages.end(), [&](auto* p) { return phys.head(p) == phys.head(pages[0]); });
}

/// Effects: one release call over `pages`. Returns: false when this way of releasing does not fit them.
template <class P>
bool release_pins(mm::task<P>& t, pages_of<P> pages, std::string_view how) {
    if (how == "pages") t.unpin_user_pages(pages);
    else if (how == "dirty" || how == "clean") t.unpin_user_pages_dirty_lock(pages, how == "dirty");
    else if (how == "one")
        for (auto* p : pages) t.unpin_user_page(p);
    else if (how == "folio" || how == "folios")
        for (auto* p : pages) t.unpin_folio(p);
    else if (how == "userfolio") {
        if (!is_one_folio(t.phys(), pages)) return false;
        t.unpin_user_folio(pages[0], pages.size());
    } else if (how == "range" || how == "rangedirty") {
        if (!is_one_range(t.phys(), pages)) return false;
        t.unpin_user_page_range_dirty_lock(pages[0], pages.size(), how == "rangedirty");
    } else throw malformed{"no way of releasing pins is named '" + std::string(how) + "'"};
    return true;
}

template <class P>
bool release_references(mm::task<P>& t, pages_of<P> pages, std::string_view how) {
    if (how == "put") t.put_pages(pages);
    else if (how == "dirty") mm::put_array(t.phys(), pages, true);
    else throw malformed{"no way of putting references is named '" + std::string(how) + "'"};
    return true;
}

template <class P, bool Pins>
answer release_call(call<P>& c) {
    const std::size_t first = c.option_number("first", 0);
    const auto count = c.option("count");
    const std::size_t n = count ? number_in(*count) : 0;
    const std::string_view how = c.option("how").value_or(Pins ? "pages" : "put");
    auto& h = c.target(0);
    if (h.empty() || h.pins != Pins || first >= h.pages.size()) return fails("EBADSLT");
    if (count && !h.holds(first, n)) return fails("EBADSLT");

    const std::size_t end = count ? first + n : h.pages.size();
    std::int64_t released = 0;
    for (std::size_t i = first; i < end && !h.empty();) {
        std::size_t run = i;
        while (run < end && h.pages[run]) ++run;
        if (run == i) {
            ++i;
            continue;
        }
        const pages_of<P> pages(h.pages.data() + i, run - i);
        const bool fits = Pins ? release_pins<P>(*c.self.task, pages, how) : release_references<P>(*c.self.task, pages, how);
        if (!fits) return fails("ENOTUNIQ");
        released += static_cast<std::int64_t>(run - i);
        h.released(i, run - i);
        i = run;
    }
    return released == 0 && !count ? fails("EBADSLT") : done(released);
}

template <class P>
answer addpin(call<P>& c) {
    auto& h = c.target(0);
    if (h.empty() || !h.pins) return fails("EBADSLT");
    const auto held = h.pages;
    for (auto* p : held)
        if (p) {
            c.self.task->folio_add_pin(p);
            h.pages.push_back(p);
        }
    return done(static_cast<std::int64_t>(h.pages.size()));
}

template <class P>
answer dma_write(call<P>& c) {
    const auto& h = c.target(0);
    const std::uint64_t i = c.number(1), offset = c.number(2), value = c.number(3);
    if (!h.holds(i, 1)) return fails("EBADSLT");
    if (offset >= mm::page_size) return fails("EINVAL");
    c.world.box.dma_write(h.pages[i], offset, static_cast<unsigned char>(value));
    return done();
}

template <class P>
answer dma_read(call<P>& c) {
    const auto& h = c.target(0);
    const std::uint64_t i = c.number(1), offset = c.number(2);
    if (!h.holds(i, 1)) return fails("EBADSLT");
    if (offset >= mm::page_size) return fails("EINVAL");
    return done().with("val", std::int64_t{c.world.box.dma_read(h.pages[i], offset)});
}

}  // namespace

template <class P>
void add_release_ops(op_table<P>& t) {
    t.add("unpin", &release_call<P, true>);
    t.add("put", &release_call<P, false>);
    t.add("addpin", &addpin<P>);
    t.add("dma_write", &dma_write<P>);
    t.add("dma_read", &dma_read<P>);
}
template void add_release_ops(op_table<linux_6_12>&);
template void add_release_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
