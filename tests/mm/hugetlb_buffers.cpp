// SPDX-License-Identifier: BSL-1.0
// Registered I/O buffers and memfd_pin_folios. Source: spec 06 §8, spec 10 §19.
#include "hugetlb_box.hpp"

namespace hugetlb_buffers_tests {

using namespace mmt;

BOTH_PROFILES("A registered buffer pins its pages until it is unregistered or the task exits", "[buffers]") {
    huge_world<TestType> w;
    const vaddr a = w.map(16_KiB);
    CHECK(w.t.unregister_buffer() == -err::enxio);
    REQUIRE(w.t.register_buffer(a + 4090, 100) == 0);  // over a page border: both pages
    CHECK(w.refs(a) == 1025);
    CHECK(w.refs(a + 4096) == 1025);
    CHECK_FALSE(w.page_at(a + 8192));
    CHECK(w.t.register_buffer(a, 4096) == -err::ebusy);
    w.audit();
    SECTION("unregistered") {
        REQUIRE(w.t.unregister_buffer() == 0);
        CHECK(w.refs(a) == 1);
    }
    SECTION("the task exits") { w.box.exit(w.t); }
    CHECK(w.box.counters().live() == 0);
}

BOTH_PROFILES("Registering is all or nothing", "[buffers]") {
    huge_world<TestType> w;
    const vaddr a = w.map(8192);
    CHECK(w.t.register_buffer(a, 16384) == -err::efault);  // the rest is not mapped
    CHECK(w.refs(a) == 1);
    CHECK(w.box.counters().live() == 0);
    const vaddr r = w.map(8192, {.prot = mm::prot::read});
    CHECK(w.t.register_buffer(r, 8192) == -err::efault);
    CHECK(w.t.register_buffer(a, 0) == -err::efault);
    CHECK(w.t.register_buffer(0, 4096) == -err::efault);
    CHECK(w.t.register_buffer(a, 2_GiB) == -err::efault);
    CHECK(w.t.register_buffer(~vaddr{0} - 4095, 8192) == -err::eoverflow);
    CHECK(w.t.unregister_buffer() == -err::enxio);
    w.audit();
}

TEST_CASE("A buffer of whole huge pages keeps one pin per page, any other all of them", "[buffers]") {
    huge_world<checked_6_12> w;
    const vaddr a = w.map_huge(3);
    for (std::uint64_t k = 0; k < 3; ++k) REQUIRE(w.t.touch(a + k * 2_MiB, true) == mm::fault_result::ok);
    const auto pins_of = [&](std::uint64_t k) { return w.refs(a + k * 2_MiB) - 1; };
    SECTION("two, whole") {
        REQUIRE(w.t.register_buffer(a, 4_MiB) == 0);
        CHECK(pins_of(0) == 1);
        CHECK(pins_of(1) == 1);
        CHECK(w.box.counters() == mm::pin_counters{1024, 1022});
    }
    SECTION("the end of one, all of the next, the start of the third") {
        REQUIRE(w.t.register_buffer(a + 1_MiB, 4_MiB) == 0);
        CHECK(pins_of(0) == 1);
        CHECK(pins_of(1) == 1);
        CHECK(pins_of(2) == 1);
    }
    SECTION("inside one") {
        REQUIRE(w.t.register_buffer(a + 4096, 3 * 4096) == 0);
        CHECK(pins_of(0) == 1);
    }
    SECTION("one base page of it: nothing to save") {
        REQUIRE(w.t.register_buffer(a, 4096) == 0);
        CHECK(w.box.counters() == mm::pin_counters{1, 0});
    }
    SECTION("followed by base pages") {
        const vaddr b = w.map(8192, {.at = a + 6_MiB});
        REQUIRE(w.t.register_buffer(a + 4_MiB, 2_MiB + 8192) == 0);
        CHECK(pins_of(2) == 512);
        CHECK(w.refs(b) == 1025);
    }
    SECTION("the same page of a file twice in a row") {
        mm::file& f = w.box.create_huge_file(2_MiB, mm::pmd_order);
        const vaddr b = vaddr{1} << 40;
        w.map(2_MiB, {.shared = true, .source = &f, .at = b});
        w.map(2_MiB, {.shared = true, .source = &f, .at = b + 2_MiB});
        REQUIRE(w.t.register_buffer(b, 4_MiB) == 0);
        CHECK(w.box.counters().live() == 1024);
    }
    w.audit();
    REQUIRE(w.t.unregister_buffer() == 0);
    CHECK(w.box.counters().live() == 0);
    w.audit();
}

TEST_CASE("2019 keeps a pin for every page of a registered buffer", "[buffers]") {
    huge_world<checked_2019> w;
    const vaddr a = w.map_huge(1);
    REQUIRE(w.t.register_buffer(a, 2_MiB) == 0);
    CHECK(w.refs(a) == 1 + 512 * 1024);
    REQUIRE(w.t.unregister_buffer() == 0);
    w.audit();
}

TEST_CASE("memfd_pin_folios: what stands in movable memory leaves it first, or is not pinned", "[buffers]") {
    mm::options o = small();
    o.more_nodes.push_back({.ram = 0, .movable = 32_MiB});
    world<checked_6_12> w(o);
    mm::file& f = w.box.create_file(mm::file_kind::memfd, 2 * 4096);
    const vaddr a = w.map(2 * 4096, {.shared = true, .source = &f, .node = 1});
    REQUIRE(w.t.mbind(a, 2 * 4096, 1) == 0);
    REQUIRE(w.t.store(a, 5) == mm::fault_result::ok);
    REQUIRE(w.t.inspect(a).page.zone == mm::zone_kind::movable);
    std::uint64_t offset = 0;
    std::vector<frame<checked_6_12>*> folios(2);
    REQUIRE(w.get(a, 1) == 1);
    CHECK(w.t.memfd_pin_folios(f, 0, 8191, folios, &offset) < 0);
    CHECK(w.refs(a) == 3);  // the cache, the entry, the holder
    w.audit();
    w.put(1);
    REQUIRE(w.t.memfd_pin_folios(f, 0, 8191, folios, &offset) == 2);
    CHECK(w.t.inspect(a).page.zone != mm::zone_kind::movable);
    CHECK(w.page_at(a) == folios[0]);
    CHECK(w.t.load(a).value == 5);
    w.audit();
    for (auto* p : folios) w.t.unpin_folio(p);
    w.audit();
}

TEST_CASE("memfd_pin_folios pins each folio of a range once, made if missing", "[buffers]") {
    huge_world<checked_6_12> w;
    std::uint64_t offset = 99;
    SECTION("hugetlb: pages come out of what the file was promised, or is promised now") {
        mm::file& f = w.box.create_huge_file(8_MiB, mm::pmd_order);
        w.map(4_MiB, {.shared = true, .source = &f});
        CHECK(w.stock() == stock{8, 2});
        std::vector<frame<checked_6_12>*> folios(8);
        REQUIRE(w.t.memfd_pin_folios(f, 2_MiB + 4096, 8_MiB - 1, folios, &offset) == 3);
        CHECK(offset == 4096);
        CHECK(w.stock() == stock{5, 1});
        CHECK(w.box.state_of(folios[0]).refs == 513);
        CHECK(w.box.state_of(folios[0]).flags == "D");
        w.audit();
        for (int k = 0; k < 3; ++k) w.t.unpin_folio(folios[static_cast<std::size_t>(k)]);
    }
    SECTION("hugetlb: an empty pool is ENOMEM and nothing stays pinned") {
        w.map_huge(7);
        mm::file& f = w.box.create_huge_file(4_MiB, mm::pmd_order);
        std::vector<frame<checked_6_12>*> folios(8);
        CHECK(w.t.memfd_pin_folios(f, 0, 4_MiB - 1, folios, &offset) == -err::enomem);
    }
    SECTION("shmem: single pages, at most as many as asked for") {
        mm::file& f = w.box.create_file(mm::file_kind::memfd, 32_KiB);
        std::vector<frame<checked_6_12>*> folios(2);
        REQUIRE(w.t.memfd_pin_folios(f, 0x1010, 0x4fff, folios, &offset) == 2);
        CHECK(offset == 0x10);
        CHECK(w.box.state_of(folios[0]).refs == 1025);
        CHECK(w.box.state_of(folios[0]).flags == "B");
        w.audit();
        for (auto* p : folios) w.t.unpin_folio(p);
        std::vector<frame<checked_6_12>*> none;
        CHECK(w.t.memfd_pin_folios(f, 0, 4095, none, &offset) == -err::einval);
        CHECK(w.t.memfd_pin_folios(f, 4096, 0, folios, &offset) == -err::einval);
        CHECK(w.t.memfd_pin_folios(f, 0, 32_KiB, folios, &offset) == -err::einval);
    }
    SECTION("shmem of huge folios: a hole is made a whole one") {
        mm::file& f = w.box.create_file(mm::file_kind::tmpfs_huge, 4_MiB);
        std::vector<frame<checked_6_12>*> folios(8);
        REQUIRE(w.t.memfd_pin_folios(f, 0x1000, 0x1fff, folios, &offset) == 1);
        CHECK(offset == 0x1000);
        CHECK(w.box.state_of(folios[0]).refs == 513);
        CHECK(w.box.state_of(folios[0]).flags == "B");
        w.t.unpin_folio(folios[0]);
        REQUIRE(w.t.memfd_pin_folios(f, 0x5000, 0x200000, folios, &offset) == 2);
        CHECK(offset == 0x5000);
        w.audit();
        for (int k = 0; k < 2; ++k) w.t.unpin_folio(folios[static_cast<std::size_t>(k)]);
    }
    SECTION("other files are refused") {
        mm::file& f = w.box.create_file(mm::file_kind::ext4, 8192, mm::fill::pattern);
        std::vector<frame<checked_6_12>*> folios(2);
        CHECK(w.t.memfd_pin_folios(f, 0, 4095, folios, &offset) == -err::einval);
    }
    CHECK(w.box.counters().live() == 0);
    w.audit();
}

}  // namespace hugetlb_buffers_tests
