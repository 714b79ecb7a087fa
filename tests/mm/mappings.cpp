// SPDX-License-Identifier: BSL-1.0
// mmap, munmap, mprotect, madvise: the tree of VMAs, the entries, the counts (spec 07 §3 §7, spec 10 §9 §10).
#include "box.hpp"

#include <random>

namespace mappings_tests {

using namespace mmt;
using mm::fault_result;

BOTH_PROFILES("VMAs split where they differ and merge where they are alike", "[mappings]") {
    world<TestType> w;
    auto& mm_ = w.t.mm();
    const vaddr base = vaddr{1} << 40;
    for (int k = 0; k < 8; ++k) w.map(4096, {.at = base + static_cast<unsigned>(k) * 4096});
    CHECK(mm_.vmas().size() == 1);
    CHECK(w.t.mprotect(base + 2 * 4096, 2 * 4096, mm::prot::read) == 0);
    CHECK(mm_.vmas().size() == 3);
    CHECK(w.t.mprotect(base + 2 * 4096, 2 * 4096, mm::prot::rw) == 0);
    CHECK(mm_.vmas().size() == 1);
    CHECK(w.t.munmap(base + 4096, 4096) == 0);
    CHECK(mm_.vmas().size() == 2);
    CHECK(mm_.find(base + 4096) == nullptr);
    CHECK(w.t.mprotect(base, 3 * 4096, mm::prot::read) == -err::enomem);
    auto& f = w.box.create_file(mm::file_kind::memfd, 1_MiB);
    const vaddr b = base + 1_GiB;
    w.map(4096, {.source = &f, .offset = 0, .at = b});
    w.map(4096, {.source = &f, .offset = 4096, .at = b + 4096});
    CHECK(mm_.find(b) == mm_.find(b + 4096));
    w.map(4096, {.source = &f, .offset = 0, .at = b + 8192});
    CHECK(mm_.find(b) != mm_.find(b + 8192));
}

BOTH_PROFILES("ten thousand mappings, found, split and removed like a table says", "[mappings]") {
    world<TestType> w;
    std::mt19937 rng(3);
    const vaddr base = vaddr{1} << 41;
    constexpr std::size_t slots = 20000;
    std::vector<int> shadow(slots, -1);  // protection of each page, -1 = none
    for (int step = 0; step < 15000; ++step) {
        const std::size_t at = rng() % slots, n = std::min<std::size_t>(1 + rng() % 5, slots - at);
        const vaddr a = base + at * 4096;
        const auto prot = static_cast<unsigned>(rng() % 3 == 0 ? mm::prot::read : mm::prot::rw);
        if (rng() % 3 != 0) {
            REQUIRE(w.t.mmap(n * 4096, {.prot = prot, .at = a, .replace = true}).error == 0);
            for (std::size_t k = at; k < at + n; ++k) shadow[k] = static_cast<int>(prot);
        } else {
            REQUIRE(w.t.munmap(a, n * 4096) == 0);
            for (std::size_t k = at; k < at + n; ++k) shadow[k] = -1;
        }
    }
    CHECK(w.t.mm().vmas().size() > 2000);
    for (std::size_t k = 0; k < slots; ++k) {
        const auto* v = w.t.mm().find(base + k * 4096);
        REQUIRE((v != nullptr) == (shadow[k] >= 0));
        if (v) REQUIRE(v->has(mm::vm::write) == (shadow[k] == static_cast<int>(mm::prot::rw)));
    }
    w.box.exit(w.t);
    for (const std::string& fault : mm::audit(w.box)) FAIL_CHECK(fault);
}

BOTH_PROFILES("an occupied place is refused, replaced only on request", "[mappings]") {
    world<TestType> w;
    const vaddr a = w.map(16_KiB);
    REQUIRE(w.t.store(a, 1) == fault_result::ok);
    CHECK(w.t.mmap(4096, {.at = a}).error == -err::eexist);
    CHECK(w.t.mmap(0).error == -err::einval);
    CHECK(w.t.mmap(4096, {.at = a + 1}).error == -err::einval);
    CHECK(w.t.mmap(4096, {.at = mm::geometry<true>::user_end}).error == -err::enomem);
    CHECK(w.t.mmap(8192, {.at = mm::geometry<true>::user_end - 4096}).error == -err::enomem);
    CHECK(w.t.mmap(mm::geometry<true>::user_end + 4096, {.at = a}).error == -err::enomem);
    CHECK(w.t.mmap(~std::uint64_t{0}).error == -err::enomem);
    CHECK(w.t.mmap(4096, {.at = a, .replace = true}).error == 0);
    CHECK(w.t.load(a).value == 0);
    CHECK(w.t.munmap(a + 1, 4096) == -err::einval);
    w.audit();
}

BOTH_PROFILES("munmap gives pages and tables back", "[mappings]") {
    world<TestType> w;
    const auto free = w.box.free_pages();
    const auto tables = w.t.mm().tables.tables();
    const vaddr a = w.map(1_GiB, {.at = vaddr{3} << 40});
    for (vaddr k = 0; k < 1_GiB; k += 64_MiB) REQUIRE(w.t.store(a + k, 1) == fault_result::ok);
    CHECK(w.t.munmap(a, 512_MiB) == 0);
    CHECK(w.t.inspect(a).map == mm::entry_kind::none);
    CHECK(w.t.load(a + 512_MiB).value == 1);
    CHECK(w.t.munmap(a + 512_MiB, 512_MiB) == 0);
    w.box.phys().lru_drain_all();
    CHECK(w.t.mm().tables.tables() == tables);
    CHECK(w.box.free_pages() == free);
    w.audit();
}

BOTH_PROFILES("part of a huge page goes: the entry is split, the folio stays while anything maps it", "[mappings]") {
    world<TestType> w;
    const vaddr a = w.huge();
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    CHECK(w.t.munmap(a, 1_MiB) == 0);
    CHECK(w.refs(a + 1_MiB) == 256 + pick<TestType>(1024, 1));
    CHECK(w.t.inspect(a + 1_MiB).page.folio_mapcount == 256);
    CHECK(w.t.inspect(a + 1_MiB).page.order == 9);
    w.audit();
    CHECK(w.t.munmap(a + 1_MiB, 1_MiB) == 0);
    w.audit();
    CHECK_FALSE(w.box.phys().head(w.pages[0])->is(mm::pg::buddy));
    w.unpin(1);
    CHECK(w.pages[0]->is(mm::pg::buddy));
    w.audit();
}

BOTH_PROFILES("mprotect keeps dirty and young; exclusive memory gets its write bit back at once", "[mappings]") {
    world<TestType> w;
    const vaddr a = w.map(8192);
    REQUIRE(w.t.store(a, 1) == fault_result::ok);
    CHECK(w.t.mprotect(a, 8192, mm::prot::read) == 0);
    CHECK(w.letters(a) == "DY");
    CHECK(w.t.store(a, 2) == fault_result::sigsegv);
    CHECK(w.t.mprotect(a, 8192, mm::prot::none) == 0);
    CHECK(w.letters(a) == "DY");
    CHECK(w.t.load(a).fault == fault_result::sigsegv);
    CHECK(w.t.mprotect(a, 8192, mm::prot::rw) == 0);
    CHECK(w.letters(a) == pick<TestType, std::string>("DY", "WDY"));
    auto* page = w.page_at(a);
    CHECK(w.t.store(a, 3) == fault_result::ok);
    CHECK(w.page_at(a) == page);
    CHECK(w.letters(a) == "WDY");
    w.audit();
}

BOTH_PROFILES("memory that moves while its access is taken away arrives without it", "[mappings]") {
    world<TestType> w;
    const bool huge = GENERATE(false, true);
    const vaddr a = huge ? w.huge() : w.map(4096);
    const std::uint64_t len = huge ? 2_MiB : 4096;
    REQUIRE(w.t.store(a, 1) == fault_result::ok);
    auto* before = w.page_at(a);
    hooked::once(mm::race_point::unmapped, [&] { REQUIRE(w.t.mprotect(a, len, mm::prot::none) == 0); });
    REQUIRE(mm::migrate_page(w.t.mm(), a, {}).error == 0);
    CHECK(w.page_at(a) != before);
    CHECK(w.t.inspect(a).raw.denies_access());
    CHECK(w.t.load(a).fault == fault_result::sigsegv);
    CHECK(w.pin(a, 1) == -err::efault);
    w.audit();

    before = w.page_at(a);
    hooked::once(mm::race_point::unmapped, [&] { REQUIRE(w.t.mprotect(a, len, mm::prot::rw) == 0); });
    REQUIRE(mm::migrate_page(w.t.mm(), a, {}).error == 0);
    CHECK(w.page_at(a) != before);
    CHECK(w.t.load(a).value == 1);
    CHECK(w.t.store(a, 2) == fault_result::ok);
    w.audit();
}

BOTH_PROFILES("mprotect of a huge page: whole keeps the pmd, part splits it", "[mappings]") {
    world<TestType> w;
    const vaddr a = w.huge();
    CHECK(w.t.mprotect(a, 2_MiB, mm::prot::read) == 0);
    CHECK(w.t.inspect(a).at == mm::level::pmd);
    CHECK(w.letters(a) == "DY");
    CHECK(w.t.mprotect(a, 2_MiB, mm::prot::rw) == 0);
    CHECK(w.letters(a) == pick<TestType, std::string>("DY", "WDY"));
    CHECK(w.t.mprotect(a, 1_MiB, mm::prot::read) == 0);
    CHECK(w.t.inspect(a).at == mm::level::pte);
    CHECK(w.letters(a) == "DY");
    w.audit();
}

BOTH_PROFILES("mprotect of shared memory: shmem writes at once, ext4 only what is dirty already", "[mappings]") {
    world<TestType> w;
    auto& s = w.box.create_file(mm::file_kind::memfd, 8192, mm::fill::pattern);
    auto& e = w.box.create_file(mm::file_kind::ext4, 8192, mm::fill::pattern);
    const vaddr a = w.map(8192, {.prot = mm::prot::read, .shared = true, .source = &s});
    const vaddr b = w.map(8192, {.prot = mm::prot::read, .shared = true, .source = &e});
    REQUIRE(w.t.load(a).value == 1);
    REQUIRE(w.t.load(b).value == 1);
    CHECK(w.letters(a) == "Y");
    CHECK(w.t.mprotect(a, 8192, mm::prot::rw) == 0);
    CHECK(w.letters(a) == "WY");
    CHECK(w.t.mprotect(b, 8192, mm::prot::rw) == 0);
    CHECK(w.letters(b) == "Y");
    REQUIRE(w.t.store(b, 1) == fault_result::ok);
    CHECK(w.t.mprotect(b, 8192, mm::prot::read) == 0);
    CHECK(w.t.mprotect(b, 8192, mm::prot::rw) == 0);
    CHECK(w.letters(b) == "WDY");
    w.audit();
}

BOTH_PROFILES("DONTNEED: the pin keeps the old page, the process gets a new one", "[mappings]") {
    world<TestType> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.t.store(a, 5) == fault_result::ok);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    CHECK(w.t.madvise(a, 4096, mm::advice::dontneed) == 0);
    CHECK(w.box.state_of(w.pages[0]).refs == 1024);
    CHECK(w.t.load(a).value == 0);
    CHECK(w.box.dma_read(w.pages[0], 0) == 5);
    w.unpin(1);
    CHECK(w.t.madvise(a, 8192, mm::advice::dontneed) == -err::enomem);
    w.audit();
}

