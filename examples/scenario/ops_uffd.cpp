// SPDX-License-Identifier: BSL-1.0
// userfaultfd: ranges whose faults another actor answers.
#include "ops.hpp"

namespace scenario {

namespace {

/// The userfaultfds of a scenario, by name. Each watches the actor that made it; others use it too.
template <class P>
struct userfaults final : family_part {
    explicit userfaults(world<P>&) {}
    void clean_up() override { all.clear(); }

    mm::userfault<P>& called(const std::string& name) {
        const auto it = all.find(name);
        if (it == all.end()) throw malformed{"no userfaultfd is called '" + name + "'"};
        return *it->second;
    }
    std::map<std::string, std::unique_ptr<mm::userfault<P>>> all;
};
template <class P>
userfaults<P>& userfaults_of(call<P>& c) {
    return c.world.template part<userfaults<P>>();
}

unsigned uffd_mode_in(std::string_view mode) {
    if (mode == "missing") return mm::uffd::missing;
    if (mode == "wp") return mm::uffd::wp;
    if (mode == "both") return mm::uffd::missing | mm::uffd::wp;
    throw malformed{"a userfaultfd watches missing, wp or both"};
}
/// The ioctls answer 0 where they did all, -EAGAIN where they did a part.
answer answer_of_fill(long bytes, std::uint64_t wanted) {
    if (bytes < 0) return result_of(bytes);
    return static_cast<std::uint64_t>(bytes) == wanted ? done() : fails("EAGAIN");
}

template <class P>
answer uffd_watch(call<P>& c) {
    const mm::vaddr a = c.address(1);
    const std::uint64_t length = c.number(2);
    const unsigned modes = uffd_mode_in(c.word(3));
    auto& u = userfaults_of(c).all[c.word(0)];
    if (!u) u = std::make_unique<mm::userfault<P>>(c.self.task->mm());
    return result_of(u->watch(a, length, modes));
}
template <class P>
answer uffd_copy(call<P>& c) {
    auto& u = userfaults_of(c).called(c.word(0));
    const mm::vaddr a = c.address(1);
    const std::vector<unsigned char> page(mm::page_size, static_cast<unsigned char>(c.number(2)));
    return answer_of_fill(u.copy(a, page.data(), mm::page_size), mm::page_size);
}
template <class P>
answer uffd_zero(call<P>& c) {
    auto& u = userfaults_of(c).called(c.word(0));
    const std::uint64_t length = c.number(2);
    return answer_of_fill(u.zero(c.address(1), length), length);
}
template <class P>
answer uffd_protect(call<P>& c) {
    auto& u = userfaults_of(c).called(c.word(0));
    if (c.word(3) != "on" && c.word(3) != "off") throw malformed{"write protection is on or off"};
    return result_of(u.write_protect(c.address(1), c.number(2), c.word(3) == "on"));
}
template <class P>
answer uffd_read(call<P>& c) {
    const auto event = userfaults_of(c).called(c.word(0)).read();
    if (!event) return fails("EAGAIN");
    return done()
        .with("event", std::int64_t{mm::uffd_event::kind})
        .with("write", std::int64_t{event->write})
        .with("wp", std::int64_t{event->wp});
}

}  // namespace

template <class P>
void add_uffd_ops(op_table<P>& t) {
    t.add("uffd", &uffd_watch<P>);
    t.add("uffdcopy", &uffd_copy<P>);
    t.add("uffdzero", &uffd_zero<P>);
    t.add("uffdwp", &uffd_protect<P>);
    t.add("uffdread", &uffd_read<P>);
}
template void add_uffd_ops(op_table<linux_6_12>&);
template void add_uffd_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
