// SPDX-License-Identifier: BSL-1.0
// Huge pages: their pools, their files, and memfd_pin_folios.
#include <algorithm>

#include "ops.hpp"

namespace scenario {

namespace {

template <class P>
auto& pool_of(call<P>& c) {
    return *c.world.box.phys().hugetlb.of(huge_order_in(c.word(0)));
}

template <class P>
answer hugepool(call<P>& c) {
    auto& pool = pool_of(c);
    return done().with("nr", pool.resize(static_cast<std::int64_t>(c.number(1))));
}
template <class P>
answer overcommit(call<P>& c) {
    return pool_of(c).set_overcommit(static_cast<std::int64_t>(c.number(1))) ? done() : fails("EINVAL");
}
template <class P>
answer poolstat(call<P>& c) {
    const mm::pool_state s = pool_of(c).state();
    return done().with("nr", s.pages).with("free", s.free).with("resv", s.reserved).with("surplus", s.surplus);
}

template <class P, unsigned Order>
answer create_huge(call<P>& c, open_file& f) {
    f.object = &c.world.box.create_huge_file(c.option_number("size", 0), Order);
    return done();
}

template <class P>
answer pinfd(call<P>& c) {
    auto& h = c.target(0);
    mm::file* f = c.file(1).object;
    const std::uint64_t start = c.number(2), end = c.number(3), max = c.option_number("max", 64);
    if (!h.empty() || !f) return fails("EBADSLT");
    if constexpr (requires { c.self.task->memfd_pin_folios(*f, start, end, h.pages, nullptr); }) {
        std::vector<mm::frame<P>*> folios(static_cast<std::size_t>(std::min(max, (f->size >> mm::page_shift) + 1)));
        std::uint64_t offset = 0;
        const long n = c.self.task->memfd_pin_folios(*f, start, end, folios, &offset);
        if (n < 0) return result_of(n);
        h.pins = true;
        h.pages.assign(folios.begin(), folios.begin() + n);
        std::vector<page_name> names;
        for (std::size_t i = 0; i < h.pages.size() && i < 8; ++i) names.push_back(c.world.name_of(h.pages[i]));
        return done(n).with("off", static_cast<std::int64_t>(offset)).with("pages", std::move(names));
    } else {
        return fails("EOPNOTSUPP");
    }
}

}  // namespace

unsigned huge_order_in(std::string_view size) {
    if (size == "2m") return mm::pmd_order;
    if (size == "1g") return mm::pud_order;
    throw malformed{"huge pages are 2m or 1g"};
}

template <class P>
void add_hugetlb_ops(op_table<P>& t) {
    t.add("hugepool", &hugepool<P>);
    t.add("overcommit", &overcommit<P>);
    t.add("poolstat", &poolstat<P>);
    t.add("pinfd", &pinfd<P>);
    t.add_file_kind("huge2m", {&create_huge<P, mm::pmd_order>});
    t.add_file_kind("huge1g", {&create_huge<P, mm::pud_order>});
}
template void add_hugetlb_ops(op_table<linux_6_12>&);
template void add_hugetlb_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
