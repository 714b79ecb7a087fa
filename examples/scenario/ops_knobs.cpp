// SPDX-License-Identifier: BSL-1.0
// The knobs of the machine: thp, thpzero.
#include "ops.hpp"

namespace scenario {

namespace {

template <class P>
answer thp(call<P>& c) {
    const std::string& mode = c.word(0);
    auto& phys = c.world.box.phys();
    if (mode == "always") phys.thp = mm::thp_mode::always;
    else if (mode == "madvise") phys.thp = mm::thp_mode::madvise;
    else if (mode == "never") phys.thp = mm::thp_mode::never;
    else return fails("EINVAL");
    return done();
}

template <class P>
answer thpzero(call<P>& c) {
    const std::uint64_t on = c.number(0);
    if (on > 1) return fails("EINVAL");
    c.world.box.phys().use_huge_zero = on != 0;
    return done();
}

}  // namespace

template <class P>
void add_knob_ops(op_table<P>& t) {
    t.add("thp", &thp<P>);
    t.add("thpzero", &thpzero<P>);
}
template void add_knob_ops(op_table<linux_6_12>&);
template void add_knob_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
