// SPDX-License-Identifier: BSL-1.0
// Files and their kinds: those of the page cache, and those of drivers.
#include "ops.hpp"

namespace scenario {

namespace {

template <class P>
answer file(call<P>& c) {
    open_file& f = c.world.files[c.word(0)];
    f = {nullptr, c.word(1), {c.self.name}};
    const file_kind<P>* kind = c.table.find_file_kind(f.kind);
    return kind ? kind->create(c, f) : fails("ENOSYS");
}

template <class P, mm::file_kind Kind, mm::fill Full>
answer create(call<P>& c, open_file& f) {
    const mm::fill how = c.has("sparse") ? mm::fill::sparse : Full;
    f.object = &c.world.box.create_file(Kind, c.option_number("size", 0), how);
    return done();
}

/// A driver has nothing before it is mapped.
template <class P>
answer open_driver(call<P>&, open_file&) {
    return done();
}

/// remap_pfn_range: raw memory.
template <class P>
mm::result<mm::vaddr> map_pfns(call<P>& c, open_file&, std::uint64_t length, mm::mapping m) {
    m.kind = mm::map_kind::pfnmap;
    return c.self.task->mmap(length, m);
}

/// The pages drivers have inserted: theirs until the scenario ends.
template <class P>
struct driver_pages final : family_part {
    explicit driver_pages(world<P>& w) : box(w.box) {}
    void clean_up() override {
        for (auto* p : pages) box.put_driver_page(p);
        pages.clear();
    }
    mm::machine<P>& box;
    std::vector<mm::frame<P>*> pages;
};

/// vm_insert_page for every page at once.
template <class P, bool Io>
mm::result<mm::vaddr> map_pages(call<P>& c, open_file&, std::uint64_t length, mm::mapping m) {
    m.kind = mm::map_kind::mixedmap;
    m.io = Io;
    const auto r = c.self.task->mmap(length, m);
    if (!r) return r;
    auto& pages = c.world.template part<driver_pages<P>>().pages;
    for (std::uint64_t at = 0; at < length; at += mm::page_size) {
        auto* p = c.world.box.driver_page();
        if (!p) return {0, -mm::err::enomem};
        pages.push_back(p);
        if (const int error = c.self.task->insert_page(*r + at, p)) return {0, error};
    }
    return r;
}

/// /dev/zero: anonymous memory, shared or not.
template <class P>
mm::result<mm::vaddr> map_zeros(call<P>& c, open_file&, std::uint64_t length, mm::mapping m) {
    return c.self.task->mmap(length, m);
}

}  // namespace

template <class P>
void add_file_ops(op_table<P>& t) {
    using mm::fill;
    t.add("file", &file<P>);
    t.add_file_kind("ext4", {&create<P, mm::file_kind::ext4, fill::pattern>});
    t.add_file_kind("tmpfs", {&create<P, mm::file_kind::tmpfs, fill::pattern>});
    t.add_file_kind("tmpfshuge", {&create<P, mm::file_kind::tmpfs_huge, fill::pattern>});
    t.add_file_kind("memfd", {&create<P, mm::file_kind::memfd, fill::pattern>});
    t.add_file_kind("secret", {&create<P, mm::file_kind::secret, fill::sparse>});
    t.add_file_kind("pfn", {&open_driver<P>, &map_pfns<P>});
    t.add_file_kind("devmem", {&open_driver<P>, &map_pfns<P>});
    t.add_file_kind("pfninsert", {&open_driver<P>, &map_pages<P, false>});
    t.add_file_kind("pfnio", {&open_driver<P>, &map_pages<P, true>});
    t.add_file_kind("devzero", {&open_driver<P>, &map_zeros<P>});
}
template void add_file_ops(op_table<linux_6_12>&);
template void add_file_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
