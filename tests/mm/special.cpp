// SPDX-License-Identifier: BSL-1.0
// Mappings that are not plain memory: the gate area, secret memory, drivers' pages and raw memory, the kernel's own
// pages in a process, execute-only memory, stacks. Source: spec 04 FP-GATE FP-PFN, spec 06 §3, spec 10 §21.
#include "box.hpp"

namespace special_tests {

using namespace mmt;

namespace {

constexpr vaddr gate = mm::gate_area::start;

template <class P>
frame<P>* gate_page(world<P>& w) {
    return w.box.phys().at(w.box.phys().gate.slot.read().number());
}

template <class P>
long get_slow(world<P>& w, vaddr a, long n, unsigned flags = 0) {
    w.pages.assign(static_cast<std::size_t>(n), nullptr);
    return w.t.get_user_pages(a, static_cast<std::uint64_t>(n), flags, w.pages);
}

template <class P>
vaddr written(world<P>& w, std::uint64_t n) {
    const vaddr a = w.map(n * 4096);
    for (std::uint64_t k = 0; k < n; ++k) REQUIRE(w.t.store(a + k * 4096, 7) == mm::fault_result::ok);
    return a;
}

}  // namespace

BOTH_PROFILES("FP-GATE: one page for all, read only, counted by flags (DEF-10)", "[special]") {
    world<TestType> w;
    auto* const page = gate_page(w);
    const auto rest = page->count.raw();
    REQUIRE(get_slow(w, gate, 1) == 1);
    CHECK(w.pages[0] == page);
    CHECK(page->count.refs() == rest + 1);
    w.put(1);
    REQUIRE(w.pin_slow(gate, 1) == 1);
    CHECK(page->count.refs() == rest + 1024);
    CHECK(w.box.counters().live() == 1);
    w.audit();
    w.unpin(1);
    CHECK(page->count.refs() == rest);
    SECTION("the page behind it is no gate") {
        CHECK(get_slow(w, gate, 2) == 1);
        w.put(1);
    }
    SECTION("nobody writes, with or without FORCE") {
        CHECK(get_slow(w, gate, 1, foll::write) == -err::efault);
        CHECK(w.pin_slow(gate, 1, foll::write | foll::force) == -err::efault);
    }
    SECTION("FORCE reads, and a core dump shows it") {
        for (const unsigned flag : {foll::force, foll::dump}) {
            CHECK(get_slow(w, gate, 1, flag) == 1);
            w.put(1);
        }
    }
    SECTION("it is not in user space: the fast call refuses") { CHECK(w.pin(gate, 1) == -err::efault); }
    SECTION("without an array nothing is counted") {
        CHECK(w.t.get_user_pages(gate, 1, 0, {}) == 1);
        CHECK(page->count.refs() == rest);
    }
    SECTION("an overflowed count refuses") {
        page->count.set_raw(-5);
        CHECK(get_slow(w, gate, 1) == -err::enomem);
        CHECK(w.pin_slow(gate, 1) == -err::enomem);
        CHECK(page->count.refs() == -5);
        page->count.set_raw(rest);
    }
    SECTION("every process has it") {
        auto& other = w.box.spawn();
        w.pages.assign(1, nullptr);
        REQUIRE(other.pin_user_pages(gate, 1, 0, w.pages) == 1);
        CHECK(w.pages[0] == page);
        w.unpin(1);
    }
    CHECK(page->count.refs() == rest);
    w.audit();
}

BOTH_PROFILES("a machine without a gate area has nothing there; one that maps raw memory has no page", "[special]") {
    mm::options o = small();
    o.has_gate = GENERATE(false, true);
    world<TestType> w(o);
    if (o.has_gate) {
        const auto n = w.box.device_frames(1);
        w.box.phys().gate.slot.set(mm::entry::leaf(n, mm::entry::bit(mm::eb::special)));
        CHECK(w.t.get_user_pages(gate, 1, 0, {}) == 1);  // found, but not to be had
    }
    CHECK(get_slow(w, gate, 1) == -err::efault);
    CHECK(w.pin_slow(gate, 1) == -err::efault);
}

TEST_CASE("2019: the VMA told for the gate page is the gate's own (PS-7)", "[special]") {
    world<checked_2019> w;
    const vaddr a = written(w, 1);
    std::vector<mm::vma*> vmas(2);
    w.pages.assign(2, nullptr);
    REQUIRE(w.t.pin_user_pages(gate, 1, 0, w.pages, nullptr, vmas) == 1);
    CHECK(vmas[0] == &w.box.phys().gate.mapping);
    w.unpin(1);
    REQUIRE(w.t.pin_user_pages(a, 2, 0, w.pages, nullptr, vmas) == 1);
    CHECK(vmas[0] == w.t.mm().find(a));
    w.unpin(1);
    REQUIRE(w.t.pin_longterm_pages(gate, 1, 0, w.pages) == 1);
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("execute-only memory that is present is refused by the fast walk as by the slow one (INV-14)", "[special]") {
    const bool huge = GENERATE(false, true);
    world<TestType> w;
    const vaddr a = huge ? w.huge() : written(w, 4);
    const std::uint64_t len = huge ? 2_MiB : 4 * 4096;
    const auto rest = w.refs(a);
    REQUIRE(w.t.mprotect(a, len, mm::prot::exec) == 0);
    CHECK(w.t.inspect(a).raw.is_leaf());
    for (const unsigned flags : {0U, unsigned{foll::write}}) {
        CHECK(w.pin(a, 2, flags) == -err::efault);
        CHECK(w.pin_slow(a, 2, flags) == -err::efault);
        CHECK(w.get(a, 2, flags) == -err::efault);
        CHECK(w.t.get_user_pages_fast_only(a, 2, flags, w.pages) == 0);
    }
    CHECK(w.pin_slow(a, 1, foll::force) == -err::efault);
    CHECK(w.t.load(a).fault == mm::fault_result::sigsegv);
    CHECK(w.refs(a) == rest);
    CHECK(w.box.counters().acquired == 0);
    SECTION("another process's debugger is not under this process's keys") {
        w.pages.assign(1, nullptr);
        std::shared_lock lock(w.t.mm().mmap_lock);
        REQUIRE(w.t.get_user_pages_remote(w.t.mm(), a, 1, foll::force, w.pages, nullptr) == 1);
        w.put(1);
    }
    SECTION("readable again, it is pinned by the fast walk alone") {
        REQUIRE(w.t.mprotect(a, len, mm::prot::read) == 0);
        w.pages.assign(2, nullptr);
        mm::gup_trace trace;
        REQUIRE(w.t.pin_user_pages_fast(a, 2, 0, w.pages, &trace) == 2);
        CHECK(trace.pages_by(huge ? mm::path_id::fast_pmd : mm::path_id::fast_pte) == 2);
        w.unpin(2);
    }
    SECTION("part of a huge page: the key goes to its own ptes only") {
        if (!huge) return;
        REQUIRE(w.t.mprotect(a, len, mm::prot::rw) == 0);
        REQUIRE(w.t.mprotect(a + 4096, 4096, mm::prot::exec) == 0);
        CHECK(w.pin(a, 2) == 1);
        w.unpin(1);
        CHECK(w.pin(a + 4096, 1) == -err::efault);
        CHECK(w.pin(a + 8192, 1) == 1);
        w.unpin(1);
    }
    w.audit();
}

BOTH_PROFILES("a key goes with what comes back: swapped, split and forked memory", "[special]") {
    world<TestType> w;
    const vaddr a = written(w, 2);
    REQUIRE(w.t.mprotect(a, 2 * 4096, mm::prot::exec) == 0);
    const auto child = w.box.fork(w.t);
    REQUIRE(child.error == 0);
    w.pages.assign(1, nullptr);
    CHECK((*child)->pin_user_pages_fast(a, 1, 0, w.pages) == -err::efault);
    w.box.exit(**child);
    REQUIRE(w.t.madvise(a, 4096, mm::advice::pageout) == 0);
    {
        std::shared_lock lock(w.t.mm().mmap_lock);  // brought in for a debugger
        REQUIRE(w.t.get_user_pages_remote(w.t.mm(), a, 1, foll::force, w.pages, nullptr) == 1);
        w.put(1);
    }
    CHECK(w.t.inspect(a).raw.has(mm::eb::keyed));
    CHECK(w.pin(a, 1) == -err::efault);
    w.audit();
}

BOTH_PROFILES("hugetlb memory that becomes execute-only is closed as well", "[special]") {
    mm::options o = small();
    o.huge_pools = {{mm::pmd_order, 2}};
    world<TestType> w(o);
    const vaddr a = w.map(2_MiB, {.huge_order = mm::pmd_order});
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    REQUIRE(w.t.mprotect(a, 2_MiB, mm::prot::exec) == 0);
    CHECK(w.pin(a, 2) == -err::efault);
    REQUIRE(w.t.mprotect(a, 2_MiB, mm::prot::read) == 0);
    CHECK(w.pin(a, 2) == 2);
    w.unpin(2);
    w.audit();
}

BOTH_PROFILES("secret memory: shared only, there for the process, for no device", "[special]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::secret, 3 * 4096);
    CHECK(w.t.mmap(3 * 4096, {.source = &f}).error == -err::einval);
    const vaddr a = w.map(4 * 4096, {.shared = true, .source = &f});
    CHECK(w.t.load(a).value == 0);
    CHECK(w.letters(a) == "WY");
    REQUIRE(w.t.store(a + 4096, 5) == mm::fault_result::ok);
    CHECK(w.letters(a + 4096) == "WDY");
    CHECK(w.flags(a + 4096) == "D");
    CHECK(w.refs(a + 4096) == 2);
    CHECK(w.t.load(a + 4096).value == 5);
    CHECK(w.t.touch(a + 3 * 4096, false) == mm::fault_result::sigbus);
    CHECK(w.t.inspect(a + 2 * 4096).raw.is_none());  // no neighbours are mapped along
    CHECK(w.t.madvise(a, 4096, mm::advice::dontneed) == -err::einval);
    CHECK(w.t.madvise(a, 4096, mm::advice::pageout) == -err::einval);
    if constexpr (!is_2019<TestType>) {
        CHECK(w.pin(a, 1, foll::write) == -err::efault);
        CHECK(w.box.counters().acquired == 1);  // grabbed before it was known
        CHECK(w.box.counters().released == 1);
        CHECK(w.pin_slow(a, 1) == -err::efault);
        CHECK(w.pin(a + 2 * 4096, 1) == -err::efault);
        CHECK(w.get(a, 1) == -err::efault);
        CHECK(w.t.get_user_pages_fast_only(a, 1, 0, w.pages) == 0);
        CHECK(w.box.counters().acquired == 1);
    }
    CHECK(w.t.mlock(a, 4096) == pick<TestType>(0, -err::enomem));  // never swapped: not locked, but populated
    CHECK(w.flags(a).find('M') == std::string::npos);
    CHECK(w.refs(a) == 2);
    w.audit();
}

BOTH_PROFILES("a private copy of raw memory has its bytes, and is a page like any other", "[special]") {
    world<TestType> w;
    const vaddr a = w.map(4 * 4096, {.kind = mm::map_kind::pfnmap});
    const mm::pfn n = w.t.inspect(a).raw.number();
    w.box.phys().data.store(*w.box.phys().at(n), n, 9, 42);
    CHECK(w.t.load(a + 9).value == 42);
    CHECK(w.letters(a) == "YS");
    CHECK(w.pin(a, 1) == -err::efault);
    REQUIRE(w.t.store(a + 10, 3) == mm::fault_result::ok);
    CHECK(w.t.load(a + 9).value == 42);
    CHECK(w.box.phys().data.load(n, 10) == 0);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::anon);
    CHECK(w.pin_slow(a, 1) == -err::efault);
    // NR-1: the modern fast walk does not know the mapping; that of 2019 leaves in doubt to the slow path (INV-14).
    CHECK(w.pin(a, 1) == pick<TestType>(-long{err::efault}, 1L));
    if (!is_2019<TestType>) w.unpin(1);
    SECTION("fork shares it, and the child's write copies again") {
        const auto child = w.box.fork(w.t);
        REQUIRE(child.error == 0);
        CHECK((*child)->load(a + 9).value == 42);
        CHECK(w.refs(a) == 2);
        REQUIRE((*child)->store(a + 9, 1) == mm::fault_result::ok);
        CHECK(w.t.load(a + 9).value == 42);
        w.audit();
        w.box.exit(**child);
    }
    CHECK(w.t.madvise(a, 4096, mm::advice::dontneed) == -err::einval);
    CHECK(w.t.mremap(a, {.old_length = 4 * 4096, .new_length = 8 * 4096}).error == -err::efault);
    w.audit();
}

BOTH_PROFILES("pages of an I/O mapping are refused by every call", "[special]") {
    world<TestType> w;
    const vaddr a = w.map(4096, {.shared = true, .kind = mm::map_kind::mixedmap, .io = true});
    auto* const p = w.box.driver_page();
    REQUIRE(w.t.insert_page(a, p) == 0);
    CHECK(w.pin(a, 1, foll::write) == -err::efault);
    CHECK(w.pin_slow(a, 1) == -err::efault);
    CHECK(w.get(a, 1) == -err::efault);
    CHECK(w.refs(a) == 2);
    w.audit();
    REQUIRE(w.t.munmap(a, 4096) == 0);
    w.box.put_driver_page(p);
}

BOTH_PROFILES("memory that may be written and not read: INV-14 where it has no exception", "[special]") {
    world<TestType> w;
    const vaddr a = written(w, 1);
    REQUIRE(w.t.mprotect(a, 4096, mm::prot::write) == 0);
    CHECK(w.pin_slow(a, 1) == -err::efault);
    CHECK(w.pin(a, 1) == pick<TestType>(-long{err::efault}, 1L));
    if (!is_2019<TestType>) w.unpin(1);
    CHECK(w.pin(a, 1, foll::write) == 1);
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("a driver that maps on demand: pages are counted, what it has not is SIGBUS, private writes copy", "[special]") {
    world<TestType> w;
    auto& f = w.box.create_driver_file(2);
    const vaddr a = w.map(3 * 4096, {.prot = mm::prot::read | mm::prot::exec, .source = &f});
    CHECK(w.t.inspect(a).raw.is_none());
    CHECK(w.pin(a, 1) == 1);  // faulted in by the slow path
    CHECK(w.refs(a) == 1 + 1 + 1024);
    CHECK(w.letters(a) == "Y");
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::kernel);
    CHECK(w.t.inspect(a + 4096).raw.is_none());
    w.unpin(1);
    const auto before = w.box.counters();
    REQUIRE(w.pin(a, 1) == 1);
    CHECK(w.box.counters().acquired - before.acquired == pick<TestType>(1U, 2U));  // 6.12: no owner, so the slow path decides
    w.unpin(1);
    CHECK(w.pin(a, 1, foll::write) == -err::efault);
    CHECK(w.pin(a + 2 * 4096, 1) == -err::efault);
    CHECK(w.t.touch(a + 2 * 4096, false) == mm::fault_result::sigbus);
    CHECK(w.pin_slow(a + 4096, 1, foll::write | foll::force) == 1);  // a debugger's copy
    CHECK(w.t.inspect(a + 4096).page.kind == mm::page_kind::anon);
    CHECK(w.letters(a + 4096) == "DY");
    w.unpin(1);
    const auto child = w.box.fork(w.t);
    REQUIRE(child.error == 0);
    CHECK((*child)->load(a).fault == mm::fault_result::ok);
    CHECK(w.refs(a) == 1 + 2);
    w.audit();
    w.box.exit(**child);
    CHECK(w.refs(a) == 1 + 1);
}

BOTH_PROFILES("what a driver put there becomes writable without anybody being told; a page is dirty then", "[special]") {
    world<TestType> w;
    const vaddr a = w.map(2 * 4096, {.shared = true, .kind = mm::map_kind::mixedmap});
    auto* const p = w.box.driver_page();
    REQUIRE(w.t.insert_page(a, p) == 0);
    REQUIRE(w.t.insert_pfn(a + 4096, w.box.device_frames(1)) == 0);
    mm::clear_soft_dirty(w.t.mm());
    CHECK(w.letters(a).find('W') == std::string::npos);
    CHECK_FALSE(p->is(mm::pg::dirty));
    CHECK(w.t.store(a, 5) == mm::fault_result::ok);
    CHECK(w.letters(a) == "WDY");
    CHECK(p->is(mm::pg::dirty));
    CHECK(w.t.touch(a + 4096, true) == mm::fault_result::ok);
    CHECK(w.letters(a + 4096) == "WDYS");
    w.audit();
    REQUIRE(w.t.munmap(a, 2 * 4096) == 0);
    w.box.put_driver_page(p);
}

BOTH_PROFILES("raw memory mapped on demand shows a special entry, and gup refuses", "[special]") {
    world<TestType> w;
    auto& f = w.box.create_driver_file(1, true);
    const vaddr a = w.map(2 * 4096, {.prot = mm::prot::read, .source = &f});
    CHECK(w.pin(a, 1) == -err::efault);
    REQUIRE(w.t.touch(a, false) == mm::fault_result::ok);
    CHECK(w.letters(a) == "YS");
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::nopage);
    CHECK(w.t.touch(a + 4096, false) == mm::fault_result::sigbus);
    for (const unsigned flags : {0U, unsigned{foll::force}}) {
        CHECK(get_slow(w, a, 1, flags) == -err::efault);
        CHECK(w.pin_slow(a, 1, flags) == -err::efault);
    }
    CHECK(w.pin(a, 1) == -err::efault);
    w.audit();
}

