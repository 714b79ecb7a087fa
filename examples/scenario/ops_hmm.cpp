// SPDX-License-Identifier: BSL-1.0
// A device with private memory: pages go to it and come back.
#include "ops.hpp"

namespace scenario {

namespace {

template <class P>
struct private_device final : family_part {
    static constexpr std::uint64_t size = std::uint64_t{64} << 20;
    explicit private_device(world<P>& w) : memory(w.box.create_device_memory(mm::device_type::private_memory, size)) {}
    mm::device_memory<P>& memory;
};

/// All pages of the range are on the device afterwards, or the call fails; those that could move did.
template <class P>
answer hmm(call<P>& c) {
    const mm::vaddr a = c.address(0);
    const std::uint64_t n = c.number(1);
    auto& device = c.world.template part<private_device<P>>().memory;
    if (c.word(2) == "tosys") {
        const long came = device.give_back(c.self.task->mm(), a, n);
        return came < 0 ? result_of(came) : done().with("cpages", std::int64_t{came});
    }
    if (c.word(2) != "todev") throw malformed{"pages go todev or tosys"};
    const long there = device.take_over(c.self.task->mm(), a, n);
    if (there < 0) return result_of(there);
    if (static_cast<std::uint64_t>(there) != n) return fails("ENOENT");
    return done().with("cpages", std::int64_t{there});
}

}  // namespace

template <class P>
void add_hmm_ops(op_table<P>& t) {
    t.provide("hmm");
    t.add("hmm", &hmm<P>);
}
template void add_hmm_ops(op_table<linux_6_12>&);
template void add_hmm_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
