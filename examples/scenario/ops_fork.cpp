// SPDX-License-Identifier: BSL-1.0
// Address spaces that come from others: fork, mremap; and what KSM makes of all of them: ksmrun.
#include "ops.hpp"

namespace scenario {

namespace {

template <class P>
answer fork(call<P>& c) {
    const std::string& name = c.word(0);
    const mm::result<mm::task<P>*> child = c.world.box.fork(*c.self.task);
    if (!child) return result_of(child.error);
    c.world.add_actor(name, **child);
    for (auto& [file_name, f] : c.world.files)
        if (f.open_in.count(c.self.name) != 0) f.open_in.insert(name);
    return done();
}

template <class P>
answer mremap(call<P>& c) {
    const mm::vaddr a = c.address(0);
    mm::remapping r;
    r.old_length = c.number(1);
    r.new_length = c.number(2);
    r.keep_old = c.has("dontunmap");
    if (const auto name = c.option("as")) r.to = c.world.regions.bind_fresh(std::string(*name), 0);
    return result_of(c.self.task->mremap(a, r).error);
}

template <class P>
answer ksmrun(call<P>& c) {
    c.world.box.ksm().run(4);
    return done();
}

}  // namespace

template <class P>
void add_fork_ops(op_table<P>& t) {
    t.add("fork", &fork<P>);
    t.add("mremap", &mremap<P>);
    t.add("ksmrun", &ksmrun<P>);
}
template void add_fork_ops(op_table<linux_6_12>&);
template void add_fork_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
