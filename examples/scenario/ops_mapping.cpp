// SPDX-License-Identifier: BSL-1.0
// Address spaces: mappings made and changed, and the accesses of the CPU.
#include "ops.hpp"

namespace scenario {

namespace {

unsigned protection_in(std::string_view letters) {
    unsigned p = mm::prot::none;
    if (letters == "none") return p;
    for (const char c : letters) {
        if (c == 'r') p |= mm::prot::read;
        else if (c == 'w') p |= mm::prot::write;
        else if (c == 'x') p |= mm::prot::exec;
        else throw malformed{"'" + std::string(letters) + "' is no protection"};
    }
    return p;
}

template <class P>
answer mmap(call<P>& c) {
    const std::string& name = c.word(0);
    const std::uint64_t length = c.number(1);
    mm::mapping m;
    m.prot = protection_in(c.option("prot").value_or("rw"));
    m.shared = c.has("shared") || c.has("sharedval");
    m.offset = c.option_number("off", 0);
    m.replace = c.has("fixed");
    m.populate = c.has("populate");
    m.noreserve = c.has("noreserve");
    m.locked = c.has("locked");
    m.growsdown = c.has("growsdown");
    m.sync = c.has("sync");
    const auto at = c.option("at");
    m.at = at ? c.world.regions.bind(name, c.world.regions.address(*at))
              : c.world.regions.bind_fresh(name, c.option_number("skew", 0));
    if (const auto size = c.option("huge")) m.huge_order = huge_order_in(*size);

    const auto source = c.option("src");
    if (!source || *source == "anon") return result_of(c.self.task->mmap(length, m).error);
    open_file& f = c.file_called(*source);
    const file_kind<P>* kind = c.table.find_file_kind(f.kind);
    if (!kind) return fails("ENOSYS");
    if (kind->map) return result_of(kind->map(c, f, length, m).error);
    m.source = f.object;
    m.kind = mm::map_kind::file;
    return result_of(c.self.task->mmap(length, m).error);
}

template <class P>
answer munmap(call<P>& c) {
    return result_of(c.self.task->munmap(c.address(0), c.number(1)));
}
template <class P>
answer mprotect(call<P>& c) {
    return result_of(c.self.task->mprotect(c.address(0), c.number(1), protection_in(c.word(2))));
}
template <class P>
answer mlock(call<P>& c) {
    return result_of(c.self.task->mlock(c.address(0), c.number(1)));
}
template <class P>
answer munlock(call<P>& c) {
    return result_of(c.self.task->munlock(c.address(0), c.number(1)));
}

template <class P>
answer madvise(call<P>& c) {
    constexpr std::pair<std::string_view, mm::advice> known[] = {
        {"HUGEPAGE", mm::advice::hugepage},           {"NOHUGEPAGE", mm::advice::nohugepage},
        {"DONTNEED", mm::advice::dontneed},           {"POPULATE_READ", mm::advice::populate_read},
        {"POPULATE_WRITE", mm::advice::populate_write}, {"DONTFORK", mm::advice::dontfork},
        {"DOFORK", mm::advice::dofork},               {"COLD", mm::advice::cold},
        {"PAGEOUT", mm::advice::pageout},             {"FREE", mm::advice::free},
        {"MERGEABLE", mm::advice::mergeable},         {"UNMERGEABLE", mm::advice::unmergeable},
        {"WIPEONFORK", mm::advice::wipeonfork},       {"KEEPONFORK", mm::advice::keeponfork},
        {"REMOVE", mm::advice::remove},               {"COLLAPSE", mm::advice::collapse},
        {"NORMAL", mm::advice::normal},               {"DONTNEED_LOCKED", mm::advice::dontneed_locked},
        {"DONTDUMP", mm::advice::dontdump},           {"DODUMP", mm::advice::dodump},
        {"RANDOM", mm::advice::random},               {"SEQUENTIAL", mm::advice::sequential},
        {"WILLNEED", mm::advice::willneed},
    };
    for (const auto& [name, advice] : known)
        if (c.word(2) == name) return result_of(c.self.task->madvise(c.address(0), c.number(1), advice));
    return fails("EINVAL");  // as for a number madvise does not know
}

/// What a process that made this access would get; empty: nothing happened to it.
const char* signal_of(mm::fault_result r) noexcept {
    switch (r) {
        case mm::fault_result::ok: return "";
        case mm::fault_result::sigsegv: return "SIGSEGV";
        case mm::fault_result::oom: return "EDIED";
        default: return "SIGBUS";
    }
}

template <class P>
answer touch(call<P>& c) {
    constexpr unsigned char mark = 0x11;
    const mm::vaddr a = c.address(0);
    const std::uint64_t length = c.number(1), step = c.option_number("step", mm::page_size);
    if (c.word(2) != "r" && c.word(2) != "w") throw malformed{"an access is r or w"};
    if (step == 0) throw malformed{"step=0 never ends"};
    std::int64_t made = 0;
    for (std::uint64_t at = 0; at < length; at += step, ++made) {
        const auto r = c.word(2) == "w" ? c.self.task->store(a + at, mark) : c.self.task->load(a + at).fault;
        if (r != mm::fault_result::ok) return fails(signal_of(r), made);
    }
    return done(made);
}

template <class P>
answer store(call<P>& c) {
    const auto r = c.self.task->store(c.address(0), static_cast<unsigned char>(c.number(1)));
    return r == mm::fault_result::ok ? done() : fails(signal_of(r));
}
template <class P>
answer load(call<P>& c) {
    const auto l = c.self.task->load(c.address(0));
    if (l.fault != mm::fault_result::ok) return fails(signal_of(l.fault));
    return done().with("val", std::int64_t{l.value});
}

}  // namespace

template <class P>
void add_mapping_ops(op_table<P>& t) {
    t.add("mmap", &mmap<P>);
    t.add("munmap", &munmap<P>);
    t.add("mprotect", &mprotect<P>);
    t.add("mlock", &mlock<P>);
    t.add("munlock", &munlock<P>);
    t.add("madvise", &madvise<P>);
    t.add("touch", &touch<P>);
    t.add("store", &store<P>);
    t.add("load", &load<P>);
}
template void add_mapping_ops(op_table<linux_6_12>&);
template void add_mapping_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
