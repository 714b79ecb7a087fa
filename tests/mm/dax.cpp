// SPDX-License-Identifier: BSL-1.0
// Files on persistent memory: faults, pins, truncation that waits, the last close. Source: spec 03 §6, spec 07 B11
// B12, spec 10 §2 §16.
#include "device_box.hpp"

#include <limits>

namespace dax_tests {

using namespace mmt;
using mm::fault_result;

namespace {

/// Letters of an entry of a DAX page: a device's entry, or, counted like memory, an ordinary one.
template <class P>
std::string dax_letters(std::string mine, bool huge = false) {
    if constexpr (P::devices::dax_is_mapped_counted) return mine;
    else return mine + (huge ? "V" : "SV");
}
template <class P>
constexpr int mapped = P::devices::dax_is_mapped_counted ? 1 : 0;
/// The count of a mapped page nobody holds: 1 in every rule, the baseline or the mapping.
constexpr int at_rest = 1;

}  // namespace

ALL_DEVICE_RULES("a DAX fault maps the device's own page and counts as the rule says", "[dax]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(8);
    const vaddr a = w.map_file(f);
    CHECK(w.t.load(a).value == 1);
    CHECK(w.letters(a) == dax_letters<TestType>("Y"));
    CHECK(w.t.store(a, 9) == fault_result::ok);
    CHECK(w.letters(a) == dax_letters<TestType>("WDY"));
    CHECK(w.refs(a) == at_rest);
    CHECK(w.t.inspect(a).page.mapcount == mapped<TestType>);
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::fsdax);
    CHECK(w.box.pread(f, 0) == 9);
    CHECK(w.box.pwrite(f, 1, 77) == 0);
    CHECK(w.t.load(a + 1).value == 77);
    CHECK(w.t.inspect(a + 4096).map == mm::entry_kind::none);
    CHECK(w.t.touch(a + 8 * 4096, true) == fault_result::sigsegv);
    const frame<TestType>* page = w.page_at(a);
    REQUIRE(w.t.munmap(a, f.size) == 0);
    CHECK(page->count.refs() == idle<TestType>(mm::device_type::fsdax));
    CHECK(w.page_at(w.map_file(f)) == nullptr);
    w.audit();
}

TEST_CASE("counted like memory, a page whose last release is under way is mapped again once, and one that overflowed stays alive", "[dax]") {
    device_world<checked_zero_based> w;
    mm::file& f = w.dax_file(2);
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.store(a, 1) == fault_result::ok);
    auto* const page = w.page_at(a);
    REQUIRE(w.t.munmap(a, f.size) == 0);
    REQUIRE(page->count.is_dead());
    page->count.set_raw(0);  // as whoever gave it back leaves it for a moment
    const vaddr b = w.map_file(f);
    REQUIRE(w.t.store(b, 2) == fault_result::ok);
    CHECK(w.page_at(b) == page);
    CHECK(w.refs(b) == 1);
    w.audit();
    page->count.set_raw(std::numeric_limits<std::int32_t>::min() + 5);
    const vaddr c = w.map_file(f);
    REQUIRE(w.t.store(c, 3) == fault_result::ok);
    CHECK(page->count.refs() == std::numeric_limits<std::int32_t>::min() + 6);
    page->count.set_raw(2);
    w.audit();
}

ALL_DEVICE_RULES("a hole that is read shows the zero page to all, until somebody writes", "[dax]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(8, mm::fill::sparse);
    const vaddr a = w.map_file(f), b = w.map_file(f);
    CHECK(w.t.load(a).value == 0);
    CHECK(w.t.load(b).value == 0);
    CHECK(w.letters(a) == "YS");
    CHECK(w.t.inspect(b).page.kind == mm::page_kind::zero);
    CHECK(w.t.store(a, 5) == fault_result::ok);
    CHECK(w.letters(a) == dax_letters<TestType>("WDY"));
    CHECK(w.t.inspect(b).map == mm::entry_kind::none);  // taken from every address space
    CHECK(w.t.load(b).value == 5);
    CHECK(w.t.load(a + 4096).value == 0);
    CHECK(w.box.pwrite(f, 4096, 3) == 0);  // a write past the mappings as well
    CHECK(w.t.load(a + 4096).value == 3);
    w.audit();
}

