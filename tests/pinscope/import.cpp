// SPDX-License-Identifier: BSL-1.0
// Importing a process, from a directory that looks like /proc.
#include <algorithm>
#include <catch2/catch.hpp>

#include "fake_proc.hpp"
#include "problem.hpp"

using namespace pinscope;
using Catch::Matchers::Contains;

namespace {
constexpr u64 present = u64{1} << 63, swapped = u64{1} << 62, file_bit = u64{1} << 61, exclusive = u64{1} << 56;
constexpr const char* two_regions =
    "10000-18000 rw-p 00000000 00:00 0    [heap]\n"
    "Rss: 8 kB\nAnonymous: 8 kB\nSwap: 4 kB\n"
    "40000-42000 r--p 00000000 fe:00 12    /bin/x\n"
    "Rss: 4 kB\nVmFlags: rd mr\n";
/// How many notes contain `text`.
auto noted(const process& p, const char* text) {
    return std::count_if(p.notes.begin(), p.notes.end(),
                         [&](const std::string& n) { return n.find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("a process becomes regions with runs of pages") {
    fake_proc proc;
    proc.write("smaps", two_regions);
    proc.write_pagemap(0x10, {present | exclusive | 100, 0, present | exclusive | 200, swapped, 0, 0, 0, 0});
    proc.write_pagemap(0x40, {present | file_bit | 300, 0});
    const auto p = proc.import();
    CHECK(p.command == "some one");
    CHECK(p.memlock_soft == 65536);
    REQUIRE(p.regions.size() == 2);
    CHECK(p.regions[0].runs == std::vector<run>{{0x10, 1, presence::anon},
                                                {0x11, 1, presence::absent},
                                                {0x12, 1, presence::anon},
                                                {0x13, 1, presence::swapped},
                                                {0x14, 4, presence::absent}});
    CHECK(p.regions[1].runs == std::vector<run>{{0x40, 1, presence::file}, {0x41, 1, presence::absent}});
    CHECK(p.regions[1].filesystem == "ext4");
    CHECK(p.present_pages() == 3);
    CHECK(noted(p, "kpageflags") == 1);
    CHECK(noted(p, "1 page in swap") == 1);
}

TEST_CASE("flags of frames make the zero page and sharing exact") {
    fake_proc proc;
    proc.write("smaps", "10000-12000 rw-p 00000000 00:00 0\nRss: 4 kB\nAnonymous: 4 kB\n");
    proc.write_pagemap(0x10, {present | 7, present | 8});
    proc.write_frames("kpageflags", 7, {u64{1} << 24, u64{1} << 12});
    proc.write_frames("kpagecount", 7, {900, 3});
    const auto p = proc.import();
    CHECK(p.regions[0].runs == std::vector<run>{{0x10, 1, presence::zero}, {0x11, 1, presence::anon}});
    CHECK(p.regions[0].shared_anon_pages == 1);
    CHECK(p.notes.size() == 1);
    CHECK(noted(p, "1 page of its own mapped by other processes as well") == 1);
}

TEST_CASE("hidden frame numbers are said once") {
    fake_proc proc;
    proc.write("smaps", two_regions);
    proc.write_frames("kpageflags", 0, {0});
    proc.write_pagemap(0x10, {present | exclusive, 0, present, swapped, 0, 0, 0, 0});
    proc.write_pagemap(0x40, {present | file_bit, 0});
    const auto p = proc.import();
    CHECK(noted(p, "CAP_SYS_ADMIN") == 1);
}

TEST_CASE("without pagemap presence is estimated, and that is said") {
    fake_proc proc;
    proc.write("smaps", two_regions);
    const auto p = proc.import();
    CHECK(p.present_pages() == 3);
    CHECK(noted(p, "estimated") == 1);
}

TEST_CASE("a large reservation with nothing in it is not read") {
    fake_proc proc;
    proc.write("smaps", "10000-10000010000 rw-p 00000000 00:00 0\nRss: 0 kB\n");
    proc.write_pagemap(0x10, {0});
    const auto p = proc.import();  // reading would meet the end of the file
    CHECK(p.regions[0].runs == std::vector<run>{{0x10, 0x10000000, presence::absent}});
}

TEST_CASE("devices and the gate page are not looked up") {
    fake_proc proc;
    proc.write("smaps",
               "10000-12000 rw-s 00000000 00:06 4    /dev/card0\nRss: 8 kB\nVmFlags: rd wr io pf\n"
               "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0    [vsyscall]\n");
    proc.write_pagemap(0, {0});
    const auto p = proc.import();
    CHECK(p.regions[0].runs == std::vector<run>{{0x10, 2, presence::special}});
    CHECK(p.present_pages() == 0);
}

TEST_CASE("what cannot be imported is said in one sentence") {
    fake_proc proc;
    SECTION("no such process") {
        CHECK_THROWS_WITH(import_process(99, proc.source(), [](u64, u64) {}), Contains("no process 99"));
    }
    SECTION("a thread of the kernel") {
        proc.write("stat", "4711 (kworker/0:1) S 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n");
        CHECK_THROWS_WITH(proc.import(), Contains("kernel thread") && Contains("kworker/0:1"));
    }
    SECTION("a zombie") {
        proc.write("stat", "4711 (x) Z 2 0 0 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n");
        CHECK_THROWS_WITH(proc.import(), Contains("zombie"));
    }
    SECTION("nothing mapped") {
        proc.write("smaps", "");
        CHECK_THROWS_WITH(proc.import(), Contains("no user address space"));
    }
    SECTION("garbage, with file and line") {
        proc.write("smaps", "10000-18000 rw-p 00000000 00:00 0\nRss: many kB\n");
        CHECK_THROWS_WITH(proc.import(), Contains("4711/smaps, line 2"));
    }
    SECTION("a smaps that may not be read") {
        std::filesystem::create_directory(proc.directory() / "smaps");  // reading it fails, for root as well
        CHECK_THROWS_WITH(proc.import(), Contains("cannot read") && Contains("4711/smaps"));
    }
}

TEST_CASE("a process that ends while it is read is noticed") {
    fake_proc proc;
    proc.write("smaps", two_regions);
    proc.write_pagemap(0x40, {present | file_bit | 300, 0});
    SECTION("its directory disappears") {
        CHECK_THROWS_WITH(proc.import([&](u64 done, u64) {
            if (done == 1) std::filesystem::remove_all(proc.directory());
        }),
                          Contains("ended while it was being read"));
    }
    SECTION("it becomes a zombie") {
        CHECK_THROWS_WITH(proc.import([&](u64 done, u64) {
            if (done == 1) proc.write("stat", "4711 (x) Z 2 0 0 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0\n");
        }),
                          Contains("ended while it was being read"));
    }
    SECTION("another one takes its number") {
        CHECK_THROWS_WITH(proc.import([&](u64 done, u64) {
            if (done == 1) proc.write("stat", "4711 (y) S 2 0 0 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 900 0 0\n");
        }),
                          Contains("ended while it was being read"));
    }
    SECTION("its memory goes before its number") {
        std::filesystem::resize_file(proc.directory() / "pagemap", 0x12 * 8);
        CHECK_THROWS_WITH(proc.import(), Contains("ended while it was being read"));
    }
}
