// SPDX-License-Identifier: BSL-1.0
// Where pages stand: memory policy, and moving pages on request.
#include "ops.hpp"

namespace scenario {

namespace {

template <class P>
answer mbind(call<P>& c) {
    return result_of(c.self.task->mbind(c.address(0), c.number(1), static_cast<unsigned>(c.number(2))));
}

/// Node 0 without movable memory; its CMA area; ZONE_MOVABLE of node 1.
mm::request place_in(std::string_view to) {
    if (to == "same" || to == "normal") return {.movable = false, .node = 0, .exact = true};
    if (to == "cma") return {.node = 0, .exact = true, .cma = true};
    if (to == "movable") return {.node = 1, .exact = true};
    throw malformed{"pages migrate to=same, cma, movable or normal"};
}

template <class P>
answer migrate(call<P>& c) {
    const mm::vaddr a = c.address(0);
    const std::uint64_t n = c.number(1);
    const mm::request where = place_in(c.option("to").value_or("same"));
    std::vector<page_name> status;
    const mm::frame<P>* before = nullptr;
    std::int64_t folios = 0;
    for (std::uint64_t k = 0; k < n; ++k) {
        const auto r = mm::migrate_page(c.self.task->mm(), a + (k << mm::page_shift), where, before);
        if (r.error != 0) status.emplace_back(r.error == -mm::err::enoent || r.error == -mm::err::einval || r.error == -mm::err::ebusy
                                                  ? errno_name(-r.error) : std::string("EAGAIN"));
        else status.emplace_back(std::string(r.same ? "same" : "moved"));
        if (r.error == 0 && !r.same) ++folios;
        before = r.moved;
    }
    return done(folios).with("status", std::move(status));
}

template <class P>
answer movepages(call<P>& c) {
    const mm::vaddr a = c.address(0);
    const std::uint64_t n = c.number(1);
    std::vector<mm::vaddr> pages;
    for (std::uint64_t k = 0; k < n; ++k) pages.push_back(a + (k << mm::page_shift));
    std::vector<int> found;
    const long r = mm::move_pages(c.self.task->mm(), pages, static_cast<unsigned>(c.option_number("node", 0)), found);
    std::vector<page_name> status;
    for (const int s : found) {
        if (s == mm::status_unset) status.emplace_back(std::string("unset"));
        else if (s < 0) status.emplace_back(errno_name(-s));
        else status.emplace_back(std::int64_t{s});
    }
    return result_of(r).with("status", std::move(status));
}

}  // namespace

template <class P>
void add_migrate_ops(op_table<P>& t) {
    t.add("mbind", &mbind<P>);
    t.add("migrate", &migrate<P>);
    t.add("movepages", &movepages<P>);
}
template void add_migrate_ops(op_table<linux_6_12>&);
template void add_migrate_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
