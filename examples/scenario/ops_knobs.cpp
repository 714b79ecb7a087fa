// SPDX-License-Identifier: BSL-1.0
// The knobs of the machine: thp, thpzero, thpshmem, mthp.
#include "ops.hpp"

namespace scenario {

namespace {

/// What the machine's setting or that of 2 MiB pages says; they are one here.
template <class P>
answer set_thp(call<P>& c, const std::string& mode) {
    auto& phys = c.world.box.phys();
    if (mode == "always") phys.thp = mm::thp_mode::always;
    else if (mode == "madvise") phys.thp = mm::thp_mode::madvise;
    else if (mode == "never") phys.thp = mm::thp_mode::never;
    else return fails("EINVAL");
    return done();
}

template <class P>
answer thp(call<P>& c) {
    return set_thp(c, c.word(0));
}

template <class P>
answer thpzero(call<P>& c) {
    const std::uint64_t on = c.number(0);
    if (on > 1) return fails("EINVAL");
    c.world.box.phys().use_huge_zero = on != 0;
    return done();
}

template <class P>
answer thpshmem(call<P>& c) {
    constexpr std::pair<std::string_view, mm::shmem_thp_mode> modes[] = {
        {"never", mm::shmem_thp_mode::never},   {"advise", mm::shmem_thp_mode::advise}, {"within_size", mm::shmem_thp_mode::within_size},
        {"always", mm::shmem_thp_mode::always}, {"deny", mm::shmem_thp_mode::deny},     {"force", mm::shmem_thp_mode::force}};
    for (const auto& [name, mode] : modes)
        if (c.word(0) == name) return c.world.box.phys().shmem_thp = mode, done();
    return fails("EINVAL");
}

template <class P>
answer mthp(call<P>& c) {
    constexpr std::pair<std::string_view, mm::thp_mode> modes[] = {{"never", mm::thp_mode::never},
                                                                   {"madvise", mm::thp_mode::madvise},
                                                                   {"always", mm::thp_mode::always},
                                                                   {"inherit", mm::thp_mode::inherit}};
    const std::uint64_t size = c.number(0);
    for (unsigned order = 2; order < mm::pmd_order; ++order) {
        if (size != mm::page_size << order) continue;
        for (const auto& [name, mode] : modes)
            if (c.word(1) == name) return c.world.box.phys().small_thp[order] = mode, done();
        return fails("EINVAL");
    }
    if (size != mm::pmd_size) return fails("ENOENT");
    return c.word(1) == "inherit" ? done() : set_thp(c, c.word(1));
}

}  // namespace

template <class P>
void add_knob_ops(op_table<P>& t) {
    t.add("thp", &thp<P>);
    t.add("thpzero", &thpzero<P>);
    t.add("thpshmem", &thpshmem<P>);
    t.add("mthp", &mthp<P>);
}
template void add_knob_ops(op_table<linux_6_12>&);
template void add_knob_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
