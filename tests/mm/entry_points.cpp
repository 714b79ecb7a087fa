// SPDX-License-Identifier: BSL-1.0
// The public functions: which flags they take, what they add, what they answer (spec 05 §7 §8, spec 06 §1 §4 §10).
#include "box.hpp"

namespace entry_points_tests {

using namespace mmt;

namespace {

constexpr unsigned known_flags[] = {foll::write, foll::get, foll::force, foll::nofault, foll::longterm,
                                    foll::honor_numa_fault, foll::pci_p2pdma, foll::pin, foll::touch, foll::nowait};

/// What the fast entry of the profile must do with these flags.
template <class P>
bool fast_accepts(unsigned flags, bool pins) {
    if constexpr (is_2019<P>) {
        if ((flags & (pins ? foll::get : foll::pin)) != 0) return false;
        return (flags & ~(foll::write | foll::longterm | foll::pin)) == 0;
    } else {
        if ((flags & foll::internal) != 0) return false;
        if (pins && (flags & foll::get) != 0) return false;
        if ((flags & foll::longterm) != 0 && (!pins || (flags & foll::pci_p2pdma) != 0)) return false;
        return (flags & foll::nowait) == 0;
    }
}

}  // namespace

BOTH_PROFILES("fast entries: every combination of flags is taken or refused, and a refusal changes nothing",
              "[entry-points]") {
    world<TestType> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    constexpr std::size_t n = std::size(known_flags);
    for (unsigned combination = 0; combination < (1U << n); ++combination) {
        unsigned flags = 0;
        for (std::size_t i = 0; i < n; ++i)
            if ((combination >> i & 1) != 0) flags |= known_flags[i];
        for (const bool pins : {false, true}) {
            w.box.warn().reset();
            const long got = pins ? w.pin(a, 1, flags) : w.get(a, 1, flags);
            INFO("flags " << flags << " pins " << pins);
            if (fast_accepts<TestType>(flags, pins)) {
                CHECK(got == 1);
                CHECK(w.box.warn().total() == 0);
                CHECK(w.refs(a) == (pins ? 1025 : 2));
                if (pins) w.unpin(1);
                else w.put(1);
            } else {
                CHECK(got == -err::einval);
                CHECK(w.box.warn().total() == 1);
            }
            REQUIRE(w.refs(a) == 1);
        }
    }
    w.audit();
}

BOTH_PROFILES("nothing requested is nothing done", "[entry-points]") {
    world<TestType> w;
    const vaddr a = w.map(4096);
    for (const vaddr where : {a, vaddr{0}, ~vaddr{0} & mm::page_mask, vaddr{1} << 46}) {
        CHECK(w.pin(where, 0) == 0);
        CHECK(w.get(where, 0) == 0);
        CHECK(w.t.pin_user_pages(where, 0, 0, w.pages) == 0);
        CHECK(w.t.get_user_pages(where, 0, 0, w.pages) == 0);
    }
    CHECK(w.box.counters() == mm::pin_counters{});  // DEF-M2
    CHECK(w.box.warn().total() == 0);
}

BOTH_PROFILES("addresses beyond user space", "[entry-points]") {
    world<TestType> w;
    constexpr vaddr end = mm::geometry<true>::user_end;
    CHECK(w.pin(end, 1) == -err::efault);
    CHECK(w.pin(end - 4096, 2) == -err::efault);
    CHECK(w.pin_slow(end, 1) == -err::efault);
    w.pages.assign(1, nullptr);
    CHECK(w.t.get_user_pages_fast_only(end, 1, 0, w.pages) == pick<TestType>(0, -err::efault));
    const vaddr last = ~vaddr{0} & mm::page_mask;
    CHECK(w.pin(last, 1) == pick<TestType>(0, -err::eoverflow));
    CHECK(w.pin(last, 2) == pick<TestType>(0, -err::eoverflow));
    if constexpr (!is_2019<TestType>) CHECK(w.pin(0x1000, -1) == -err::eoverflow);
}

TEST_CASE("linux_6_12: argument checks, one WARN each, 0 for slow pins and -EINVAL for the rest", "[entry-points]") {
    world<checked_6_12> w;
    auto& t = w.t;
    const vaddr a = w.map(4096);
    REQUIRE(t.store(a, 1) == mm::fault_result::ok);
    std::vector<frame<checked_6_12>*> page(1);
    const std::span<frame<checked_6_12>*> none;
    using mm::warn_id;
    const auto expect = [&](long got, long result, warn_id site) {
        CHECK(got == result);
        CHECK(w.box.warn().hits(site) == 1);
        CHECK(w.box.warn().total() == 1);
        CHECK(w.refs(a) == 1);
        w.box.warn().reset();
    };
    for (const unsigned flag : {foll::touch, foll::tried, foll::remote, foll::pin, foll::fast_only, foll::unlockable,
                                foll::madv_populate}) {
        expect(t.pin_user_pages(a, 1, flag, page), 0, warn_id::api_internal_flag);
        expect(t.pin_user_pages_unlocked(a, 1, page, flag), 0, warn_id::api_internal_flag);
        expect(t.pin_user_pages_remote(t.mm(), a, 1, flag, page, nullptr), 0, warn_id::api_internal_flag);
        expect(t.get_user_pages(a, 1, flag, page), -err::einval, warn_id::api_internal_flag);
        expect(t.get_user_pages_unlocked(a, 1, page, flag), -err::einval, warn_id::api_internal_flag);
        expect(t.pin_user_pages_fast(a, 1, flag, page), -err::einval, warn_id::api_internal_flag);
    }
    expect(t.pin_user_pages(a, 1, foll::get, page), 0, warn_id::api_get_pin);
    expect(t.get_user_pages(a, 1, foll::longterm, page), -err::einval, warn_id::api_longterm_get);
    expect(t.pin_user_pages(a, 1, 0, none), 0, warn_id::api_no_pages);
    expect(t.get_user_pages(a, 1, foll::get, none), -err::einval, warn_id::api_no_pages);
    expect(t.pin_user_pages(a, 1, foll::longterm | foll::pci_p2pdma, page), 0, warn_id::api_longterm_p2pdma);
    int unlocked = 0;
    expect(t.pin_user_pages_remote(t.mm(), a, 1, 0, page, &unlocked), 0, warn_id::api_locked);
    w.audit();
}

TEST_CASE("foll_pin_2019: each entry refuses the other's flag", "[entry-points]") {
    world<checked_2019> w;
    auto& t = w.t;
    const vaddr a = w.map(4096);
    REQUIRE(t.store(a, 1) == mm::fault_result::ok);
    std::vector<frame<checked_2019>*> page(1);
    int locked = 1;
    CHECK(t.get_user_pages(a, 1, foll::pin, page) == -err::einval);
    CHECK(t.get_user_pages_unlocked(a, 1, page, foll::pin) == -err::einval);
    CHECK(t.get_user_pages_unlocked(a, 1, page, foll::longterm) == -err::einval);
    CHECK(t.get_user_pages_locked(a, 1, foll::longterm, page, &locked) == -err::einval);
    CHECK(t.get_user_pages_remote(t.mm(), a, 1, foll::longterm, page, nullptr) == -err::einval);
    CHECK(t.pin_user_pages(a, 1, foll::get, page) == -err::einval);
    CHECK(t.pin_longterm_pages(a, 1, foll::get, page) == -err::einval);
    CHECK(t.pin_longterm_pages_fast(a, 1, foll::get, page) == -err::einval);
    CHECK(t.pin_user_pages_remote(t.mm(), a, 1, foll::get, page, nullptr) == -err::einval);
    CHECK(t.pin_longterm_pages_remote(t.mm(), a, 1, 0, page, nullptr) == -err::eopnotsupp);  // DEF-19
    CHECK(w.refs(a) == 1);
    CHECK(t.pin_longterm_pages_fast(a, 1, foll::write, page) == 1);
    CHECK(w.refs(a) == 1025);
    t.put_user_page(page[0]);
    CHECK(t.pin_longterm_pages(a, 1, foll::write, page) == 1);
    t.put_user_page(page[0]);
    {
        std::shared_lock lock(t.mm().mmap_lock);
        CHECK(t.follow_page(*t.mm().find(a), a, foll::pin).page == nullptr);
        CHECK(t.follow_page(*t.mm().find(a), a, 0).page == page[0]);
    }
    CHECK(w.box.warn().hits(mm::warn_id::follow_page_pin) == 1);
    w.audit();
}

TEST_CASE("2019: get_user_pages_locked takes references under the caller's lock, and keeps it where nobody waits", "[entry-points]") {
    world<checked_2019> w;
    const vaddr a = w.map(2 * 4096);
    std::vector<frame<checked_2019>*> pages(2);
    w.t.mm().mmap_lock.lock_shared();
    int locked = 1;
    CHECK(w.t.get_user_pages_locked(a, 2, foll::write, pages, &locked) == 2);
    CHECK(locked == 1);
    CHECK(w.t.get_user_pages_locked(a, 1, foll::pin, pages, &locked) == -err::einval);
    CHECK(locked == 1);
    w.t.mm().mmap_lock.unlock_shared();
    CHECK(w.box.warn().hits(mm::warn_id::api_pin_at_get) == 1);
    CHECK(pages[0] == w.page_at(a));
    CHECK(w.refs(a) == 2);
    CHECK(w.refs(a + 4096) == 2);
    w.t.put_pages(std::span<frame<checked_2019>* const>(pages));
    w.audit();
}

TEST_CASE("2019: follow_page finds no page where a huge mapping has no table yet", "[entry-points]") {
    mm::options o = small();
    o.huge_pools = {{mm::pmd_order, 1}};
    world<checked_2019> w(o);
    const vaddr a = w.map(2_MiB, {.huge_order = mm::pmd_order});
    std::shared_lock lock(w.t.mm().mmap_lock);
    const auto nothing = w.t.follow_page(*w.t.mm().find(a), a, foll::get | foll::dump);
    CHECK(nothing.page == nullptr);
    CHECK(nothing.error == 0);
}

TEST_CASE("6.12: an anonymous page that is unpinned and not exclusive is reported", "[entry-points]") {
    world<checked_6_12> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    w.pages[0]->clear(mm::pg::exclusive);  // what fork would have done, had it not seen the pin
    w.unpin(1);
    CHECK(w.box.warn().hits(mm::warn_id::unpin_not_exclusive) == 1);
    CHECK(w.refs(a) == 1);
    w.audit();
}

BOTH_PROFILES("the VMA of each slot is told where the profile has an array for it", "[entry-points]") {
    if constexpr (is_2019<TestType>) {
        world<TestType> w;
        const vaddr a = w.map(2 * 4096);
        const vaddr b = w.map(2 * 4096, {.prot = mm::prot::read, .at = a + 2 * 4096});
        std::vector<frame<TestType>*> pages(4);
        std::vector<mm::vma*> vmas(4);
        CHECK(w.t.pin_user_pages(a, 4, 0, pages, nullptr, vmas) == 4);
        CHECK(vmas[1] == w.t.mm().find(a));
        CHECK(vmas[2] == w.t.mm().find(b));
        CHECK(vmas[1] != vmas[2]);
        w.t.put_user_pages(pages);
        w.audit();
    }
}

BOTH_PROFILES("partial success: the pages before the obstacle, and the error next time", "[entry-points]") {
    world<TestType> w;
    const vaddr a = w.map(4 * 4096);
    for (const bool fast : {true, false}) {
        for (const unsigned flags : {0U, foll::write}) {
            CHECK((fast ? w.pin(a, 10, flags) : w.pin_slow(a, 10, flags)) == 4);
            for (int k = 4; k < 10; ++k) CHECK(w.pages[static_cast<std::size_t>(k)] == nullptr);
            CHECK(w.box.counters().live() == pick<TestType>(4, flags == 0 && w.letters(a) == "YS" ? 0 : 4));
            w.unpin(4);
            CHECK((fast ? w.pin(a + 4 * 4096, 6, flags) : w.pin_slow(a + 4 * 4096, 6, flags)) == -err::efault);
        }
    }
    w.audit();
}

BOTH_PROFILES("VMA rules, each with its sentence", "[entry-points]") {
    world<TestType> w;
    const auto expect = [&](vaddr a, unsigned flags, long error, const char* id) {
        mm::gup_trace trace;
        w.pages.assign(1, nullptr);
        const auto before = w.box.counters().live();
        CHECK(w.t.pin_user_pages_fast(a, 1, flags, w.pages, &trace) == error);
        REQUIRE(trace.refusal());
        CHECK(trace.refusal()->rule_id == std::string(id));
        CHECK(trace.refusal()->error == -error);
        CHECK(std::string(trace.refusal()->rule).size() > 10);
        CHECK(w.box.counters().live() == before);
    };
    expect(w.map(4096, {.kind = mm::map_kind::pfnmap}), 0, -err::efault, "06-3.1");
    expect(w.map(4096, {.prot = mm::prot::read}), foll::write, -err::efault, "06-3.7");
    expect(w.map(4096, {.prot = mm::prot::none}), 0, -err::efault, "06-3.8");
    expect(w.map(4096, {.prot = mm::prot::none}), foll::write, -err::efault, "06-3.7");
    expect(w.map(4096, {.prot = mm::prot::exec}), 0, -err::efault, is_2019<TestType> ? "06-3.8" : "06-3.8");
    expect(vaddr{1} << 45, 0, -err::efault, "06-4.vma");
    if constexpr (!is_2019<TestType>) {
        auto& f = w.box.create_file(mm::file_kind::ext4, 4096, mm::fill::pattern);
        expect(w.map(4096, {.shared = true, .source = &f}), foll::write | foll::longterm, -err::efault, "06-3.6");
        expect(w.map(4096, {.prot = mm::prot::read, .shared = true, .source = &f}), foll::write | foll::force,
               -err::efault, "06-3.7c");
        expect(w.map(4096, {.prot = mm::prot::exec}), foll::force, -err::efault, "06-3.9");
        expect(w.map(4096), foll::nofault, -err::efault, "06-4.nofault");
        const vaddr a = w.map(4096, {.shared = true, .source = &f});
        CHECK(w.pin_slow(a, 1, foll::anon) == -err::efault);
    }
    w.audit();
}

BOTH_PROFILES("GL-1…8: long-term pins of file mappings", "[entry-points]") {
    for (const bool ext4 : {false, true})
        for (const bool shared : {false, true})
            for (const bool write : {false, true})
                for (const bool fast : {false, true}) {
                    world<TestType> w;
                    auto& f = w.box.create_file(ext4 ? mm::file_kind::ext4 : mm::file_kind::memfd, 4096,
                                                mm::fill::pattern);
                    const vaddr a = w.map(4096, {.shared = shared, .source = &f});
                    REQUIRE(w.t.store(a, 0) == mm::fault_result::ok);
                    if (!write) REQUIRE(w.t.mprotect(a, 4096, mm::prot::read) == 0);
                    const unsigned flags = foll::longterm | (write ? foll::write : 0);
                    const long got = fast ? w.pin(a, 1, flags) : w.pin_slow(a, 1, flags);
                    const bool works = is_2019<TestType> || !(ext4 && shared && write);
                    INFO("ext4 " << ext4 << " shared " << shared << " write " << write << " fast " << fast);
                    CHECK(got == (works ? 1 : -err::efault));
                    if (got == 1) w.unpin(1);
                    w.audit();
                }
}

BOTH_PROFILES("a fatal signal stops the slow path", "[entry-points]") {
    world<TestType> w;
    const vaddr a = w.map(4 * 4096);
    w.t.set_fatal_signal(true);
    CHECK(w.pin_slow(a, 4, foll::write) == -pick<TestType>(err::erestartsys, err::eintr));
    w.t.set_fatal_signal(false);
    REQUIRE(w.t.fault_in(a, 2, true) == 2);
    w.t.set_fatal_signal(true);
    CHECK(w.pin(a, 4, foll::write) == 2);  // what the fast walk got
    w.t.set_fatal_signal(false);
    w.unpin(2);
    w.audit();
}

BOTH_PROFILES("a droppable lock is dropped once, the rest completed, the caller told", "[entry-points]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::ext4, 40 * 4096, mm::fill::pattern);
    const vaddr a = w.map(40 * 4096, {.source = &f});
    std::vector<frame<TestType>*> pages(40);
    int locked = 1;
    w.t.mm().mmap_lock.lock_shared();
    CHECK(w.t.get_user_pages_remote(w.t.mm(), a, 40, 0, pages, &locked) == 40);
    CHECK(locked == 0);
    CHECK(w.t.mm().mmap_lock.try_lock());
    w.t.mm().mmap_lock.unlock();
    for (std::uint64_t k = 0; k < 40; ++k) CHECK(w.box.dma_read(pages[k], 0) == k + 1);
    w.t.put_pages(pages);
    locked = 1;  // all there now: the lock is kept
    w.t.mm().mmap_lock.lock_shared();
    CHECK(w.t.get_user_pages_remote(w.t.mm(), a, 40, 0, pages, &locked) == 40);
    CHECK(locked == 1);
    w.t.mm().mmap_lock.unlock_shared();
    w.t.put_pages(pages);
    w.audit();
}

BOTH_PROFILES("without an array pages are faulted in and nothing is counted", "[entry-points]") {
    world<TestType> w;
    const vaddr a = w.map(4_MiB, {.huge = true});
    CHECK(w.t.get_user_pages(a, 1024, foll::write, {}) == 1024);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.refs(a) == 1);
    CHECK(w.t.inspect(a + 2_MiB).at == mm::level::pmd);
    CHECK(w.box.counters() == mm::pin_counters{});
    w.audit();
}

