// SPDX-License-Identifier: BSL-1.0
// System calls on files and on what is cached of them.
#include "ops.hpp"

namespace scenario {

namespace {

/// A node of a device: mapping it is what it is for, and calls on it do not concern the MM.
template <class P>
bool is_device_node(call<P>& c) {
    const std::string& kind = c.file(0).kind;
    return kind == "devzero" || kind == "devmem" || kind == "pfn" || kind == "pfninsert" || kind == "pfnio";
}
/// What read and write of one byte answer on such a node; /dev/mem has the bytes of a machine, which nobody knows here.
template <class P>
answer byte_of_node(call<P>& c) {
    if (c.file(0).kind == "devmem") throw malformed{"what /dev/mem reads and writes is not modelled"};
    return c.file(0).kind == "devzero" ? done(1) : fails("EINVAL");
}

template <class P>
mm::file& object(call<P>& c, std::size_t i) {
    open_file& f = c.file(i);
    if (!f.object) throw malformed{"'" + c.word(i) + "' is no file that can be used so"};
    return *f.object;
}

template <class P>
answer ftruncate(call<P>& c) {
    if (is_device_node(c)) return fails("EINVAL");
    return result_of(c.world.box.truncate(object(c, 0), c.number(1)));
}

template <class P>
answer fallocate(call<P>& c) {
    constexpr std::pair<std::string_view, mm::file_change> modes[] = {{"punch", mm::file_change::punch},
                                                                      {"zero", mm::file_change::zero},
                                                                      {"collapse", mm::file_change::collapse},
                                                                      {"alloc", mm::file_change::alloc}};
    for (const auto& [name, mode] : modes)
        if (c.word(1) == name) {
            if (is_device_node(c)) return fails("ENODEV");
            return result_of(c.world.box.fallocate(object(c, 0), mode, c.number(2), c.number(3)));
        }
    throw malformed{"'" + c.word(1) + "' is no way to change a file"};
}

template <class P>
answer fsync(call<P>& c) {
    if (is_device_node(c)) return fails("EINVAL");
    return result_of(c.world.box.fsync(object(c, 0)));
}

template <class P>
answer msync(call<P>& c) {
    constexpr std::pair<std::string_view, mm::sync_mode> modes[] = {
        {"sync", mm::sync_mode::sync}, {"async", mm::sync_mode::async}, {"invalidate", mm::sync_mode::invalidate}};
    for (const auto& [name, mode] : modes)
        if (c.word(2) == name) return result_of(c.self.task->msync(c.address(0), c.number(1), mode));
    throw malformed{"'" + c.word(2) + "' is no way to synchronise"};
}

template <class P>
answer fadvise(call<P>& c) {
    if (is_device_node(c) && (c.word(1) == "dontneed" || c.word(1) == "random")) return done();
    if (c.word(1) == "dontneed") return result_of(c.world.box.fadvise(object(c, 0), mm::file_advice::dontneed));
    if (c.word(1) == "random") return result_of(c.world.box.fadvise(object(c, 0), mm::file_advice::random));
    throw malformed{"'" + c.word(1) + "' is no advice for files"};
}

template <class P>
answer dropcaches(call<P>& c) {
    c.world.box.drop_caches();
    return done();
}

template <class P>
answer dio_read(call<P>& c) {
    return result_of(c.self.task->direct_read(object(c, 0), c.number(1), c.address(2), c.number(3)));
}
template <class P>
answer dio_write(call<P>& c) {
    return result_of(c.self.task->direct_write(object(c, 0), c.number(1), c.address(2), c.number(3)));
}

template <class P>
answer mincore(call<P>& c) {
    return result_of(c.self.task->mincore(c.address(0), c.number(1)));
}

template <class P>
answer pread(call<P>& c) {
    if (is_device_node(c)) return c.file(0).kind == "devzero" ? byte_of_node(c).with("val", std::int64_t{0}) : byte_of_node(c);
    const int byte = c.world.box.pread(object(c, 0), c.number(1));
    if (byte < mm::end_of_file) return result_of(byte);
    return byte == mm::end_of_file ? done() : done(1).with("val", std::int64_t{byte});
}

template <class P>
answer pwrite(call<P>& c) {
    if (is_device_node(c)) return byte_of_node(c);
    const int error = c.world.box.pwrite(object(c, 0), c.number(1), static_cast<unsigned char>(c.number(2)));
    return error < 0 ? result_of(error) : done(1);
}

template <class P>
answer close(call<P>& c) {
    open_file& f = c.file(0);
    if (c.world.close(f, c.self.name)) c.world.files.erase(c.world.files.find(c.word(0)));
    return done();
}

}  // namespace

template <class P>
void add_file_call_ops(op_table<P>& t) {
    t.add("ftruncate", &ftruncate<P>);
    t.add("fallocate", &fallocate<P>);
    t.add("fsync", &fsync<P>);
    t.add("pread", &pread<P>);
    t.add("pwrite", &pwrite<P>);
    t.add("msync", &msync<P>);
    t.add("fadvise", &fadvise<P>);
    t.add("dropcaches", &dropcaches<P>);
    t.add("dio_read", &dio_read<P>);
    t.add("dio_write", &dio_write<P>);
    t.add("mincore", &mincore<P>);
    t.add("close", &close<P>);
}
template void add_file_call_ops(op_table<linux_6_12>&);
template void add_file_call_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