ALL_DEVICE_RULES("files of 2 MiB map by pmd where everything is aligned", "[dax]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(1024);
    const vaddr a = w.map_file(f);
    CHECK(w.t.touch(a + 4096, true) == fault_result::ok);
    CHECK(w.t.inspect(a).at == mm::level::pmd);
    CHECK(w.letters(a) == dax_letters<TestType>("WDY", true));
    CHECK(w.t.touch(a + 2_MiB, false) == fault_result::ok);
    CHECK(w.letters(a + 2_MiB) == dax_letters<TestType>("Y", true));
    CHECK(w.t.touch(a + 2_MiB, true) == fault_result::ok);
    CHECK(w.letters(a + 2_MiB) == dax_letters<TestType>("WDY", true));
    // Two units, four pages around the border, each counted where its count is.
    REQUIRE(w.pin(a + 510 * 4096, 4, foll::write) == 4);
    const bool folio = TestType::devices::dax_is_mapped_counted;
    CHECK(w.refs(a + 510 * 4096) == (folio ? 3 : 1025));
    CHECK(w.refs(a + 509 * 4096) == (folio ? 3 : 1));
    w.audit();
    w.unpin(4);
    CHECK(w.refs(a + 510 * 4096) == at_rest);
    REQUIRE(w.t.munmap(a, 4096) == 0);  // part of a unit: all of it is dropped and faulted again
    CHECK(w.t.inspect(a + 4096).map == mm::entry_kind::none);
    CHECK(w.t.touch(a + 4096, true) == fault_result::ok);
    CHECK(w.t.inspect(a + 4096).at == mm::level::pte);
    w.audit();
}

ALL_DEVICE_RULES("a big hole is the huge zero page, and a write fills it with one aligned block", "[dax]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(512, mm::fill::sparse);
    const vaddr a = w.map_file(f);
    CHECK(w.t.load(a).value == 0);
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::huge_zero);
    CHECK(w.t.store(a, 1) == fault_result::ok);
    CHECK(w.t.inspect(a).at == mm::level::pmd);
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::fsdax);
    CHECK(w.t.load(a + 1_MiB).value == 0);
    w.audit();
}

ALL_DEVICE_RULES("a big hole that was read is written page by page where no aligned block is left", "[dax]") {
    device_world<TestType> w;
    (void)w.dax_file(1600);  // of 2048
    mm::file& f = w.dax_file(512, mm::fill::sparse);
    const vaddr a = w.map_file(f), b = w.map_file(f);
    for (const vaddr x : {a, b}) {
        CHECK(w.t.load(x).value == 0);
        CHECK(w.t.inspect(x).page.kind == mm::page_kind::huge_zero);
    }
    CHECK(w.pin(a + 7 * 4096, 1, foll::write) == 1);
    w.unpin(1);
    CHECK(w.t.store(b + 9 * 4096, 5) == fault_result::ok);
    CHECK(w.t.load(a + 9 * 4096).value == 5);
    CHECK(w.t.inspect(a + 9 * 4096).at == mm::level::pte);
    CHECK(w.t.load(b).value == 0);
    w.audit();
}

ALL_DEVICE_RULES("a private mapping copies what it writes, and only that is memory", "[dax]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(8);
    const vaddr a = w.map_file(f, false);
    CHECK(w.t.load(a).value == 1);
    CHECK(w.letters(a) == dax_letters<TestType>("Y"));
    frame<TestType>* dax = w.page_at(a);
    CHECK(w.t.store(a, 9) == fault_result::ok);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::anon);
    CHECK(w.refs(a) == 1);
    CHECK(dax->count.refs() == idle<TestType>(mm::device_type::fsdax));
    CHECK(w.box.pread(f, 0) == 1);
    CHECK(w.t.store(a + 4096, 8) == fault_result::ok);  // nothing there before
    CHECK(w.t.load(a + 4097).value == 2);
    // Truncation takes the copies beyond the new end, punching leaves them.
    REQUIRE(w.box.fallocate(f, mm::file_change::punch, 0, 4096) == 0);
    CHECK(w.t.load(a).value == 9);
    REQUIRE(w.box.truncate(f, 4096) == 0);
    CHECK(w.t.load(a).value == 9);
    CHECK(w.t.load(a + 4096).fault == fault_result::sigbus);
    w.audit();
}

