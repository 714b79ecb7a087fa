// SPDX-License-Identifier: BSL-1.0
// Anonymous pages on a device and back; failed memory. Source: spec 03 §4 §5, spec 07 §15 B16, spec 10 §20.
#include "device_box.hpp"

namespace device_memory_tests {

using namespace mmt;
using mm::device_type;
using mm::fault_result;

namespace {

constexpr auto private_entry = mm::entry_kind::device_private;

/// Four written pages, and a device to send them to.
template <class P>
struct to_device : device_world<P> {
    mm::device_memory<P>& device;
    vaddr a;

    explicit to_device(device_type type = device_type::private_memory)
        : device(this->box.create_device_memory(type, 64 * 4096)), a(this->map(8 * 4096)) {
        for (unsigned k = 0; k < 4; ++k)
            REQUIRE(this->t.store(a + 4096 * k, static_cast<unsigned char>(k + 1)) == fault_result::ok);
    }
    long take(std::uint64_t n) { return device.take_over(this->t.mm(), a, n); }
};

}  // namespace

BOTH_PROFILES("pages that go to the device leave device-private entries, and the next touch brings them back",
              "[device-memory]") {
    to_device<TestType> w;
    REQUIRE(w.take(4) == 4);
    CHECK(w.t.inspect(w.a).map == private_entry);
    CHECK(w.letters(w.a) == "W");
    CHECK(w.flags(w.a) == pick<TestType>("DB", "XDB"));
    CHECK(w.refs(w.a) == 1 + idle<TestType>(device_type::private_memory));
    CHECK(w.device.free_pages() == 60);
    w.audit();
    CHECK(w.t.load(w.a).value == 1);
    CHECK(w.letters(w.a) == "WY");
    CHECK(w.t.inspect(w.a).page.kind == mm::page_kind::anon);
    CHECK(w.pin(w.a + 4096, 1, foll::write) == 1);  // gup is a touch, too
    CHECK(w.letters(w.a + 4096) == "W");
    w.unpin(1);
    CHECK(w.device.give_back(w.t.mm(), w.a, 8) == 2);
    CHECK(w.t.load(w.a + 3 * 4096).value == 4);
    CHECK(w.device.free_pages() == 64);
    w.audit();
}

BOTH_PROFILES("what is pinned or held stays; a pin leaves the page clean, a reference does not", "[device-memory]") {
    to_device<TestType> w;
    REQUIRE(w.pin(w.a + 4096, 1, foll::write) == 1);
    frame<TestType>* held = nullptr;
    REQUIRE(w.t.get_user_pages_fast(w.a + 2 * 4096, 1, foll::write, std::span<frame<TestType>*>(&held, 1)) == 1);
    CHECK(w.take(4) == 2);
    CHECK(w.letters(w.a + 4096) == "WDY");
    CHECK(w.letters(w.a + 2 * 4096) == "WDY");
    CHECK(w.flags(w.a + 4096) == pick<TestType>("DB", "XB"));
    CHECK(w.flags(w.a + 2 * 4096) == pick<TestType>("DB", "XDB"));
    w.audit();
    w.unpin(1);
    w.t.put_page(held);
    CHECK(w.take(4) == 4);
    w.audit();
}

BOTH_PROFILES("untouched memory and zero pages begin on the device as zeros", "[device-memory]") {
    to_device<TestType> w;
    CHECK(w.t.load(w.a + 4 * 4096).value == 0);
    REQUIRE(w.take(6) == 6);
    CHECK(w.t.inspect(w.a + 4 * 4096).map == private_entry);
    CHECK(w.t.inspect(w.a + 5 * 4096).map == private_entry);
    CHECK(w.t.load(w.a + 5 * 4096).value == 0);
    CHECK(w.device.take_over(w.t.mm(), 4096, 1) == -err::einval);
    mm::file& f = w.box.create_file(mm::file_kind::memfd, 4096, mm::fill::pattern);
    const vaddr shared = w.map_file(f);
    CHECK(w.t.load(shared).value == 1);
    CHECK(w.device.take_over(w.t.mm(), shared, 1) == 0);
    w.audit();
}

BOTH_PROFILES("a huge page goes page by page, unless somebody holds it", "[device-memory]") {
    device_world<TestType> w;
    auto& device = w.box.create_device_memory(device_type::private_memory, 1024 * 4096);
    const vaddr a = w.huge();
    for (unsigned k = 0; k < 512; ++k) REQUIRE(w.t.store(a + 4096 * k, 7) == fault_result::ok);
    REQUIRE(w.pin(a + 4096, 1, foll::write) == 1);
    CHECK(device.take_over(w.t.mm(), a, 512) == 0);
    CHECK(w.t.inspect(a).at == mm::level::pmd);
    w.unpin(1);
    CHECK(device.take_over(w.t.mm(), a, 512) == 512);
    CHECK(w.t.load(a + 511 * 4096).value == 7);
    w.audit();
}

BOTH_PROFILES("a page shared by fork comes back in both address spaces", "[device-memory]") {
    to_device<TestType> w;
    REQUIRE(w.take(1) == 1);
    const auto child = w.box.fork(w.t);
    REQUIRE(child.error == 0);
    auto& c = **child;
    CHECK(w.letters(w.a).empty());
    CHECK(w.refs(w.a) == 2 + idle<TestType>(device_type::private_memory));
    CHECK(c.load(w.a).value == 1);
    CHECK(w.letters(w.a).empty());
    CHECK(c.inspect(w.a).letters == "Y");
    CHECK(w.refs(w.a) == 2);
    w.audit();
    CHECK(c.store(w.a, 9) == fault_result::ok);
    CHECK(w.t.load(w.a).value == 1);
    w.box.exit(c);
    w.audit();
}

BOTH_PROFILES("what comes back to memory that was locked meanwhile is marked so", "[device-memory]") {
    to_device<TestType> w;
    REQUIRE(w.take(2) == 2);
    REQUIRE(w.t.mlock(w.a, 4096) == 0);
    CHECK(w.letters(w.a) == "W");
    CHECK(w.flags(w.a) == pick<TestType>("DBM", "XDBM"));
    CHECK(w.t.load(w.a + 4096).value == 2);
    CHECK(w.flags(w.a + 4096) == pick<TestType>("DB", "XDB"));
    w.audit();
}

BOTH_PROFILES("unmapping gives device pages back to their driver", "[device-memory]") {
    to_device<TestType> w;
    REQUIRE(w.take(4) == 4);
    REQUIRE(w.t.mprotect(w.a, 4096, mm::prot::read) == 0);
    CHECK(w.letters(w.a).empty());
    REQUIRE(w.t.munmap(w.a, 8 * 4096) == 0);
    CHECK(w.device.free_pages() == 64);
    w.audit();
}

TEST_CASE("6.12: coherent pages stay mapped; a long-term pin moves them to memory first", "[device-memory]") {
    using P = mmt::checked_6_12;
    to_device<P> w(device_type::coherent);
    REQUIRE(w.take(4) == 4);
    CHECK(w.letters(w.a) == "WDY");
    CHECK(w.page_at(w.a)->zone() == mm::zone_kind::device);
    CHECK(w.t.load(w.a).value == 1);
    REQUIRE(w.pin(w.a, 1, foll::write) == 1);
    CHECK(w.page_at(w.a)->zone() == mm::zone_kind::device);
    CHECK(w.pin_slow(w.a, 1, foll::write | foll::longterm) == -err::ebusy);  // somebody has a pin there
    w.t.unpin_user_page(w.page_at(w.a));
    REQUIRE(w.pin(w.a, 4, foll::write | foll::longterm) == 4);
    for (unsigned k = 0; k < 4; ++k) CHECK(w.page_at(w.a + 4096 * k)->zone() != mm::zone_kind::device);
    CHECK(w.device.free_pages() == 64);
    w.audit();
    w.unpin(4);
}

BOTH_PROFILES("failed memory is taken from its users and never handed out again", "[memory-failure]") {
    device_world<TestType> w;
    auto& phys = w.phys();
    const vaddr a = w.map(2 * 4096);
    REQUIRE(w.t.store(a, 1) == fault_result::ok);
    for (auto* stays : {w.t.mm().tables.root(), phys.zero_page()}) {  // nobody could go on without it
        const auto count = stays->count.refs();
        CHECK(mm::memory_failure(phys, phys.number(stays)).error == -err::ebusy);
        CHECK(stays->count.refs() == count);
    }
    w.audit();
    const mm::pfn n = phys.number(w.page_at(a));
    const std::uint64_t free = w.box.free_pages();
    auto r = mm::memory_failure(phys, n);
    CHECK(r.fate == mm::failure_fate::contained);
    CHECK(r.data_lost);
    CHECK(r.users == std::vector<mm::space<TestType>*>{&w.t.mm()});
    CHECK(w.t.load(a).fault == fault_result::hwpoison);
    CHECK(w.pin(a, 1) == -err::efault);
    CHECK(w.pin_slow(a, 1, foll::hwpoison) == -err::ehwpoison);
    CHECK(w.box.free_pages() == free);
    CHECK(mm::memory_failure(phys, n).fate == mm::failure_fate::known);
    // A free frame leaves the free lists, its neighbours stay.
    auto* spare = phys.alloc({});
    const mm::pfn m = phys.number(spare);
    phys.drop(spare, mm::holder::hand_out);
    const std::uint64_t before = w.box.free_pages();
    CHECK(mm::memory_failure(phys, m).fate == mm::failure_fate::unused);
    CHECK(w.box.free_pages() == before - 1);
    for (int k = 0; k < 2000; ++k) CHECK(phys.number(phys.alloc({})) != m);
}

BOTH_PROFILES("one failed page of a huge page leaves the others in use", "[memory-failure]") {
    device_world<TestType> w;
    const vaddr a = w.huge();
    for (unsigned k = 0; k < 512; ++k) REQUIRE(w.t.store(a + 4096 * k, 7) == fault_result::ok);
    const auto r = mm::memory_failure(w.phys(), w.phys().number(w.page_at(a + 9 * 4096)));
    CHECK(r.fate == mm::failure_fate::contained);
    CHECK(w.t.load(a + 9 * 4096).fault == fault_result::hwpoison);
    CHECK(w.t.load(a + 8 * 4096).value == 7);
    CHECK(w.t.load(a).value == 7);
    w.audit();
    const vaddr b = w.huge();
    REQUIRE(w.pin(b, 1, foll::write) == 1);  // cannot be split: it is quarantined whole, when it goes
    const std::uint64_t free = w.box.free_pages();
    CHECK(mm::memory_failure(w.phys(), w.phys().number(w.page_at(b + 4096))).error == -err::ebusy);
    w.unpin(1);
    REQUIRE(w.t.munmap(b, 2_MiB) == 0);
    CHECK(w.box.free_pages() - free < 512);
    w.audit();
}

TEST_CASE("6.12: a place nothing was in yet gets a page of a coherent device, mapped at once", "[device-memory]") {
    to_device<checked_6_12> w(device_type::coherent);
    w.a += 4 * 4096;
    REQUIRE(w.take(2) == 2);
    CHECK(w.t.inspect(w.a).map == mm::entry_kind::leaf);
    CHECK(w.letters(w.a).find('W') != std::string::npos);
    CHECK(w.page_at(w.a)->zone() == mm::zone_kind::device);
    CHECK(w.t.store(w.a, 3) == fault_result::ok);
    CHECK(w.t.load(w.a).value == 3);
    w.audit();
}

BOTH_PROFILES("without memory to come back to, a touch of what is on a device fails, and nothing is lost", "[device-memory]") {
    to_device<TestType> w;
    REQUIRE(w.take(4) == 4);
    auto& phys = w.phys();
    std::vector<frame<TestType>*> all;
    while (auto* f = phys.alloc({})) all.push_back(f);
    CHECK(w.t.touch(w.a, false) == fault_result::oom);
    CHECK(w.t.inspect(w.a).map == private_entry);
    for (auto* f : all) phys.drop(f, mm::holder::hand_out);
    CHECK(w.t.load(w.a).value == 1);
    w.audit();
}

BOTH_PROFILES("an unmapped page of a huge page fails: what is split off by that is free, and never handed out", "[memory-failure]") {
    device_world<TestType> w;
    const vaddr a = w.huge();
    REQUIRE(w.t.store(a + 8 * 4096, 7) == fault_result::ok);
    frame<TestType>* const gone = w.page_at(a + 9 * 4096);
    REQUIRE(w.t.munmap(a + 9 * 4096, 4096) == 0);
    const auto r = mm::memory_failure(w.phys(), w.phys().number(gone));
    CHECK(r.fate == mm::failure_fate::unused);
    CHECK(r.error == 0);
    CHECK(gone->is(mm::pg::hwpoison));
    CHECK(w.t.load(a + 8 * 4096).value == 7);
    CHECK(w.t.inspect(a + 8 * 4096).page.order == 0);
    w.audit();
    for (int k = 0; k < 2000; ++k) CHECK(w.phys().alloc({}) != gone);
}

BOTH_PROFILES("a page that leaves its folio before it can be held fails by itself", "[memory-failure]") {
    device_world<TestType> w;
    const vaddr a = w.huge();
    REQUIRE(w.t.store(a + 9 * 4096, 7) == fault_result::ok);
    hooked::once(mm::race_point::head_resolved, [&] { REQUIRE(mm::split_range(w.t.mm(), a, a + 2_MiB) == 1); });
    CHECK(mm::memory_failure(w.phys(), w.phys().number(w.page_at(a + 9 * 4096))).fate == mm::failure_fate::contained);
    CHECK(w.t.inspect(a).page.order == 0);
    CHECK(w.t.load(a).value == 1);  // what had been the head is sound
    CHECK(w.t.load(a + 9 * 4096).fault == fault_result::hwpoison);
    w.audit();
}

BOTH_PROFILES("failed memory somebody pins is unmapped, and quarantined at the last unpin", "[memory-failure]") {
    device_world<TestType> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    const auto r = mm::memory_failure(w.phys(), w.phys().number(w.pages[0]));
    CHECK(r.fate == mm::failure_fate::still_referenced);
    CHECK(r.holders == 1024);
    CHECK(w.t.load(a).fault == fault_result::hwpoison);
    const std::uint64_t free = w.box.free_pages();
    w.unpin(1);
    CHECK(w.box.free_pages() == free);
    REQUIRE(w.t.munmap(a, 4096) == 0);
    w.audit();
}

BOTH_PROFILES("a failed page of a file leaves the cache", "[memory-failure]") {
    device_world<TestType> w;
    mm::file& f = w.box.create_file(mm::file_kind::memfd, 4096, mm::fill::pattern);
    const vaddr a = w.map_file(f);
    CHECK(w.t.load(a).value == 1);
    CHECK(mm::memory_failure(w.phys(), w.phys().number(w.page_at(a))).fate == mm::failure_fate::contained);
    CHECK(f.cache.empty());
    CHECK(w.t.load(a).fault == fault_result::hwpoison);
    w.audit();
}

BOTH_PROFILES("a page of a file that has failed is not mapped again before it leaves the cache", "[memory-failure]") {
    device_world<TestType> w;
    mm::file& f = w.box.create_file(GENERATE(mm::file_kind::memfd, mm::file_kind::ext4), 2 * 4096, mm::fill::pattern);
    const vaddr a = w.map_file(f);
    auto& other = w.box.spawn();
    const bool write = GENERATE(false, true), shared = GENERATE(false, true);
    const vaddr b = *other.mmap(2 * 4096, {.shared = shared, .source = &f});
    CHECK(w.t.load(a).value == 1);
    const mm::pfn n = w.phys().number(w.page_at(a));
    auto answer = fault_result::ok;
    hooked::once(mm::race_point::unmapped, [&] {
        answer = other.touch(b, write);
        REQUIRE(other.touch(b + 4096, false) == fault_result::ok);  // nor as a neighbour
    });
    CHECK(mm::memory_failure(w.phys(), n).fate == mm::failure_fate::contained);
    CHECK(answer == fault_result::hwpoison);
    CHECK(other.inspect(b).map == mm::entry_kind::none);
    w.audit();
    CHECK(other.touch(b, write) == fault_result::ok);
    CHECK(w.phys().number(other.inspect(b).page.page) != n);
    CHECK(w.t.load(a).fault == fault_result::hwpoison);
    w.audit();
}

ALL_DEVICE_RULES("failed device memory: DAX pages are unmapped, private and peer memory is its driver's business",
                 "[memory-failure]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(8);
    const vaddr a = w.map_file(f);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    const mm::pfn n = w.phys().number(w.pages[0]);
    auto r = mm::memory_failure(w.phys(), n);
    CHECK(r.fate == mm::failure_fate::still_referenced);
    CHECK(r.users.size() == 1);
    CHECK(w.t.load(a).fault == fault_result::hwpoison);
    CHECK(w.t.load(a + 4096).value == 2);
    w.unpin(1);
    CHECK(mm::memory_failure(w.phys(), n).fate == mm::failure_fate::known);
    const vaddr d = w.map_file(w.box.create_device_file(4_MiB));
    REQUIRE(w.t.touch(d, true) == fault_result::ok);
    REQUIRE(w.t.touch(d + 2_MiB, true) == fault_result::ok);
    r = mm::memory_failure(w.phys(), w.phys().number(w.page_at(d + 5 * 4096)));
    CHECK(r.users.size() == 1);
    CHECK(w.t.load(d).fault == fault_result::hwpoison);
    CHECK(w.t.inspect(d + 2_MiB).at == mm::level::pmd);
    auto& device = w.box.create_device_memory(device_type::private_memory, 16 * 4096);
    r = mm::memory_failure(w.phys(), device.device()->first);
    CHECK(r.error == -err::enxio);
    w.audit();
}

}  // namespace device_memory_tests
