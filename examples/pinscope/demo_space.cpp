// SPDX-License-Identifier: BSL-1.0
#include "demo_space.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <cstdlib>
#include <cstring>

namespace pinscope {

namespace {

constexpr std::size_t page = page_size;
constexpr int read_write = PROT_READ | PROT_WRITE;
constexpr int own = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

void write_pages(char* at, std::size_t pages, std::size_t step = 1) {
    for (std::size_t i = 0; i < pages; i += step)
        at[i * page] = 1;
}

void read_pages(const char* at, std::size_t pages) {
    for (std::size_t i = 0; i < pages; ++i)
        static_cast<void>(*static_cast<const volatile char*>(at + i * page));
}

/// A file without a name in the directory for temporary files; -1 when there is none to write to.
int temporary_file(std::size_t size) {
    const char* directory = std::getenv("TMPDIR");
    std::string name = std::string(directory ? directory : "/tmp") + "/pinscope-demo-XXXXXX";
    const int file = ::mkstemp(name.data());
    if (file < 0) return -1;
    ::unlink(name.c_str());
    if (::ftruncate(file, static_cast<off_t>(size)) == 0) return file;
    ::close(file);
    return -1;
}

}  // namespace

char* demo_space::add(std::string label, std::size_t size, int protection, int flags, int file) {
    // A page that is nobody's between two regions keeps the kernel from merging them.
    void* hole = ::mmap(nullptr, size + 2 * page, PROT_NONE, own, -1, 0);
    if (hole == MAP_FAILED) return nullptr;
    char* inner = static_cast<char*>(hole) + page;
    ::munmap(hole, page);
    ::munmap(inner + size, page);
    if (::mmap(inner, size, protection, flags | MAP_FIXED, file, 0) == MAP_FAILED) {
        ::munmap(inner, size);
        return nullptr;
    }
    parts_.push_back({inner, size, std::move(label)});
    return inner;
}

demo_space::demo_space() {
    if (char* a = add("demo: anonymous, all written", 64 * page, read_write, own)) write_pages(a, 64);
    if (char* a = add("demo: anonymous, every 2nd page written", 64 * page, read_write, own)) write_pages(a, 64, 2);
    if (char* a = add("demo: anonymous, only read (zero page)", 32 * page, read_write, own)) read_pages(a, 32);
    if (char* a = add("demo: written, then read-only", 16 * page, read_write, own)) {
        write_pages(a, 16);
        ::mprotect(a, 16 * page, PROT_READ);
    }
    if (char* a = add("demo: written, then PROT_NONE", 16 * page, read_write, own)) {
        write_pages(a, 16);
        ::mprotect(a, 16 * page, PROT_NONE);
    }
    add("demo: anonymous, never touched", 128 * page, read_write, own);
    add("demo: reservation of 1 TiB, PROT_NONE", std::size_t{1} << 40, PROT_NONE, own);
    if (char* a = add("demo: 256 MiB, one page in it", std::size_t{1} << 28, read_write, own)) {
        ::madvise(a, std::size_t{1} << 28, MADV_NOHUGEPAGE);
        a[std::size_t{1} << 27] = 1;
    }
    add_huge();

    if (char* a = add("demo: shared memory", 16 * page, read_write, MAP_SHARED | MAP_ANONYMOUS)) write_pages(a, 16);
    if (const int file = temporary_file(32 * page); file >= 0) {
        if (char* a = add("demo: file, shared, writable", 32 * page, read_write, MAP_SHARED, file)) write_pages(a, 16);
        if (char* a = add("demo: file, shared, read-only", 32 * page, PROT_READ, MAP_SHARED, file)) read_pages(a, 32);
        if (char* a = add("demo: file, private, partly written", 32 * page, read_write, MAP_PRIVATE, file)) {
            read_pages(a, 32);
            write_pages(a, 8);
        }
        ::close(file);
    } else {
        notes_.emplace_back("the demonstration has no file mappings: no temporary file can be made ($TMPDIR).");
    }
}

void demo_space::add_huge() {
    // Twice the size, so that aligned huge pages are in it wherever it begins.
    if (char* a = add("demo: transparent huge pages", 3 * huge_size, read_write, own)) {
        ::madvise(a, 3 * huge_size, MADV_HUGEPAGE);
        write_pages(a, 3 * huge_pages);
    }
    void* pool = ::mmap(nullptr, huge_size, read_write, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    if (pool == MAP_FAILED) {
        notes_.emplace_back(
            "the demonstration has no hugetlb region: the huge page pool of this system is empty "
            "(sysctl vm.nr_hugepages=2 fills it).");
        return;
    }
    std::memset(pool, 1, 1);
    parts_.push_back({static_cast<char*>(pool), huge_size, "demo: hugetlb"});
}

demo_space::~demo_space() {
    for (const auto& p : parts_)
        ::munmap(p.begin, p.size);
}

void demo_space::label(std::vector<region>& regions) const {
    for (auto& r : regions)
        for (const auto& p : parts_) {
            const auto begin = static_cast<u64>(reinterpret_cast<std::uintptr_t>(p.begin));
            if (r.begin >= begin && r.end <= begin + p.size) r.label = p.label;
        }
}

}  // namespace pinscope