ALL_DEVICE_RULES("sync write-protects what was written, pinned or not", "[dax]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(8);
    const vaddr a = w.map_file(f), b = w.map_file(f);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    CHECK(w.t.touch(b, true) == fault_result::ok);
    CHECK(w.t.touch(b + 4096, false) == fault_result::ok);
    w.box.fsync(f);
    CHECK(w.letters(a) == dax_letters<TestType>("Y"));
    CHECK(w.letters(b) == dax_letters<TestType>("Y"));
    CHECK(w.t.touch(a, true) == fault_result::ok);
    CHECK(w.letters(a) == dax_letters<TestType>("WDY"));
    w.unpin(1);
    w.audit();
}

ALL_DEVICE_RULES("truncation waits for a pin or a reference anywhere in the file", "[dax]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(8);
    const vaddr a = w.map_file(f);
    w.t.touch(a + 4096, true);
    for (const bool pin : {true, false}) {
        REQUIRE((pin ? w.pin(a, 1, foll::write) : w.get(a, 1, foll::write)) == 1);
        const int answer = w.while_it_waits([&] { return w.box.truncate(f, 6 * 4096); },
                                            [&] {
                                                CHECK(w.t.inspect(a).map == mm::entry_kind::none);
                                                CHECK(w.t.inspect(a + 4096).map == mm::entry_kind::none);
                                                pin ? w.unpin(1) : w.put(1);
                                            });
        CHECK(answer == 0);
    }
    CHECK(w.t.touch(a + 5 * 4096, true) == fault_result::ok);
    CHECK(w.t.touch(a + 6 * 4096, true) == fault_result::sigbus);
    CHECK_FALSE(w.warned(mm::warn_id::dax_busy_entry));
    w.audit();
}

ALL_DEVICE_RULES("every change that takes pages away waits; allocating does not", "[dax]") {
    using mm::file_change;
    device_world<TestType> w;
    mm::file& f = w.dax_file(8);
    const vaddr a = w.map_file(f);
    const auto pinned = [&](auto change) {
        REQUIRE(w.pin(a, 1, foll::write) == 1);
        return w.while_it_waits(change, [&] { w.unpin(1); });
    };
    CHECK(pinned([&] { return w.box.fallocate(f, file_change::punch, 4096, 4096); }) == 0);
    CHECK(w.t.load(a + 4096).value == 0);
    CHECK(w.t.inspect(a + 4096).page.kind == mm::page_kind::zero);
    CHECK(pinned([&] { return w.box.fallocate(f, file_change::zero, 2 * 4096 + 100, 4096); }) == 0);
    CHECK(w.t.load(a + 2 * 4096).value == 3);
    CHECK(w.t.load(a + 2 * 4096 + 100).value == 0);
    CHECK(w.t.load(a + 3 * 4096 + 99).value == 0);
    CHECK(w.t.load(a + 3 * 4096 + 100).value == 4);
    CHECK(pinned([&] { return w.box.fallocate(f, file_change::collapse, 4096, 4096); }) == 0);
    CHECK(f.size == 7 * 4096);
    CHECK(w.t.load(a + 4096).value == 3);
    CHECK(pinned([&] { return w.t.madvise(a + 5 * 4096, 4096, mm::advice::remove); }) == 0);
    CHECK(w.t.load(a + 5 * 4096).value == 0);
    CHECK(w.t.load(a + 6 * 4096).value == 8);
    CHECK(w.box.fallocate(f, file_change::collapse, 100, 4096) == -err::einval);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    CHECK(w.box.fallocate(f, file_change::alloc, 7 * 4096, 2 * 4096) == 0);
    CHECK(f.size == 9 * 4096);
    w.unpin(1);
    w.audit();
}