TEST_CASE("linux_6_12: a pin that passes the argument checks marks the mm, also one that fails", "[entry-points]") {
    world<checked_6_12> w;
    const vaddr a = w.map(4096);
    CHECK(w.get(a, 1) == 1);
    w.put(1);
    CHECK(w.pin_slow(a, 1, foll::touch) == 0);
    CHECK(w.pin_slow(a, 0) == 0);  // nothing is asked for: nothing to remember
    CHECK_FALSE(w.t.has_pinned());
    CHECK(w.pin(a + 1_MiB, 1) == -err::efault);
    CHECK(w.t.has_pinned());
    CHECK_FALSE(w.box.spawn().has_pinned());
}

BOTH_PROFILES("the statistics: one per slot, both sides of an attempt, per node", "[entry-points]") {
    mm::options o = small();
    o.more_nodes.push_back({.ram = 32_MiB});
    world<TestType> w(o);
    const vaddr a = w.map(4 * 4096, {.node = 1});
    CHECK(w.pin(a, 4, foll::write) == 4);
    CHECK(w.box.counters(1) == mm::pin_counters{4, 0});
    CHECK(w.box.counters(0) == mm::pin_counters{});
    w.unpin(4);
    CHECK(w.box.counters(1) == mm::pin_counters{4, 4});
    const vaddr h = w.huge();
    CHECK(w.pin(h, 512, foll::write) == 512);
    CHECK(w.box.counters(0) == mm::pin_counters{512, 0});
    w.unpin(512);
    CHECK(w.box.counters().live() == 0);
    w.audit();
}

BOTH_PROFILES("the trace tells paths, units and slots of a mixed call", "[entry-points]") {
    world<TestType> w;
    const vaddr a = w.map(2_MiB + 2 * 4096, {.huge = true});
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    mm::gup_trace trace;
    w.pages.assign(514, nullptr);
    CHECK(w.t.pin_user_pages_fast(a, 514, foll::write, w.pages, &trace) == 514);
    CHECK(trace.pages_by(mm::path_id::fast_pmd) == 512);
    CHECK(trace.pages_by(mm::path_id::fp_pte) == 2);
    CHECK(trace.refusal() == nullptr);
    std::int64_t units = 0;
    for (const auto& e : trace.events) units += e.units;
    CHECK(units == pick<TestType>(514 * 1024, 512 + 2 * 1024));
    w.unpin(514);
    w.audit();
}

}  // namespace entry_points_tests