BOTH_PROFILES("a stack grows under an access, down to its limit, and not into a neighbour", "[special]") {
    world<TestType> w;
    const vaddr top = vaddr{1} << 40;
    const vaddr a = w.map(4 * 4096, {.at = top - 4 * 4096, .growsdown = true});
    CHECK(w.pin_slow(a + 4096, 1) == 1);  // the zero page
    w.unpin(1);
    REQUIRE(w.t.store(a - 3 * 4096, 9) == mm::fault_result::ok);
    CHECK(w.t.mm().find(a)->start == a - 3 * 4096);
    CHECK(w.t.load(a - 3 * 4096).value == 9);
    CHECK(w.t.load(a - 2 * 4096).value == 0);
    CHECK(w.t.store(top - 8_MiB - 4096, 1) == mm::fault_result::sigsegv);
    REQUIRE(w.t.store(top - 8_MiB, 1) == mm::fault_result::ok);
    CHECK(w.t.munmap(top - 8_MiB, 8_MiB - 4096) == 0);
    REQUIRE(w.t.mmap(4096, {.at = top - 4_MiB}).error == 0);
    CHECK(w.t.store(top - 4_MiB + 4096, 1) == mm::fault_result::sigsegv);
    CHECK(w.t.store(top - 4_MiB + 257 * 4096, 1) == mm::fault_result::ok);
    CHECK(w.t.mmap(4096, {.shared = true, .growsdown = true}).error == -err::einval);
    w.audit();
}