ALL_DEVICE_RULES("an interrupted truncation changes nothing but the mappings", "[dax]") {
    struct stoppable : mm::parker {
        void park() override { inner.park(); }
        void unpark() noexcept override { inner.unpark(); }
        mm::thread_parker inner;
    } stop;
    device_world<TestType> w;
    mm::file& f = w.dax_file(8);
    const vaddr a = w.map_file(f);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    const int answer = w.while_it_waits(
        [&] {
            const mm::parked_by here(stop);
            return w.box.truncate(f, 0);
        },
        [&] { stop.interrupt(); });
    CHECK(answer == -err::eintr);
    CHECK(f.size == 8 * 4096);
    w.unpin(1);
    CHECK(w.t.load(a).value == 1);
    w.audit();
}

ALL_DEVICE_RULES("the undo of a fast walk may be the release a truncation waits for", "[dax]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(8);
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.touch(a, true) == fault_result::ok);
    int answer = -1;
    std::thread other;
    hooked::once(mm::race_point::added, [&] {  // the walk has its unit, not yet looked at the entry again
        other = std::thread([&] { answer = w.box.truncate(f, 0); });
        while (w.phys().page_idle.empty()) std::this_thread::yield();
    });
    frame<TestType>* page = nullptr;
    CHECK(mm::fast_part(w.t.mm(), a, a + 4096, foll::write | foll::pin, &page, nullptr) == 0);
    other.join();
    CHECK(answer == 0);
    w.audit();
}

ALL_DEVICE_RULES("what nobody maps is cut without a search, and who still holds a page is reported", "[dax]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(8);
    const vaddr a = w.map_file(f);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    REQUIRE(w.t.munmap(a, f.size) == 0);
    SECTION("by truncation") { CHECK(w.box.truncate(f, 0) == 0); }
    SECTION("by the last close") { w.box.close(f); }
    CHECK(w.warned(mm::warn_id::dax_busy_entry));
    CHECK(w.box.state_of(w.pages[0]).kind == mm::page_kind::fsdax);
    w.box.dma_write(w.pages[0], 0, 9);
    w.unpin(1);
    w.audit();
}

ALL_DEVICE_RULES("a closed file goes with its last mapping", "[dax]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(8);
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.touch(a, true) == fault_result::ok);
    w.box.close(f);
    CHECK(w.t.load(a + 4096).value == 2);
    CHECK_FALSE(f.dax->blocks.empty());
    REQUIRE(w.t.munmap(a, f.size) == 0);
    CHECK(f.dax->blocks.empty());
    CHECK_FALSE(w.warned(mm::warn_id::dax_busy_entry));
}

ALL_DEVICE_RULES("long-term pins of DAX files are refused without a trace, of a whole device granted", "[dax]") {
    device_world<TestType> w;
    const vaddr a = w.map_file(w.dax_file(8));
    for (const bool present : {false, true}) {
        if (present) REQUIRE(w.t.touch(a, true) == fault_result::ok);
        CHECK(w.pin(a, 1, foll::write | foll::longterm) == -err::eopnotsupp);
        CHECK(w.pin_slow(a, 1, foll::longterm) == -err::eopnotsupp);
        if (present) CHECK(w.refs(a) == at_rest);
    }
    const vaddr d = w.map_file(w.box.create_device_file(4_MiB));
    REQUIRE(w.pin(d, 512, foll::write | foll::longterm) == 512);
    w.audit();
    w.unpin(512);
    // A private copy in a DAX mapping looks like any anonymous page to the fast walk (NR-1).
    const vaddr p = w.map_file(w.dax_file(4), false);
    REQUIRE(w.t.touch(p, true) == fault_result::ok);
    CHECK(w.pin_slow(p, 1, foll::write | foll::longterm) == -err::eopnotsupp);
    if (!is_2019<TestType>) {
        CHECK(w.pin(p, 1, foll::write | foll::longterm) == 1);
        w.unpin(1);
    }
    w.audit();
}

