// SPDX-License-Identifier: BSL-1.0
// What every process has before its first line: a stack, and the kernel's vvar and vdso, which three other processes
// of the machine map too.
#pragma once

#include <cstdint>

#include <pinfold/mm.hpp>

#include "names.hpp"

namespace scenario {

/// Effects: `main`, empty, becomes a process that runs on `box`. Its children inherit all of it.
template <class P>
void make_process(pinfold::mm::machine<P>& box, pinfold::mm::task<P>& main) {
    namespace mm = pinfold::mm;
    constexpr std::uint64_t stack_size = 33 * mm::page_size, vvar_size = 4 * mm::page_size, vdso_size = 2 * mm::page_size;
    constexpr int other_processes = 3;
    mm::file& clock = box.create_driver_file(1, true);
    mm::file& code = box.create_driver_file(2);
    const auto map_kernel = [&](mm::task<P>& t) {
        mm::mapping m;
        m.prot = mm::prot::read;
        m.source = &clock;
        m.at = place::vvar;
        (void)t.mmap(vvar_size, m);
        m.prot |= mm::prot::exec;
        m.source = &code;
        m.at = place::vdso;
        (void)t.mmap(vdso_size, m);
    };
    for (int i = 0; i < other_processes; ++i) {
        mm::task<P>& other = box.spawn();
        map_kernel(other);
        (void)other.touch(place::vdso, false);
    }
    map_kernel(main);
    mm::mapping m;
    m.growsdown = true;
    m.at = place::stack;
    (void)main.mmap(stack_size, m);
    (void)main.touch(place::stack + stack_size - 8, true);  // its arguments
}

}  // namespace scenario
