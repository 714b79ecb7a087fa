// SPDX-License-Identifier: BSL-1.0
// Can two processes pin the same frame, mapped at different addresses?
#include <cstdint>
#include <cstdio>
#include <new>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pinfold/pinfold.hpp>
#include <pinfold/word/ipc_word.hpp>

struct frame;
void give_back(frame& f) noexcept;

// 1. An address-free word, and pins in a word of their own: their number is exact, whoever asks.
struct shared_count : pinfold::count_defaults {
    using word = pinfold::ipc_word<std::int32_t>;
    using pins = pinfold::exact_pins;
};
struct frame {
    struct pinfold_policy;
    pinfold::count<shared_count> count;
    pid_t freed_by = 0;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};
using ops = pinfold::page_ops<frame>;

void give_back(frame& f) noexcept { f.freed_by = getpid(); }

static void* map(int fd) { return mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0); }

int main() {
    const int fd = memfd_create("frames", 0);
    if (fd < 0 || ftruncate(fd, 4096) != 0) return std::perror("memfd"), 1;
    void* const memory = map(fd);
    if (memory == MAP_FAILED) return std::perror("mmap"), 1;
    auto* const mine = new (memory) frame;
    mine->count.init();

    const pid_t child = fork();
    if (child < 0) return std::perror("fork"), 1;
    if (child == 0) {
        // 2. The other process sees the frame elsewhere. It takes three pins, gives one back and goes.
        auto* const theirs = static_cast<frame*>(map(fd));
        if (static_cast<void*>(theirs) == MAP_FAILED || theirs == mine || !ops::try_pin(theirs, 3)) _exit(1);
        ops::unpin(theirs);
        _exit(0);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0) return std::puts("the other process failed"), 1;

    // 3. What it left behind is here to see, and to take over.
    const auto left = ops::pins(mine);
    std::printf("pins left by the other process: %lld\n", static_cast<long long>(left));
    ops::put(mine);
    std::printf("the owner let go: %s\n", mine->freed_by == 0 ? "still held by those pins" : "freed");
    const bool held = mine->freed_by == 0;
    ops::unpin(mine, static_cast<std::uint64_t>(left));
    std::printf("pins given back for it: %s\n", mine->freed_by == getpid() ? "freed, by this process" : "not freed");
    return left == 2 && held && mine->freed_by == getpid() ? 0 : 1;
}
