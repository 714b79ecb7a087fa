// SPDX-License-Identifier: BSL-1.0
// userfaultfd: who waits, who is refused, what is told, and what the answers do to pages that devices hold
// (spec 10 §18, spec 07 §7).
#include <atomic>
#include <thread>

#include "box.hpp"

namespace uffd_tests {

using namespace mmt;

namespace {

template <class P>
struct watched : world<P> {
    explicit watched(unsigned modes, unsigned size = 4) : a(this->map(size * 4096)), u(this->t.mm()) {
        REQUIRE(u.watch(a, size * 4096, modes) == 0);
    }
    long copy(vaddr at, unsigned char value, bool protect = false) {
        const std::vector<unsigned char> bytes(4096, value);
        return u.copy(at, bytes.data(), 4096, protect);
    }
    /// Waits until somebody's fault is told.
    mm::uffd_event next() {
        for (;;) {
            if (const auto e = u.read()) return *e;
            std::this_thread::yield();
        }
    }
    vaddr a;
    mm::userfault<P> u;
};

constexpr unsigned missing = mm::uffd::missing, wp = mm::uffd::wp;

}  // namespace

BOTH_PROFILES("pages are filled once: with contents, or as the zero page", "[uffd]") {
    watched<TestType> w(missing);
    CHECK(w.copy(w.a, 55) == 4096);
    CHECK(w.letters(w.a) == "WDY");
    CHECK(w.flags(w.a) == pick<TestType, std::string>("B", "XB"));
    CHECK(w.refs(w.a) == 1);
    CHECK(w.t.load(w.a + 9).value == 55);
    CHECK(w.copy(w.a, 66) == -err::eexist);
    CHECK(w.t.load(w.a).value == 55);
    CHECK(w.u.zero(w.a + 4096, 4096) == 4096);
    CHECK(w.letters(w.a + 4096) == "YS");
    CHECK(w.u.zero(w.a + 4096, 4096) == -err::eexist);
    CHECK(w.u.zero(w.a + 2 * 4096, 3 * 4096) == -err::enoent);  // beyond the mapping
    CHECK(w.copy(w.a + 1, 1) == -err::einval);
    const vaddr other = w.map(4096);
    CHECK(w.copy(other, 1) == -err::enoent);
    w.audit();
}

BOTH_PROFILES("who may not wait is refused at once, and nobody is told", "[uffd]") {
    watched<TestType> w(missing);
    std::vector<frame<TestType>*> page(1);
    CHECK(w.t.get_user_pages(w.a, 1, foll::write, page) == -err::efault);  // the lock stays with the caller
    CHECK(w.t.get_user_pages(w.a, 1, foll::write | foll::nowait, page) == 0);
    CHECK(w.t.get_user_pages_unlocked(w.a, 1, page, foll::write | foll::nowait) == 0);
    if constexpr (!is_2019<TestType>) CHECK(w.pin(w.a, 1, foll::nofault) == -err::efault);
    CHECK(w.t.get_user_pages_fast_only(w.a, 1, 0, page) == 0);
    CHECK_FALSE(w.u.read());
    w.audit();
}

BOTH_PROFILES("a pin of missing memory waits for its contents; reads are told from writes", "[uffd]") {
    for (const bool write : {false, true}) {
        watched<TestType> w(missing);
        long got = 0;
        std::thread pinner([&] { got = w.pin(w.a, 2, write ? foll::write : 0); });
        for (unsigned k = 0; k < 2; ++k) {
            const mm::uffd_event e = w.next();
            CHECK(e.address == w.a + k * 4096);
            CHECK(e.write == write);
            CHECK_FALSE(e.wp);
            CHECK_FALSE(w.u.read());
            CHECK(w.copy(e.address, static_cast<unsigned char>(70 + k)) == 4096);
        }
        pinner.join();
        REQUIRE(got == 2);
        CHECK(w.box.dma_read(w.pages[0], 0) == 70);
        CHECK(w.box.dma_read(w.pages[1], 0) == 71);
        w.audit();
        w.unpin(2);
        w.audit();
    }
}

BOTH_PROFILES("memory that goes while a pin waits for it ends the pin with what it has", "[uffd]") {
    for (const bool first : {true, false}) {
        watched<TestType> w(missing);
        if (!first) REQUIRE(w.copy(w.a, 1) == 4096);
        long got = 0;
        std::thread pinner([&] { got = w.pin(w.a, 2, foll::write); });
        const mm::uffd_event e = w.next();
        CHECK(e.address == w.a + (first ? 0 : 4096));
        REQUIRE(w.t.munmap(e.address, 4096) == 0);
        w.u.wake(e.address, 4096);
        pinner.join();
        CHECK(got == (first ? -long{err::efault} : 1L));
        w.audit();
        if (got > 0) w.unpin(got);
    }
}

BOTH_PROFILES("write protection of a pinned page: the pin goes on, the process waits", "[uffd]") {
    watched<TestType> w(missing | wp);
    REQUIRE(w.copy(w.a, 1) == 4096);
    REQUIRE(w.pin(w.a, 1, foll::write) == 1);
    CHECK(w.u.write_protect(w.a, 4096, true) == 0);
    CHECK(w.letters(w.a) == "DYU");
    w.box.dma_write(w.pages[0], 0, 9);
    CHECK(w.t.load(w.a).value == 9);
    auto* page = w.page_at(w.a);
    std::thread writer([&] { CHECK(w.t.store(w.a + 1, 8) == mm::fault_result::ok); });
    const mm::uffd_event e = w.next();
    CHECK(e.write);
    CHECK(e.wp);
    CHECK(w.u.write_protect(w.a, 4096, false) == 0);
    writer.join();
    CHECK(w.page_at(w.a) == page);
    CHECK(w.letters(w.a) == "WDY");
    CHECK(w.box.dma_read(w.pages[0], 1) == 8);
    w.unpin(1);
    w.audit();
}

TEST_CASE("6.12: lifting the protection makes exclusive pages writable at once, shared ones by a copy", "[uffd]") {
    watched<checked_6_12> w(wp);
    REQUIRE(w.t.store(w.a, 1) == mm::fault_result::ok);
    REQUIRE(w.t.store(w.a + 4096, 1) == mm::fault_result::ok);
    REQUIRE(w.u.write_protect(w.a, 4096, true) == 0);
    auto& child = **w.box.fork(w.t);
    CHECK(w.letters(w.a) == "DYU");
    CHECK(child.inspect(w.a).letters == "D");  // nobody watches the child
    REQUIRE(child.store(w.a, 5) == mm::fault_result::ok);
    REQUIRE(w.u.write_protect(w.a, 2 * 4096, true) == 0);
    CHECK(w.pin(w.a + 4096, 1) == 1);  // unshared, still protected
    CHECK(w.letters(w.a + 4096) == "YU");
    CHECK(w.u.write_protect(w.a, 2 * 4096, false) == 0);
    CHECK(w.letters(w.a) == "DY");
    CHECK(w.letters(w.a + 4096) == "WY");
    CHECK_FALSE(w.u.read());
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("a huge page is protected whole or in parts", "[uffd]") {
    world<TestType> w;
    const vaddr a = w.huge();
    mm::userfault<TestType> u(w.t.mm());
    REQUIRE(u.watch(a, 2_MiB, wp) == 0);
    CHECK(u.write_protect(a, 2_MiB, true) == 0);
    CHECK(w.t.inspect(a).at == mm::level::pmd);
    CHECK(w.letters(a) == "DYU");
    CHECK(u.write_protect(a, 4096, false) == 0);
    CHECK(w.t.inspect(a).at == mm::level::pte);
    CHECK(w.letters(a + 4096) == "DYU");
    CHECK(w.t.load(a + 4096).fault == mm::fault_result::ok);
    CHECK(u.unwatch(a, 2_MiB) == 0);
    CHECK(w.letters(a + 4096) == pick<TestType, std::string>("DY", "WDY"));
    CHECK(w.t.store(a + 4096, 1) == mm::fault_result::ok);
    w.audit();
}

BOTH_PROFILES("shared memory: contents enter the file, empty places remember that they are protected", "[uffd]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::memfd, 4 * 4096);
    const vaddr a = w.map(4 * 4096, {.shared = true, .source = &f});
    const vaddr b = w.map(4 * 4096, {.shared = true, .source = &f});
    mm::userfault<TestType> u(w.t.mm());
    REQUIRE(u.watch(a, 4 * 4096, missing | wp) == 0);
    const std::vector<unsigned char> bytes(4096, 3);
    CHECK(u.copy(a, bytes.data(), 4096) == 4096);
    CHECK(w.t.load(b).value == 3);
    CHECK(u.copy(a, bytes.data(), 4096) == -err::eexist);
    REQUIRE(w.t.store(b + 4096, 4) == mm::fault_result::ok);  // the other mapping is nobody's business
    CHECK(u.write_protect(a, 4 * 4096, true) == 0);
    CHECK(w.t.inspect(a + 4096).map == mm::entry_kind::marker);
    CHECK(w.t.load(a + 4096).value == 4);
    CHECK(w.letters(a + 4096) == "YU");
    CHECK(u.write_protect(a, 4 * 4096, false) == 0);
    CHECK(w.t.inspect(a + 2 * 4096).map == mm::entry_kind::none);
    w.audit();
}

BOTH_PROFILES("what was protected stays so when the entry goes and the mapping does not", "[uffd]") {
    mm::options o = small();
    o.huge_pools = {{mm::pmd_order, 4}};
    world<TestType> w(o);
    auto& f = w.box.create_file(mm::file_kind::memfd, 4 * 4096, mm::fill::pattern);
    const vaddr a = w.map(4 * 4096, {.shared = true, .source = &f});
    REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
    REQUIRE(w.t.touch(a + 4096, true) == mm::fault_result::ok);
    REQUIRE(w.t.touch(a + 2 * 4096, true) == mm::fault_result::ok);
    mm::userfault<TestType> u(w.t.mm());
    REQUIRE(u.watch(a, 3 * 4096, wp) == 0);
    REQUIRE(u.write_protect(a, 3 * 4096, true) == 0);
    REQUIRE(w.t.madvise(a, 4096, mm::advice::dontneed) == 0);
    REQUIRE(w.t.madvise(a + 4096, 4096, mm::advice::pageout) == 0);
    REQUIRE(w.box.truncate(f, 2 * 4096) == 0);
    for (unsigned k = 0; k < 3; ++k) CHECK(w.t.inspect(a + 4096 * k).map == mm::entry_kind::marker);
    CHECK(w.t.load(a).fault == mm::fault_result::ok);
    CHECK(w.letters(a) == "YU");
    CHECK(w.pin_slow(a + 4096, 1, foll::write | foll::nowait) == 0);
    REQUIRE(w.t.madvise(a + 2 * 4096, 4096, mm::advice::dontneed) == 0);
    CHECK(w.t.inspect(a + 2 * 4096).map == mm::entry_kind::marker);  // twice empty is protected all the same
    REQUIRE(w.t.munmap(a, 4 * 4096) == 0);
    CHECK_FALSE(w.t.inspect(a).has_vma);

    const vaddr own = w.map(4096);  // private memory begins anew
    REQUIRE(w.t.touch(own, true) == mm::fault_result::ok);
    REQUIRE(u.watch(own, 4096, wp) == 0);
    REQUIRE(u.write_protect(own, 4096, true) == 0);
    REQUIRE(w.t.madvise(own, 4096, mm::advice::dontneed) == 0);
    CHECK(w.t.inspect(own).map == mm::entry_kind::none);

    const vaddr h = w.map(2_MiB, {.huge_order = mm::pmd_order});  // huge pages of a pool do not, private or not
    REQUIRE(w.t.touch(h, true) == mm::fault_result::ok);
    REQUIRE(u.watch(h, 2_MiB, wp) == 0);
    REQUIRE(u.write_protect(h, 2_MiB, true) == 0);
    REQUIRE(w.t.madvise(h, 2_MiB, mm::advice::dontneed) == 0);
    CHECK(w.t.inspect(h).map == mm::entry_kind::marker);
    w.audit();
}

BOTH_PROFILES("a protected huge zero page is protected in each of its pieces", "[uffd]") {
    world<TestType> w;
    const vaddr a = w.map(2_MiB, {.huge = true});
    REQUIRE(w.t.touch(a, false) == mm::fault_result::ok);
    mm::userfault<TestType> u(w.t.mm());
    REQUIRE(u.watch(a, 2_MiB, wp) == 0);
    REQUIRE(u.write_protect(a, 2_MiB, true) == 0);
    CHECK(w.letters(a) == "YU");
    CHECK(u.write_protect(a, 4096, false) == 0);
    CHECK(w.letters(a) == "YS");
    CHECK(w.letters(a + 4096) == "YSU");
    w.audit();
}

BOTH_PROFILES("the mark of an empty place that nobody watches any more means nothing", "[uffd]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::memfd, 2 * 4096);
    mm::userfault<TestType> u(w.t.mm());
    const vaddr left = w.map(2 * 4096, {.shared = true, .source = &f});
    REQUIRE(u.watch(left, 2 * 4096, wp) == 0);
    REQUIRE(u.write_protect(left, 2 * 4096, true) == 0);
    REQUIRE(u.watch(left, 2 * 4096, missing) == 0);
    REQUIRE(u.unwatch(left, 2 * 4096) == 0);
    CHECK(w.t.load(left).value == 0);
    CHECK(w.t.store(left + 4096, 1) == mm::fault_result::ok);

    const vaddr from = w.map(2 * 4096, {.shared = true, .source = &f}), to = from + 64 * 4096;
    REQUIRE(u.watch(from, 2 * 4096, wp) == 0);
    REQUIRE(u.write_protect(from, 2 * 4096, true) == 0);
    REQUIRE(w.t.inspect(from).map == mm::entry_kind::marker);
    REQUIRE(w.t.mremap(from, {.old_length = 2 * 4096, .new_length = 2 * 4096, .to = to}).error == 0);
    CHECK(w.t.inspect(to).map == mm::entry_kind::none);
    CHECK(w.t.load(to + 4096).value == 1);
    CHECK(w.t.store(to, 2) == mm::fault_result::ok);
    w.audit();
}

BOTH_PROFILES("shared memory watched for writes: reads map clean entries without write access", "[uffd]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::memfd, 4 * 4096);
    const vaddr a = w.map(4 * 4096, {.shared = true, .source = &f});
    REQUIRE(w.t.load(a).value == 0);
    CHECK(w.letters(a) == "WY");
    mm::userfault<TestType> u(w.t.mm());
    REQUIRE(u.watch(a, 4 * 4096, wp) == 0);
    CHECK(w.letters(a) == "WY");
    REQUIRE(w.t.load(a + 4096).value == 0);
    CHECK(w.letters(a + 4096) == "Y");
    CHECK(u.write_protect(a, 4096, false) == 0);
    CHECK(w.letters(a) == "Y");
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    CHECK(w.letters(a) == "WDY");
    CHECK(u.write_protect(a, 4096, true) == 0);
    CHECK(u.write_protect(a, 4096, false) == 0);
    CHECK(w.letters(a) == "WDY");
    REQUIRE(w.pin(a + 4096, 1, foll::write | foll::longterm) == 1);  // nothing here is written back
    CHECK(w.letters(a + 4096) == "WDY");
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("a write to a place that was protected while empty brings the page in protected, then waits", "[uffd]") {
    for (const bool shared : {true, false}) {
        world<TestType> w;
        auto& f = w.box.create_file(mm::file_kind::memfd, 2 * 4096, mm::fill::pattern);
        const vaddr a = w.map(2 * 4096, {.shared = shared, .source = &f});
        mm::userfault<TestType> u(w.t.mm());
        REQUIRE(u.watch(a, 2 * 4096, wp) == 0);
        REQUIRE(u.write_protect(a, 2 * 4096, true) == 0);
        CHECK(w.pin_slow(a, 1, foll::write | foll::nowait) == 0);
        CHECK(w.letters(a) == "DYU");
        CHECK(w.t.inspect(a).page.kind == (shared ? mm::page_kind::shmem : mm::page_kind::anon));
        CHECK(w.t.inspect(a + 4096).map == mm::entry_kind::marker);
        CHECK(u.write_protect(a, 4096, false) == 0);
        CHECK(w.t.store(a, 9) == mm::fault_result::ok);
        CHECK(w.letters(a) == "WDY");
        w.audit();
    }
}

BOTH_PROFILES("a page that was protected before it went to swap comes back protected", "[uffd]") {
    watched<TestType> w(wp);
    REQUIRE(w.t.store(w.a, 7) == mm::fault_result::ok);
    REQUIRE(w.u.write_protect(w.a, 4096, true) == 0);
    REQUIRE(w.t.madvise(w.a, 4096, mm::advice::pageout) == 0);
    REQUIRE(w.t.inspect(w.a).map == mm::entry_kind::swap);
    CHECK(w.t.load(w.a).value == 7);
    CHECK(w.letters(w.a) == "YU");
    CHECK(w.pin_slow(w.a, 1, foll::write | foll::nowait) == 0);  // somebody has to be told
    CHECK(w.u.write_protect(w.a, 4096, false) == 0);
    CHECK(w.t.store(w.a, 8) == mm::fault_result::ok);
    CHECK(w.letters(w.a) == "WDY");
    w.audit();
}

BOTH_PROFILES("a mark that means nothing any more goes under the lock of its entry", "[uffd]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::memfd, 2 * 4096, mm::fill::pattern);
    const vaddr a = w.map(2 * 4096, {.shared = true, .source = &f});
    REQUIRE(w.t.touch(a + 4096, false) == mm::fault_result::ok);
    mm::userfault<TestType> u(w.t.mm());
    REQUIRE(u.watch(a, 2 * 4096, missing) == 0);
    REQUIRE(w.t.madvise(a, 4096, mm::advice::dontneed) == 0);
    const auto at = w.t.mm().tables.find(a, mm::level::pte);
    REQUIRE(at.reached(mm::level::pte));
    bool kept = false;
    std::atomic<bool> begun{false}, loaded{false};
    std::thread cpu;
    {
        mm::word_guard lock(at.lock());
        at.slot->set(mm::entry::make(mm::entry_kind::marker, {}).with(mm::eb::uffd_wp));
        cpu = std::thread([&] {
            begun = true;
            loaded = w.t.load(a).fault == mm::fault_result::ok;
        });
        unsigned spins = 0;
        while (!begun) mm::relax(spins);
        for (unsigned k = 0; k < 5000; ++k) mm::relax(spins);  // it has come to the mark, most likely
        kept = at.slot->read().kind() == mm::entry_kind::marker;
    }
    cpu.join();
    CHECK(kept);
    CHECK(loaded);
    CHECK(w.t.inspect(a).map == mm::entry_kind::leaf);
    w.audit();
}

BOTH_PROFILES("empty places of huge pages remember that they are protected: pages come in protected, and writers wait", "[uffd]") {
    mm::options o = small();
    o.huge_pools = {{mm::pmd_order, 6}};
    const bool shared = GENERATE(false, true);
    world<TestType> w(o);
    const vaddr a = w.map(8_MiB, {.shared = shared, .huge_order = mm::pmd_order});
    mm::userfault<TestType> u(w.t.mm());
    REQUIRE(u.watch(a, 8_MiB, missing | wp) == 0);
    REQUIRE(u.write_protect(a, 8_MiB, true) == 0);
    CHECK(w.t.inspect(a).map == mm::entry_kind::marker);
    CHECK(w.pin_slow(a, 1, foll::write | foll::nowait) == 0);  // nobody is told, and nothing taken from the pool
    CHECK(w.box.phys().hugetlb.of(mm::pmd_order)->state().free == 6);
    std::thread reader([&] { (void)w.t.touch(a, false); });
    std::optional<mm::uffd_event> e;
    while (!(e = u.read())) std::this_thread::yield();
    CHECK(e->address == a);  // missing all the same
    CHECK_FALSE(e->wp);
    const std::vector<unsigned char> bytes(2_MiB, 7);
    CHECK(u.copy(a, bytes.data(), 2_MiB) == static_cast<long>(2_MiB));
    reader.join();
    CHECK(w.letters(a) == "WDY");  // the copy says by itself whether it is protected

    REQUIRE(u.unwatch(a, 8_MiB) == 0);
    CHECK(w.t.inspect(a + 2_MiB).map == mm::entry_kind::none);
    REQUIRE(u.watch(a, 8_MiB, wp) == 0);
    REQUIRE(u.write_protect(a + 2_MiB, 6_MiB, true) == 0);
    CHECK(w.t.load(a + 2_MiB).value == 0);
    CHECK(w.letters(a + 2_MiB) == (shared ? "DYU" : "YU"));
    CHECK(w.pin_slow(a + 4_MiB, 1, foll::write | foll::nowait) == 0);
    CHECK(w.letters(a + 4_MiB).find('U') != std::string::npos);
    CHECK(w.letters(a + 4_MiB).find('W') == std::string::npos);
    std::thread writer([&] { (void)w.t.store(a + 4_MiB, 5); });
    while (!(e = u.read())) std::this_thread::yield();
    CHECK(e->address == a + 4_MiB);
    CHECK(e->wp);
    CHECK(u.write_protect(a + 4_MiB, 2_MiB, false) == 0);
    writer.join();
    CHECK(w.t.load(a + 4_MiB).value == 5);
    CHECK(w.letters(a + 4_MiB) == "WDY");
    w.audit();

    const auto child = w.box.fork(w.t);
    REQUIRE(child.error == 0);
    CHECK((*child)->inspect(a + 6_MiB).map == mm::entry_kind::none);
    w.box.exit(**child);
    CHECK(w.t.inspect(a + 6_MiB).map == mm::entry_kind::marker);
    CHECK(u.write_protect(a + 6_MiB, 2_MiB, false) == 0);
    CHECK(w.t.inspect(a + 6_MiB).map == mm::entry_kind::none);
    CHECK(u.write_protect(a + 6_MiB, 2_MiB, true) == 0);
    REQUIRE(u.watch(a, 8_MiB, missing) == 0);
    REQUIRE(u.unwatch(a, 8_MiB) == 0);
    CHECK(w.t.store(a + 6_MiB, 1) == mm::fault_result::ok);  // a mark nobody watches means nothing
    CHECK(w.letters(a + 6_MiB) == "WDY");
    w.audit();
}

BOTH_PROFILES("huge pages that move, or are copied to be shared no more, keep what their watcher knows, and nothing else", "[uffd]") {
    mm::options o = small();
    o.huge_pools = {{mm::pmd_order, 4}};
    world<TestType> w(o);
    mm::userfault<TestType> u(w.t.mm());
    const vaddr a = w.map(4_MiB, {.huge_order = mm::pmd_order}), to = a + 1_GiB;
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    REQUIRE(u.watch(a, 4_MiB, wp) == 0);
    REQUIRE(u.write_protect(a, 4_MiB, true) == 0);
    const auto child = w.box.fork(w.t);
    REQUIRE(child.error == 0);
    CHECK((*child)->inspect(a).letters.find('U') == std::string::npos);
    if constexpr (!is_2019<TestType>) {
        auto* const before = w.page_at(a);
        REQUIRE(w.pin_slow(a, 1) == 1);  // of a page that the child shows, too: a copy
        CHECK(w.page_at(a) != before);
        CHECK(w.letters(a) == "YU");
        w.unpin(1);
    }
    w.box.exit(**child);
    REQUIRE(w.t.mremap(a, {.old_length = 4_MiB, .new_length = 4_MiB, .to = to}).error == 0);
    CHECK(w.letters(to).find('U') == std::string::npos);
    CHECK(w.t.inspect(to + 2_MiB).map == mm::entry_kind::none);
    CHECK(w.t.store(to, 2) == mm::fault_result::ok);
    CHECK(w.t.store(to + 2_MiB, 2) == mm::fault_result::ok);
    w.audit();
}

BOTH_PROFILES("an empty place of shared memory that is protected is missing all the same", "[uffd]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::memfd, 4096);
    const vaddr a = w.map(4096, {.shared = true, .source = &f});
    mm::userfault<TestType> u(w.t.mm());
    REQUIRE(u.watch(a, 4096, missing | wp) == 0);
    REQUIRE(u.write_protect(a, 4096, true) == 0);
    REQUIRE(w.t.inspect(a).map == mm::entry_kind::marker);
    CHECK(w.pin_slow(a, 1, foll::nowait) == 0);
    CHECK(w.t.inspect(a).map == mm::entry_kind::marker);  // its reader fills it, not the fault
    CHECK(f.cache.empty());
    const std::vector<unsigned char> bytes(4096, 3);
    CHECK(u.copy(a, bytes.data(), 4096) == 4096);
    CHECK(w.t.load(a).value == 3);
    w.audit();
}

BOTH_PROFILES("a huge folio of a file is protected by its pages", "[uffd]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::tmpfs_huge, 2_MiB, mm::fill::sparse);
    const vaddr a = w.map(2_MiB, {.shared = true, .source = &f});
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    REQUIRE(w.t.inspect(a).at == mm::level::pmd);
    mm::userfault<TestType> u(w.t.mm());
    REQUIRE(u.watch(a, 2_MiB, wp) == 0);
    REQUIRE(u.write_protect(a, 2 * 4096, true) == 0);
    CHECK(w.t.inspect(a).map == mm::entry_kind::marker);
    CHECK(w.t.inspect(a + 2 * 4096).map == mm::entry_kind::none);
    CHECK(w.t.load(a).value == 1);
    CHECK(w.letters(a) == "YU");
    w.audit();
}

BOTH_PROFILES("the protection of a part of what a pmd shows of a file ends: it is mapped anew by pages", "[uffd]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::tmpfs_huge, 2_MiB, mm::fill::sparse);
    const vaddr a = w.map(2_MiB, {.shared = true, .source = &f});
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    REQUIRE(w.t.inspect(a).at == mm::level::pmd);
    mm::userfault<TestType> u(w.t.mm());
    REQUIRE(u.watch(a, 2_MiB, wp) == 0);
    REQUIRE(u.write_protect(a, 4096, false) == 0);
    CHECK(w.t.inspect(a).map == mm::entry_kind::none);
    CHECK(w.t.load(a).value == 1);
    w.audit();
}

BOTH_PROFILES("a huge folio of a file that is on its way is protected by its places", "[uffd]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::tmpfs_huge, 2_MiB, mm::fill::sparse);
    const vaddr a = w.map(2_MiB, {.shared = true, .source = &f});
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    REQUIRE(w.t.inspect(a).at == mm::level::pmd);
    mm::userfault<TestType> u(w.t.mm());
    REQUIRE(u.watch(a, 2_MiB, wp) == 0);
    int answer = -1;
    hooked::once(mm::race_point::unmapped, [&] { answer = u.write_protect(a, 2 * 4096, true); });
    CHECK(mm::migrate_page(w.t.mm(), a, {}).error == 0);
    CHECK(answer == 0);
    CHECK(w.t.inspect(a).map == mm::entry_kind::marker);
    CHECK(w.t.inspect(a + 2 * 4096).map == mm::entry_kind::none);
    w.audit();
    CHECK(w.t.load(a).value == 1);
    CHECK(w.letters(a) == "YU");
    CHECK(w.refs(a) == 513);
    w.audit();
}

BOTH_PROFILES("watching for less than is watched already changes nothing", "[uffd]") {
    watched<TestType> w(missing | wp);
    REQUIRE(w.u.watch(w.a, 4 * 4096, missing) == 0);
    CHECK(w.u.write_protect(w.a, 4096, true) == 0);
    w.audit();
}

BOTH_PROFILES("what cannot be watched is refused", "[uffd]") {
    world<TestType> w;
    mm::userfault<TestType> u(w.t.mm()), other(w.t.mm());
    const vaddr a = w.map(4 * 4096);
    auto& f = w.box.create_file(mm::file_kind::ext4, 4096, mm::fill::pattern);
    const vaddr b = w.map(4096, {.shared = true, .source = &f});
    CHECK(u.watch(b, 4096, missing) == -err::einval);
    CHECK(u.watch(a + 1, 4096, missing) == -err::einval);
    CHECK(u.watch(a, 4096, 0) == -err::einval);
    CHECK(u.watch(vaddr{1} << 40, 4096, missing) == -err::enomem);
    CHECK(u.watch(a, 4096, missing) == 0);
    CHECK(other.watch(a, 2 * 4096, missing) == -err::ebusy);
    CHECK(u.write_protect(a, 4096, true) == -err::enoent);  // not watched for writes
    u.close();
    CHECK(other.watch(a, 2 * 4096, missing) == 0);
    CHECK(u.zero(a, 4096) == -err::esrch);
    w.audit();
}

BOTH_PROFILES("whoever waits is let go when the watcher leaves, or when it must die", "[uffd]") {
    watched<TestType> w(missing);
    mm::fault_result r = mm::fault_result::oom;
    std::thread toucher([&] { r = w.t.touch(w.a, true); });
    (void)w.next();
    CHECK(w.u.unwatch(w.a, 4096) == 0);
    toucher.join();
    CHECK(r == mm::fault_result::ok);
    long got = 1;
    std::thread pinner([&] { got = w.pin(w.a + 4096, 1, foll::write); });
    (void)w.next();
    w.t.set_fatal_signal(true);
    w.u.wake(w.a, 4 * 4096);
    pinner.join();
    CHECK(got == pick<TestType, long>(0, -err::eintr));
    w.t.set_fatal_signal(false);
    w.audit();
}

BOTH_PROFILES("moving pages: what is pinned, shared or large stays where it is", "[uffd]") {
    watched<TestType> w(missing, 8);
    const vaddr from = w.map(8 * 4096);
    for (unsigned k = 0; k < 4; ++k) REQUIRE(w.t.store(from + k * 4096, static_cast<unsigned char>(k + 1)) == mm::fault_result::ok);
    auto* page = w.page_at(from);
    CHECK(w.u.move(w.a, from, 4096) == 4096);
    CHECK(w.page_at(w.a) == page);
    CHECK(w.letters(w.a) == "WDY");
    CHECK(w.t.inspect(from).map == mm::entry_kind::none);
    CHECK(w.t.load(w.a).value == 1);
    w.audit();
    CHECK(mm::migrate_page(w.t.mm(), w.a, {}).error == 0);  // found by its new place
    CHECK(w.t.load(w.a).value == 1);

    CHECK(w.u.move(w.a, from + 4096, 4096) == -err::eexist);
    CHECK(w.u.move(w.a + 4096, from, 4096) == -err::enoent);
    REQUIRE(w.pin(from + 4096, 1, foll::write) == 1);
    CHECK(w.u.move(w.a + 4096, from + 4096, 4096) == -err::ebusy);
    CHECK(w.letters(from + 4096) == "WDY");
    w.unpin(1);
    CHECK(w.u.move(w.a + 4096, from + 4096, 2 * 4096) == 2 * 4096);
    (void)*w.box.fork(w.t);
    CHECK(w.u.move(w.a + 3 * 4096, from + 3 * 4096, 4096) == -err::ebusy);
    const vaddr h = w.huge();
    CHECK(w.u.move(w.a + 4 * 4096, h, 4096) == -err::ebusy);
    REQUIRE(w.t.load(from).value == 0);
    CHECK(w.u.move(w.a + 5 * 4096, from, 4096) == 4096);
    CHECK(w.letters(w.a + 5 * 4096) == "YS");
    w.audit();
}

BOTH_PROFILES("moved memory and children are not watched", "[uffd]") {
    watched<TestType> w(missing | wp);
    REQUIRE(w.copy(w.a, 1) == 4096);
    REQUIRE(w.u.write_protect(w.a, 4096, true) == 0);
    auto& child = **w.box.fork(w.t);
    CHECK(child.touch(w.a + 4096, true) == mm::fault_result::ok);
    mm::remapping r;
    r.old_length = r.new_length = 4 * 4096;
    r.to = w.a + 64_MiB;
    const auto b = w.t.mremap(w.a, r);
    REQUIRE(b.error == 0);
    CHECK(w.letters(*b) == "DY");
    CHECK(w.t.touch(*b, true) == mm::fault_result::ok);
    CHECK(w.t.touch(*b + 4096, true) == mm::fault_result::ok);
    CHECK_FALSE(w.u.read());
    w.audit();
}

BOTH_PROFILES("huge pages of a pool are filled whole, private or into the file, and watched for writes", "[uffd]") {
    for (const bool shared : {false, true}) {
        mm::options o = small(32_MiB);
        o.huge_pools = {{.order = mm::pmd_order, .pages = 2}};
        world<TestType> w(o);
        const vaddr a = w.map(4_MiB, {.shared = shared, .huge_order = mm::pmd_order});
        mm::userfault<TestType> u(w.t.mm());
        REQUIRE(u.watch(a, 4_MiB, missing | wp) == 0);
        std::vector<unsigned char> bytes(2_MiB, 6);
        bytes[2_MiB - 1] = 7;
        CHECK(u.copy(a, bytes.data(), 4096) == -err::einval);
        CHECK(u.zero(a, 2_MiB) == -err::einval);
        CHECK(u.copy(a, bytes.data(), 2_MiB) == 2_MiB);
        CHECK(u.copy(a, bytes.data(), 2_MiB) == -err::eexist);
        CHECK(w.letters(a) == "WDY");
        CHECK(w.t.load(a).value == 6);
        CHECK(w.t.load(a + 2_MiB - 1).value == 7);
        CHECK(w.box.phys().hugetlb.of(mm::pmd_order)->state().free == 1);
        w.audit();
        REQUIRE(u.write_protect(a, 2_MiB, true) == 0);
        CHECK(w.letters(a) == "DYU");
        std::vector<frame<TestType>*> page(1);
        CHECK(w.t.get_user_pages_unlocked(a + 4096, 1, page, foll::write | foll::nowait) == 0);
        std::thread writer([&] { CHECK(w.t.store(a + 4096, 8) == mm::fault_result::ok); });
        for (;;) {
            const auto e = u.read();
            if (!e) {
                std::this_thread::yield();
                continue;
            }
            CHECK(e->wp);
            break;
        }
        REQUIRE(u.write_protect(a, 2_MiB, false) == 0);
        writer.join();
        CHECK(w.t.load(a + 4096).value == 8);
        CHECK(w.letters(a) == "WDY");
        REQUIRE(u.write_protect(a, 2_MiB, true) == 0);
        REQUIRE(u.write_protect(a, 2_MiB, false) == 0);
        CHECK(w.letters(a) == "DY");  // its write access comes back by a fault only
        w.audit();
    }
}

}  // namespace uffd_tests
