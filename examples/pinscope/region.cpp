// SPDX-License-Identifier: BSL-1.0
#include "region.hpp"

#include <algorithm>
#include <string_view>

namespace pinscope {

const char* to_string(presence what) {
    switch (what) {
        case presence::absent: return "absent";
        case presence::anon: return "anonymous";
        case presence::anon_huge: return "anonymous huge";
        case presence::file: return "page cache";
        case presence::zero: return "zero page";
        case presence::hugetlb: return "hugetlb";
        case presence::swapped: return "swapped out";
        case presence::special: return "special";
    }
    return "?";
}

const char* to_string(backing what) {
    switch (what) {
        case backing::anonymous: return "anonymous";
        case backing::file: return "file";
        case backing::shared_memory: return "shared memory";
        case backing::hugetlb: return "hugetlb";
        case backing::device: return "device";
        case backing::gate: return "gate page";
    }
    return "?";
}

void append(std::vector<run>& runs, run more) {
    if (more.pages == 0) return;
    if (!runs.empty() && runs.back().what == more.what && runs.back().first + runs.back().pages == more.first)
        runs.back().pages += more.pages;
    else
        runs.push_back(more);
}

u64 region::present_pages() const {
    u64 sum = 0;
    for (const auto& r : runs)
        sum += is_present(r.what) ? r.pages : 0;
    return sum;
}

u64 region::pages_in(presence what) const {
    u64 sum = 0;
    for (const auto& r : runs)
        sum += r.what == what ? r.pages : 0;
    return sum;
}

bool region::has_flag(const char* flag) const { return std::find(flags.begin(), flags.end(), flag) != flags.end(); }

std::string region::permissions() const {
    return {read ? 'r' : '-', write ? 'w' : '-', execute ? 'x' : '-', shared ? 's' : 'p'};
}

backing region::backing() const {
    const auto begins = [&](std::string_view with) { return name.starts_with(with); };
    if (name == "[vsyscall]") return backing::gate;
    if (has_flag("ht") || hugetlb != 0 || begins("/anon_hugepage") || kernel_page > page_size) return backing::hugetlb;
    if (has_flag("io") || has_flag("pf") || begins("[vvar")) return backing::device;
    if (name == "[vdso]" || name == "[uprobes]")
        return backing::file;  // ordinary pages of the kernel, mapped as a file's would be
    if (inode == 0 && device_major == 0 && device_minor == 0) return backing::anonymous;
    if (begins("/dev/shm/") || begins("/memfd:") || begins("/SYSV") || name == "/dev/zero" || begins("[anon_shmem:") ||
        filesystem == "tmpfs" || filesystem == "devtmpfs")
        return backing::shared_memory;
    return backing::file;
}

std::string region::title() const {
    if (!label.empty()) return printable(label);
    auto text = name.empty() ? std::string(to_string(backing())) : printable(name);
    return deleted ? text + " (deleted)" : text;
}

u64 process::size() const {
    u64 sum = 0;
    for (const auto& r : regions)
        sum += r.size();
    return sum;
}

u64 process::present_pages() const {
    u64 sum = 0;
    for (const auto& r : regions)
        sum += r.present_pages();
    return sum;
}

}  // namespace pinscope