ALL_DEVICE_RULES("MAP_SYNC needs a synchronous device; a device is mapped whole, shared and aligned", "[dax]") {
    mm::options o = with_devices();
    for (const bool sync : {false, true}) {
        o.dax_sync = sync;
        device_world<TestType> w(o);
        mm::file& f = w.dax_file(8, mm::fill::sparse);
        mm::mapping m;
        m.source = &f;
        m.shared = m.sync = true;
        const auto a = w.t.mmap(f.size, m);
        CHECK(a.error == (sync ? 0 : -err::eopnotsupp));
        if (!sync) continue;
        f.dax->metadata_dirty = true;
        CHECK(w.t.touch(*a, true) == fault_result::ok);
        CHECK_FALSE(f.dax->metadata_dirty);
    }
    device_world<TestType> w(o);
    mm::file& d = w.box.create_device_file(4_MiB);
    mm::mapping m;
    m.source = &d;
    CHECK(w.t.mmap(2_MiB, m).error == -err::einval);
    m.shared = true;
    CHECK(w.t.mmap(4096, m).error == -err::einval);
    m.offset = 4096;
    CHECK(w.t.mmap(2_MiB, m).error == 0);
    m.offset = 0;
    const vaddr a = w.map(4_MiB, m);
    CHECK(w.t.touch(a, false) == fault_result::ok);
    CHECK(w.letters(a) == "WYV");
    CHECK(w.t.munmap(a + 4096, 4096) == -err::einval);
    CHECK(w.t.mprotect(a, 4096, mm::prot::read) == -err::einval);
    CHECK(w.t.munmap(a, 2_MiB) == 0);
    w.audit();
}

ALL_DEVICE_RULES("files that share blocks part at the first write", "[dax]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(4);
    mm::file& g = w.dax_file(0, mm::fill::sparse);
    mm::dax_reflink(w.phys(), f, g);
    const vaddr a = w.map_file(f), b = w.map_file(g);
    CHECK(w.t.load(a).value == 1);
    CHECK(w.t.load(b).value == 1);
    CHECK(w.page_at(a) == w.page_at(b));
    REQUIRE(w.pin(b, 1) == 1);  // whoever it belongs to
    CHECK(w.pages[0] == w.page_at(a));
    w.unpin(1);
    CHECK(w.t.store(b, 7) == fault_result::ok);
    CHECK(w.page_at(a) != w.page_at(b));
    CHECK(w.t.load(a).value == 1);
    CHECK(w.t.load(b + 1).value == 1);
    w.box.close(f);
    w.box.close(g);
    REQUIRE(w.t.munmap(a, f.size) == 0);
    REQUIRE(w.t.munmap(b, g.size) == 0);
    CHECK_FALSE(w.warned(mm::warn_id::dax_busy_entry));
    w.audit();
}


ALL_DEVICE_RULES("three files that share a block leave it one by one", "[dax]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(1);
    mm::file& g = w.dax_file(0, mm::fill::sparse);
    mm::file& h = w.dax_file(0, mm::fill::sparse);
    mm::dax_reflink(w.phys(), f, g);
    mm::dax_reflink(w.phys(), f, h);
    const vaddr a = w.map_file(f), b = w.map_file(g), c = w.map_file(h);
    for (const vaddr at : {a, b, c}) CHECK(w.t.load(at).value == 1);
    CHECK(w.page_at(a) == w.page_at(c));
    CHECK(w.t.store(a, 7) == fault_result::ok);
    CHECK(w.t.store(b, 8) == fault_result::ok);
    CHECK(w.t.load(c).value == 1);
    CHECK(mm::detail::is_dax_shared(w.page_at(c)));  // the last one has it as two had it
    CHECK(w.t.store(c, 9) == fault_result::ok);
    CHECK(w.t.load(a).value == 7);
    CHECK(w.t.load(b).value == 8);
    w.audit();
}

