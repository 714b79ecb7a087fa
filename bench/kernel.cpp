// SPDX-License-Identifier: BSL-1.0
// What the running kernel takes to pin and unpin memory for a device, for scale: io_uring registers a buffer (a write
// pin, long-term) and lets it go. The figures contain two system calls and io_uring's own tables and accounting.
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "paired.hpp"

#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#endif

namespace {

using namespace paired;

const goal reported{no_goal, no_goal, "ns per page"};

#if __has_include(<linux/io_uring.h>)

constexpr std::size_t page = 4096;
constexpr std::size_t most = 16384;  // pages: 64 MiB

std::string why() { return std::strerror(errno); }

int ring() {
    io_uring_params parameters{};
    return static_cast<int>(syscall(SYS_io_uring_setup, 1, &parameters));
}
bool pin(int fd, void* at, std::size_t pages) {
    iovec v{at, pages * page};
    return syscall(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, &v, 1) == 0;
}
bool unpin(int fd) { return syscall(SYS_io_uring_register, fd, IORING_UNREGISTER_BUFFERS, nullptr, 0) == 0; }

struct memory {
    const char* name;
    int flags;
    int advice;
    char* at = nullptr;

    bool map() {
        constexpr std::size_t large = std::size_t{2} << 20;
        void* const got = mmap(nullptr, most * page + large, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
        if (got == MAP_FAILED) return false;
        at = static_cast<char*>(got);
        at += (large - reinterpret_cast<std::uintptr_t>(at) % large) % large;
        if (advice != 0 && madvise(at, most * page, advice) != 0) return false;
        for (std::size_t i = 0; i < most; ++i) at[i * page] = 1;
        return true;
    }
};

void measure_all(int fd, const effort& how) {
    std::array<memory, 3> kinds{{{"4 KiB pages", 0, MADV_NOHUGEPAGE},
                                 {"transparent huge pages", 0, MADV_HUGEPAGE},
                                 {"hugetlb pages", MAP_HUGETLB, 0}}};
    plot("kernel", "Linux: io_uring registers and unregisters a buffer", "pages per call (N)", "ns per page");
    for (memory& m : kinds) {
        const std::string what = "the running kernel pins and unpins, " + std::string(m.name);
        if (!m.map()) {
            left_out("22", what, reported, "the system has none to give: " + why());
            continue;
        }
        if (!pin(fd, m.at, most) || !unpin(fd)) {
            left_out("22", what, reported, "io_uring does not register 64 MiB: " + why());
            continue;
        }
        for (const std::size_t n : {std::size_t{1}, std::size_t{16}, std::size_t{64}, std::size_t{512}, std::size_t{4096}, most}) {
            // Each by itself: nothing is compared within a round, and a short one is seldom disturbed.
            std::vector<candidate> one{{"N=" + std::to_string(n),
                                        [fd, &m, n](std::uint64_t pages) {
                                            for (std::uint64_t done = 0; done < pages; done += n)
                                                if (!pin(fd, m.at, n) || !unpin(fd)) std::abort();
                                        },
                                        n}};
            measure(one, how);
            point("kernel", m.name, static_cast<double>(n), one[0].ns);
            if (n == 1 || n == 16 || n == 512) row("22", what + ", " + one[0].name, reported, one[0].ns, 9);
        }
    }
}

void run(const effort& how) {
    const int fd = ring();
    if (fd < 0) return left_out("22", "the running kernel pins and unpins", reported, "io_uring: " + why());
    measure_all(fd, how);
    close(fd);
}

#else

void run(const effort&) {
    left_out("22", "the running kernel pins and unpins", reported, "linux/io_uring.h is missing");
}

#endif

}  // namespace

int main(int argc, char** argv) {
    run(quick(argc, argv) ? effort{60, 0.5, 20e3, 1} : effort{200, 5, 20e3, 1});
    return 0;
}