BOTH_PROFILES("gup below a stack: 2019 grows it, 6.12 does not", "[special]") {
    world<TestType> w;
    const vaddr a = w.map(4096, {.at = vaddr{1} << 40, .growsdown = true});
    const long got = w.pin(a - 2 * 4096, 3, foll::write);
    CHECK(got == pick<TestType>(3L, -long{err::efault}));
    if (got > 0) w.unpin(got);
    CHECK(w.t.mm().find(a)->start == pick<TestType>(a - 2 * 4096, a));
    w.audit();
}

BOTH_PROFILES("a core dump reads what is there, past any protection, and leaves holes out", "[special]") {
    world<TestType> w;
    const vaddr a = written(w, 2);
    const vaddr zero = w.map(2 * 4096);
    REQUIRE(w.t.touch(zero, false) == mm::fault_result::ok);
    REQUIRE(w.t.mprotect(a + 4096, 4096, mm::prot::none) == 0);
    for (const vaddr b : {a, a + 4096}) {
        auto* const page = w.t.get_dump_page(b + 5);
        REQUIRE(page == w.page_at(b));
        CHECK(w.refs(b) == 2);
        w.t.put_page(page);
    }
    CHECK(w.t.get_dump_page(gate) == gate_page(w));
    w.t.put_page(gate_page(w));
    for (const vaddr hole : {zero, zero + 4096, a + 8192 + 1_GiB}) CHECK(w.t.get_dump_page(hole) == nullptr);
    CHECK(w.t.inspect(zero + 4096).raw.is_none());
    w.audit();
}

}  // namespace special_tests