ALL_DEVICE_RULES("whole pages that are to read zero keep their blocks", "[dax]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(2048);
    CHECK(&f.dax->space() == &w.box.pmem().blocks);  // all of the device: there is no room for another block
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.touch(a + 4096, false) == fault_result::ok);
    const mm::pfn before = f.dax->find_block(1)->frame;
    REQUIRE(w.box.fallocate(f, mm::file_change::zero, 4096, 4096) == 0);
    CHECK(w.box.pread(f, 4096) == 0);
    CHECK(w.box.pread(f, 2 * 4096) == 3);
    CHECK(w.t.load(a + 4096).value == 0);
    CHECK(w.t.store(a + 4096, 9) == fault_result::ok);
    CHECK(f.dax->find_block(1)->frame == before);
    CHECK(w.box.pread(f, 4096 + 1) == 0);
    w.audit();
}

ALL_DEVICE_RULES("a hole of less than a page is zeroed in place", "[dax]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(2);
    REQUIRE(w.box.fallocate(f, mm::file_change::punch, 4096 + 100, 50) == 0);
    CHECK(w.box.pread(f, 4096 + 99) == 2);
    CHECK(w.box.pread(f, 4096 + 100) == 0);
    CHECK(w.box.pread(f, 4096 + 149) == 0);
    CHECK(w.box.pread(f, 4096 + 150) == 2);
}

ALL_DEVICE_RULES("a private write into what a pmd shows copies one page, and ptes show the rest", "[dax]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(512);
    const vaddr a = w.map_file(f, false);
    CHECK(w.t.load(a + 4096).value == 2);
    REQUIRE(w.t.inspect(a).at == mm::level::pmd);
    CHECK(w.t.store(a + 4096, 9) == fault_result::ok);
    CHECK(w.t.inspect(a + 4096).at == mm::level::pte);
    CHECK(w.t.inspect(a + 4096).page.kind == mm::page_kind::anon);
    CHECK(w.box.pread(f, 4096) == 2);
    CHECK(w.t.load(a).value == 1);
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::fsdax);
    w.audit();
}

ALL_DEVICE_RULES("a full device: what has no block is SIGBUS, and a write ends where the room does", "[dax]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(2048);
    mm::file& g = w.dax_file(512, mm::fill::sparse);
    const vaddr a = w.map_file(g);
    CHECK(w.t.touch(a, true) == fault_result::sigbus);
    CHECK(w.t.load(a).value == 0);
    CHECK(w.box.pwrite(g, 0, 1) == -err::enospc);
    REQUIRE(w.box.truncate(f, 2047 * 4096) == 0);  // room for a page, for no huge one
    const vaddr from = w.map(2 * 4096);
    REQUIRE(w.t.store(from + 4095, 5) == fault_result::ok);
    CHECK(w.t.direct_write(g, 0, from, 2 * 4096) == 4096);
    CHECK(w.t.direct_write(g, 4096, from, 4096) == -err::enospc);
    CHECK(w.t.load(a + 4095).value == 5);
    CHECK(w.t.inspect(a + 4095).at == mm::level::pte);
    w.audit();
}

TEST_CASE("counted like memory: a huge block that nobody shows is single pages again when its file lets it go", "[dax]") {
    using P = checked_zero_based;
    device_world<P> w;
    mm::file& f = w.dax_file(512);
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.touch(a, true) == fault_result::ok);
    frame<P>* const head = w.phys().head(w.page_at(a + 5 * 4096));
    CHECK(head->order() == mm::pmd_order);
    REQUIRE(w.t.munmap(a, f.size) == 0);
    CHECK(head->count.refs() == 0);
    REQUIRE(w.box.truncate(f, 0) == 0);
    CHECK(head->order() == 0);
    CHECK_FALSE(w.phys().nth(head, 5)->is_tail());
    mm::file& g = w.dax_file(8);
    const vaddr b = w.map_file(g);
    CHECK(w.t.load(b + 5 * 4096).value == 6);
    CHECK(w.t.inspect(b + 5 * 4096).page.order == 0);
    w.audit();
}

}  // namespace dax_tests