BOTH_PROFILES("POPULATE faults everything in, counts nothing, and names what is in the way", "[mappings]") {
    world<TestType> w;
    const vaddr a = w.map(16 * 4096);
    CHECK(w.t.madvise(a, 16 * 4096, mm::advice::populate_read) == 0);
    CHECK(w.letters(a + 15 * 4096) == "YS");
    CHECK(w.t.madvise(a, 16 * 4096, mm::advice::populate_write) == 0);
    CHECK(w.letters(a + 15 * 4096) == "WDY");
    CHECK(w.refs(a) == 1);
    CHECK(w.t.madvise(a, 17 * 4096, mm::advice::populate_write) == -err::enomem);
    const vaddr r = w.map(4096, {.prot = mm::prot::read});
    CHECK(w.t.madvise(r, 4096, mm::advice::populate_write) == -err::einval);
    CHECK(w.t.madvise(w.map(4096, {.prot = mm::prot::none}), 4096, mm::advice::populate_read) == -err::einval);
    CHECK(w.t.madvise(w.map(4096, {.kind = mm::map_kind::pfnmap}), 4096, mm::advice::populate_read) == -err::einval);
    auto& f = w.box.create_file(mm::file_kind::tmpfs, 4096);
    CHECK(w.t.madvise(w.map(8192, {.source = &f}), 8192, mm::advice::populate_read) == -err::efault);
    CHECK_FALSE(w.t.has_pinned());
    w.audit();
}

