// SPDX-License-Identifier: BSL-1.0
// System calls on files: ftruncate, fallocate, fsync, msync, pread, pwrite, close.
#include "ops.hpp"

namespace scenario {

namespace {

template <class P>
mm::file& object(call<P>& c, std::size_t i) {
    open_file& f = c.file(i);
    if (!f.object) throw malformed{"'" + c.word(i) + "' is no file that can be used so"};
    return *f.object;
}

template <class P>
answer ftruncate(call<P>& c) {
    return result_of(c.world.box.truncate(object(c, 0), c.number(1)));
}

template <class P>
answer fallocate(call<P>& c) {
    constexpr std::pair<std::string_view, mm::file_change> modes[] = {{"punch", mm::file_change::punch},
                                                                      {"zero", mm::file_change::zero},
                                                                      {"collapse", mm::file_change::collapse},
                                                                      {"alloc", mm::file_change::alloc}};
    for (const auto& [name, mode] : modes)
        if (c.word(1) == name) return result_of(c.world.box.fallocate(object(c, 0), mode, c.number(2), c.number(3)));
    throw malformed{"'" + c.word(1) + "' is no way to change a file"};
}

template <class P>
answer fsync(call<P>& c) {
    return result_of(c.world.box.fsync(object(c, 0)));
}

template <class P>
answer pread(call<P>& c) {
    const int byte = c.world.box.pread(object(c, 0), c.number(1));
    if (byte < mm::end_of_file) return result_of(byte);
    return byte == mm::end_of_file ? done() : done(1).with("val", std::int64_t{byte});
}

template <class P>
answer pwrite(call<P>& c) {
    const int error = c.world.box.pwrite(object(c, 0), c.number(1), static_cast<unsigned char>(c.number(2)));
    return error < 0 ? result_of(error) : done(1);
}

template <class P>
answer close(call<P>& c) {
    open_file& f = c.file(0);
    if (f.object) c.world.box.close(*f.object);
    c.world.files.erase(c.world.files.find(c.word(0)));
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
    t.add("close", &close<P>);
}
template void add_file_call_ops(op_table<linux_6_12>&);
template void add_file_call_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
