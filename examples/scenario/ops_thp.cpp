// SPDX-License-Identifier: BSL-1.0
// Huge pages as a whole: split.
#include "ops.hpp"

namespace scenario {

namespace {

template <class P>
answer split(call<P>& c) {
    const mm::vaddr a = c.address(0);
    (void)mm::split_range(c.self.task->mm(), a, a + c.number(1));
    return done();
}

}  // namespace

template <class P>
void add_thp_ops(op_table<P>& t) {
    t.add("split", &split<P>);
}
template void add_thp_ops(op_table<linux_6_12>&);
template void add_thp_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
