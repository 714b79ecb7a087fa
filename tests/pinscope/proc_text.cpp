// SPDX-License-Identifier: BSL-1.0
// The parsers of /proc's texts, without a process: what is odd but legal is read, the rest gets one clear complaint.
#include <catch2/catch.hpp>

#include "problem.hpp"
#include "proc_limits.hpp"
#include "proc_maps.hpp"
#include "proc_mounts.hpp"
#include "proc_smaps.hpp"
#include "proc_stat.hpp"

using namespace pinscope;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

region one(std::string_view line) { return parse_maps_line(line, "maps", 7); }

std::string complaint(std::string_view line) {
    try {
        static_cast<void>(one(line));
    } catch (const problem& p) {
        return p.what();
    }
    return "accepted";
}

}  // namespace

TEST_CASE("a line of maps gives a region") {
    const auto r = one("7f8e49244000-7f8e4939a000 r-xp 00026000 fe:01 2754                       /usr/lib/libc.so.6");
    CHECK(r.begin == 0x7f8e49244000);
    CHECK(r.end == 0x7f8e4939a000);
    CHECK(r.permissions() == "r-xp");
    CHECK(r.offset == 0x26000);
    CHECK(r.device_major == 0xfe);
    CHECK(r.device_minor == 1);
    CHECK(r.inode == 2754);
    CHECK(r.name == "/usr/lib/libc.so.6");
    CHECK_FALSE(r.deleted);
    CHECK(r.backing() == backing::file);
}

TEST_CASE("names may be missing, hold blanks, or end in (deleted)") {
    CHECK(one("1000-2000 rw-p 00000000 00:00 0 ").name.empty());
    CHECK(one("1000-2000 rw-p 00000000 00:00 0").backing() == backing::anonymous);
    CHECK(one("1000-2000 r--s 00000000 08:01 5  /tmp/a b  c").name == "/tmp/a b  c");
    CHECK(one("1000-2000 r--s 00000000 08:01 5  /tmp/ends with blank ").name == "/tmp/ends with blank ");

    const auto gone = one("1000-2000 rw-s 00000000 00:01 9    /memfd:x y (deleted)");
    CHECK(gone.deleted);
    CHECK(gone.name == "/memfd:x y");
    CHECK(gone.title() == "/memfd:x y (deleted)");
    CHECK(gone.backing() == backing::shared_memory);
    CHECK(one("1000-2000 r--s 00000000 08:01 5  (deleted)").name == "(deleted)");
}

TEST_CASE("a region is told by its name, its flags or its filesystem") {
    CHECK(one("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]").backing() == backing::gate);
    CHECK(one("1000-2000 r--p 00000000 00:00 0  [vvar]").backing() == backing::device);
    CHECK(one("1000-2000 rw-p 00000000 00:00 0  [heap]").backing() == backing::anonymous);
    CHECK(one("1000-2000 rw-s 00000000 00:01 4  /dev/zero (deleted)").backing() == backing::shared_memory);
    CHECK(one("200000-400000 rw-p 00000000 00:0f 9  /anon_hugepage (deleted)").backing() == backing::hugetlb);

    auto device = one("1000-2000 rw-s 00000000 00:06 4  /dev/card0");
    CHECK(device.backing() == backing::file);
    device.flags = {"rd", "wr", "pf", "io"};
    CHECK(device.backing() == backing::device);

    auto on_tmpfs = one("1000-2000 rw-s 00000000 00:1c 4  /run/x");
    on_tmpfs.filesystem = "tmpfs";
    CHECK(on_tmpfs.backing() == backing::shared_memory);
}

TEST_CASE("numbers up to 64 bits are read, larger ones are refused") {
    CHECK(one("0-fffffffffffff000 r--p ffffffffffffffff ffffffff:0 18446744073709551615").inode == ~u64{0});
    CHECK(complaint("1000-10000000000000000 r--p 0 0:0 0") != "accepted");
    CHECK(complaint("1000-2000 r--p 10000000000000000 0:0 0") != "accepted");
    CHECK(complaint("1000-2000 r--p 0 0:0 18446744073709551616") != "accepted");
}

TEST_CASE("what is not a line of maps is refused, and the place is said") {
    const auto text =
        GENERATE(as<std::string>{}, "", " ", "1000", "1000-", "-2000", "1000 2000 rw-p 0 0:0 0",
                 "2000-1000 rw-p 0 0:0 0", "1000-1000 rw-p 0 0:0 0", "1001-2000 rw-p 0 0:0 0", "xyz-2000 rw-p 0 0:0 0",
                 "1000-2000", "1000-2000 rw", "1000-2000 rwxyz 0 0:0 0", "1000-2000 rw-q 0 0:0 0", "1000-2000 rw-p",
                 "1000-2000 rw-p zz 0:0 0", "1000-2000 rw-p 0 00 0", "1000-2000 rw-p 0 0:", "1000-2000 rw-p 0 0:0",
                 "1000-2000 rw-p 0 0:0 12x", "1000-2000 rw-p 0 1ffffffff:0 0", "\x1b[31m");
    CAPTURE(text);
    CHECK_THAT(complaint(text), StartsWith("maps, line 7: ") && Contains("expected"));
    CHECK(complaint(text).find('\x1b') == std::string::npos);
}

TEST_CASE("regions must come in order") {
    CHECK(parse_maps("1000-2000 rw-p 0 0:0 0\n2000-3000 rw-p 0 0:0 0\n", "maps").size() == 2);
    CHECK_THROWS_WITH(parse_maps("2000-3000 rw-p 0 0:0 0\n1000-2000 rw-p 0 0:0 0\n", "maps"),
                      StartsWith("maps, line 2: ") && Contains("overlap"));
    CHECK_THROWS_WITH(parse_maps("1000-3000 rw-p 0 0:0 0\n2000-4000 rw-p 0 0:0 0\n", "maps"), Contains("line 2"));
    CHECK_THROWS_WITH(parse_maps("1000-3000 rw-p 0 0:0 0\n\n", "maps"), Contains("line 2"));
    CHECK(parse_maps("", "maps").empty());
}