BOTH_PROFILES("locked memory is there at once and marked", "[mappings]") {
    world<TestType> w;
    const vaddr a = w.map(8192);
    CHECK(w.t.mlock(a, 8192) == 0);
    CHECK(w.letters(a + 4096) == "WDY");
    CHECK(w.flags(a).back() == 'M');
    CHECK(w.t.madvise(a, 4096, mm::advice::dontneed) == -err::einval);
    CHECK(w.t.munlock(a, 8192) == 0);
    CHECK(w.flags(a).back() == 'B');
    CHECK(w.t.mlock(w.map(4096, {.prot = mm::prot::none}), 4096) == -err::enomem);
    const vaddr b = w.map(8192, {.populate = true});
    CHECK(w.letters(b) == "WDY");
    w.audit();
}

BOTH_PROFILES("a pfnmap is present, special, and nobody's", "[mappings]") {
    world<TestType> w;
    const vaddr a = w.map(4 * 4096, {.shared = true, .kind = mm::map_kind::pfnmap});
    CHECK(w.letters(a) == "WYS");
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::nopage);
    CHECK(w.t.touch(a, true) == fault_result::ok);
    CHECK(w.letters(a) == "WDYS");
    CHECK(w.pin(a, 1) == -err::efault);
    CHECK(w.get(a, 1) == -err::efault);
    CHECK(w.t.get_user_pages_fast_only(a, 1, 0, w.pages) == 0);
    CHECK(w.box.counters() == mm::pin_counters{});
    w.audit();
}

