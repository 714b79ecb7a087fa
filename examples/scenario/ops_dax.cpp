// SPDX-License-Identifier: BSL-1.0
// Device memory: files on persistent memory, and a whole device.
#include "ops.hpp"

namespace scenario {

namespace {

template <class P>
answer create_dax(call<P>& c, open_file& f) {
    const mm::fill how = c.has("sparse") ? mm::fill::sparse : mm::fill::pattern;
    f.object = &c.world.box.create_file(mm::file_kind::fsdax, c.option_number("size", 0), how);
    return done();
}

/// There is one such device, however often it is opened.
template <class P>
struct whole_device final : family_part {
    static constexpr std::uint64_t size = std::uint64_t{64} << 20;
    explicit whole_device(world<P>& w) : object(w.box.create_device_file(size)) {}
    mm::file& object;
};
template <class P>
answer open_device(call<P>& c, open_file& f) {
    f.object = &c.world.template part<whole_device<P>>().object;
    return done();
}

}  // namespace

template <class P>
void add_dax_ops(op_table<P>& t) {
    t.provide("dax");
    t.provide("devdax");
    t.add_file_kind("dax", {&create_dax<P>});
    t.add_file_kind("devdax", {&open_device<P>});
}
template void add_dax_ops(op_table<linux_6_12>&);
template void add_dax_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
