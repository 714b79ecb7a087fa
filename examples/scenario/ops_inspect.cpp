// SPDX-License-Identifier: BSL-1.0
// Looking: inspect, pinspect, vmstat, mmstat.
#include "ops.hpp"
#include "view.hpp"

namespace scenario {

namespace {

template <class P>
answer inspect(call<P>& c) {
    const std::uint64_t a = c.address(0), n = c.number(1), step = c.option_number("step", 1);
    std::vector<page_object> pages;
    for (std::uint64_t j = 0; j < n; ++j) {
        const std::uint64_t at = j * step;
        pages.push_back(view_of(c.world, static_cast<std::int64_t>(at), c.self.task->inspect(a + (at << mm::page_shift))));
    }
    return done(static_cast<std::int64_t>(n)).with("pages", std::move(pages));
}

template <class P>
answer pinspect(call<P>& c) {
    const auto& h = c.target(0);
    const std::uint64_t first = c.option_number("first", 0), n = c.option_number("n", 1);
    const std::uint64_t step = c.option_number("step", 1);
    for (std::uint64_t j = 0; j < n; ++j)
        if (!h.holds(first + j * step, 1)) return fails("EBADSLT");
    std::vector<page_object> pages;
    for (std::uint64_t j = 0; j < n; ++j) {
        const std::uint64_t at = first + j * step;
        pages.push_back(view_of(c.world, static_cast<std::int64_t>(at), c.world.box.state_of(h.pages[at])));
    }
    return done(static_cast<std::int64_t>(n)).with("pages", std::move(pages));
}

template <class P>
answer vmstat(call<P>& c) {
    const mm::pin_counters now = c.world.box.counters();
    return done().with("acq", now.acquired).with("rel", now.released);
}

template <class P>
answer mmstat(call<P>& c) {
    return done().with("has_pinned", std::int64_t{c.self.task->has_pinned()}).with("swap", c.self.task->mm().swap_entries.load() - c.self.swapped_before);
}

}  // namespace

template <class P>
void add_inspect_ops(op_table<P>& t) {
    t.add("inspect", &inspect<P>);
    t.add("pinspect", &pinspect<P>);
    t.add("vmstat", &vmstat<P>);
    t.add("mmstat", &mmstat<P>);
}
template void add_inspect_ops(op_table<linux_6_12>&);
template void add_inspect_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