BOTH_PROFILES("where a VMA had no room for a huge page, or memory is short, base pages serve", "[mappings]") {
    world<TestType> w(small(8_MiB));
    const vaddr a = w.map(32_MiB, {.huge = true});
    std::uint64_t huge = 0;
    for (vaddr k = 0; k < 7_MiB; k += 4096) {
        if (w.t.store(a + k, 1) != fault_result::ok) break;
        if (k % 2_MiB == 0 && w.t.inspect(a + k).at == mm::level::pmd) ++huge;
    }
    CHECK(huge == 3);
    CHECK(w.t.inspect(a + 6_MiB).at == mm::level::pte);
    w.audit();
}

BOTH_PROFILES("mlock of a range passes over raw memory in it", "[mappings]") {
    world<TestType> w;
    const vaddr a = w.map(2 * 4096);
    const vaddr raw = w.map(4096, {.shared = true, .kind = mm::map_kind::pfnmap, .at = a + 2 * 4096});
    const vaddr b = w.map(4096, {.at = raw + 4096});
    CHECK(w.t.mlock(a, 4 * 4096) == 0);
    CHECK(w.t.inspect(a + 4096).map == mm::entry_kind::leaf);
    CHECK(w.letters(raw).find('S') != std::string::npos);  // as it was
    CHECK(w.t.inspect(b).map == mm::entry_kind::leaf);
    w.audit();
}

BOTH_PROFILES("a search for room goes around what is in the way, starts again from below, and may find none", "[mappings]") {
    world<TestType> w;
    const vaddr a = w.map(4096);
    const vaddr in_the_way = w.map(4096, {.at = a + 4096});
    const vaddr behind = w.map(2 * 4096);
    CHECK(behind >= in_the_way + 4096);
    constexpr std::uint64_t all = std::uint64_t{1} << 47;
    CHECK(w.t.mmap(all, {}).error == -err::enomem);
    for (std::uint64_t len = all / 2; len >= 4096; len /= 2)
        while (w.t.mmap(len, {}).error == 0) {
        }
    REQUIRE(w.t.munmap(a, 4096) == 0);  // the only room, far below the last that was given
    CHECK(w.map(4096) == a);
    CHECK(w.t.mmap(4096, {}).error == -err::enomem);
    w.audit();
}

}  // namespace mappings_tests