TEST_CASE("smaps gives sizes and flags to the region above them") {
    const auto regions = parse_smaps(
        "1000-9000 rw-p 00000000 00:00 0                [heap]\n"
        "Size:                 32 kB\n"
        "KernelPageSize:        4 kB\n"
        "Rss:                  12 kB\n"
        "Swap:                  8 kB\n"
        "Anonymous:            12 kB\n"
        "AnonHugePages:         0 kB\n"
        "FutureKey:        whatever\n"
        "THPeligible:           0\n"
        "VmFlags: rd wr mr mw me ac sd \n"
        "200000-600000 rw-s 00000000 00:0f 77      /anon_hugepage (deleted)\n"
        "KernelPageSize:     2048 kB\n"
        "Shared_Hugetlb:     2048 kB\n"
        "Private_Hugetlb:    2048 kB\n"
        "VmFlags: rd wr sh ht\n",
        "smaps");
    REQUIRE(regions.size() == 2);
    CHECK(regions[0].rss == 12 * 1024);
    CHECK(regions[0].swap == 8 * 1024);
    CHECK(regions[0].anonymous == 12 * 1024);
    CHECK(regions[0].kernel_page == 4096);
    CHECK(regions[0].has_flag("sd"));
    CHECK_FALSE(regions[0].has_flag("ht"));
    CHECK(regions[1].kernel_page == 2048 * 1024);
    CHECK(regions[1].hugetlb == 4096 * 1024);
    CHECK(regions[1].backing() == backing::hugetlb);
}

TEST_CASE("smaps that is cut off or garbled is refused, and the place is said") {
    const auto complain = [](const char* text) {
        try {
            static_cast<void>(parse_smaps(text, "smaps"));
        } catch (const problem& p) {
            return std::string(p.what());
        }
        return std::string("accepted");
    };
    CHECK_THAT(complain("Rss: 4 kB\n"), StartsWith("smaps, line 1: "));
    CHECK_THAT(complain("1000-2000 rw-p 0 0:0 0\nRss: x kB\n"), StartsWith("smaps, line 2: "));
    CHECK_THAT(complain("1000-2000 rw-p 0 0:0 0\nRss:\n"), StartsWith("smaps, line 2: "));
    CHECK_THAT(complain("1000-2000 rw-p 0 0:0 0\nRss: 4\n"), StartsWith("smaps, line 2: "));
    CHECK_THAT(complain("1000-2000 rw-p 0 0:0 0\nRss: 18446744073709551615 kB\n"), StartsWith("smaps, line 2: "));
    CHECK_THAT(complain("1000-2000 rw-p 0 0:0 0\nRss: 18446744073709551616 kB\n"), StartsWith("smaps, line 2: "));
    CHECK_THAT(complain("1000-2000 rw-p 0 0:0 0\nRs"), StartsWith("smaps, line 2: "));
    CHECK_THAT(complain("1000-2000 rw-p 0 0:0 0\nRss: 4 kB\n2000-30"), StartsWith("smaps, line 3: "));
    CHECK(complain("1000-2000 rw-p 0 0:0 0\nRss: 4 kB") == "accepted");
}

TEST_CASE("the memory lock limit is a number or unlimited") {
    CHECK(parse_memlock("Limit                     Soft Limit           Hard Limit           Units     \n"
                        "Max locked memory         8388608              8388608              bytes     \n",
                        "limits") == 8388608);
    CHECK(parse_memlock("Max locked memory         unlimited            unlimited            bytes\n", "limits") ==
          unlimited);
    CHECK_THROWS_WITH(parse_memlock("Max locked memory         lots\n", "limits"), StartsWith("limits, line 1: "));
    CHECK_THROWS_WITH(parse_memlock("Max open files  1 2\n", "limits"), Contains("Max locked memory"));
}

TEST_CASE("mountinfo tells the filesystem behind a device") {
    const auto types = parse_mountinfo(
        "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw\n"
        "31 22 0:27 / /dev/shm rw,nosuid - tmpfs tmpfs rw\n",
        "mountinfo");
    CHECK(types.at({254, 0}) == "ext4");
    CHECK(types.at({0, 27}) == "tmpfs");
    CHECK_THROWS_WITH(parse_mountinfo("22 1 254 / / rw - ext4 x rw\n", "mountinfo"), StartsWith("mountinfo, line 1: "));
    CHECK_THROWS_WITH(parse_mountinfo("22 1 a:b / / rw - ext4 x rw\n", "mountinfo"), Contains("a:b"));
}

TEST_CASE("the command in stat may hold blanks and brackets") {
    const auto s = parse_stat("12 (a) b (c)) Z 1 2 3 4 5 4194560 7 8 9 10 11 12 13 14 15 16 17 18 991 20\n", "stat");
    CHECK(s.command == "a) b (c)");
    CHECK(s.ended());
    CHECK(s.start_time == 991);
    CHECK_FALSE(s.kernel_thread);
    CHECK(parse_stat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 1 0 0 20 0 1 0 30 0 0", "stat").kernel_thread);
    CHECK_THROWS_WITH(parse_stat("12 a S 1", "stat"), StartsWith("stat, line 1: "));
    CHECK_THROWS_WITH(parse_stat("12 (a) S 1 2", "stat"), StartsWith("stat, line 1: "));
    CHECK_THROWS_WITH(parse_stat("", "stat"), StartsWith("stat, line 1: "));
}
