// SPDX-License-Identifier: BSL-1.0
// The one buffer an actor may have registered with its I/O ring.
#include "ops.hpp"

namespace scenario {

namespace {

/// Rings that are still there at the end of the scenario.
template <class P>
struct rings final : family_part {
    explicit rings(scenario::world<P>& w) : all(w) {}
    void clean_up() override {
        for (auto& [name, who] : all.actors)
            if (who.task) (void)who.task->unregister_buffer();
    }
    scenario::world<P>& all;
};

template <class P>
answer iobuf(call<P>& c) {
    (void)c.world.template part<rings<P>>();
    return result_of(c.self.task->register_buffer(c.address(0), c.number(1)));
}
template <class P>
answer iobuf_unreg(call<P>& c) {
    return result_of(c.self.task->unregister_buffer());
}

}  // namespace

template <class P>
void add_iouring_ops(op_table<P>& t) {
    t.add("iobuf", &iobuf<P>);
    t.add("iobuf_unreg", &iobuf_unreg<P>);
}
template void add_iouring_ops(op_table<linux_6_12>&);
template void add_iouring_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
