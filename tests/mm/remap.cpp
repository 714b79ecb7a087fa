// SPDX-License-Identifier: BSL-1.0
// mremap, mprotect, mlock: entries move and change, pins stay. Source: spec 07 §7 B18, spec 10 §9.
#include "sharing_box.hpp"

namespace remap_tests {

namespace {

using namespace mmt;

template <class P>
vaddr move(family<P>& w, vaddr a, std::uint64_t old_length, std::uint64_t new_length, vaddr to, bool keep = false) {
    const auto r = w.t.mremap(a, {.old_length = old_length, .new_length = new_length, .to = to, .keep_old = keep});
    REQUIRE(r.error == 0);
    return *r;
}
constexpr vaddr elsewhere = vaddr{1} << 40;

BOTH_PROFILES("a moved mapping takes its entries, counts and pins along", "[remap]") {
    family<TestType> w;
    const vaddr a = w.written(2, 5);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    auto* const page = w.pages[0];
    const vaddr b = move(w, a, 2 * one, 4 * one, elsewhere);
    CHECK_FALSE(w.t.inspect(a).has_vma);
    CHECK(w.page_at(b) == page);
    CHECK(w.letters(b) == "WDY");
    CHECK(w.refs(b) == 1025);
    CHECK(w.map_of(b + 3 * one) == mm::entry_kind::none);
    w.put_byte(w.t, b, 7);
    CHECK(w.seen_by_device() == 7);
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("with dontunmap the old range stays and is empty", "[remap]") {
    family<TestType> w;
    const vaddr a = w.written(2, 5);
    const vaddr b = move(w, a, 2 * one, 2 * one, elsewhere, true);
    CHECK(w.map_of(a) == mm::entry_kind::none);
    CHECK(w.byte(w.t, b) == 5);
    CHECK(w.byte(w.t, a) == 0);
    w.put_byte(w.t, a, 6);
    w.fork();
    w.audit();
}

BOTH_PROFILES("with dontunmap nothing is resized: not even what would have been cut off goes", "[remap]") {
    family<TestType> w;
    const vaddr a = w.written(2, 5);
    CHECK(w.t.mremap(a, {.old_length = 2 * one, .new_length = one, .to = elsewhere, .keep_old = true}).error == -err::einval);
    CHECK(w.t.mremap(a, {.old_length = one, .new_length = 2 * one, .to = elsewhere, .keep_old = true}).error == -err::einval);
    CHECK(w.letters(a + one) == "WDY");
    CHECK_FALSE(w.t.inspect(elsewhere).has_vma);
    w.audit();
}

BOTH_PROFILES("an old length of 0 maps what is shared a second time, and is refused where nothing is", "[remap]") {
    family<TestType> w;
    const vaddr a = w.map(3 * one, {.shared = true, .at = elsewhere / 2});
    w.put_byte(w.t, a + one, 5);
    REQUIRE(w.pin(a + one, 1, foll::write) == 1);
    const vaddr b = move(w, a + one, 0, 2 * one, elsewhere);
    CHECK(w.map_of(b) == mm::entry_kind::none);
    CHECK(w.letters(a + one) == "WDY");
    CHECK(w.byte(w.t, b) == 5);
    CHECK(w.page_at(b) == w.pages[0]);
    w.put_byte(w.t, b + one, 6);
    CHECK(w.byte(w.t, a + 2 * one) == 6);
    CHECK(w.t.mremap(a, {.old_length = 0, .new_length = one}).error == -err::enomem);
    w.unpin(1);
    const vaddr own = w.written(1, 7);
    CHECK(w.t.mremap(own, {.old_length = 0, .new_length = one, .to = elsewhere + 16 * one}).error == -err::einval);
    w.audit();
}

BOTH_PROFILES("a mapping grows and shrinks in place", "[remap]") {
    family<TestType> w;
    const vaddr a = w.map(2 * one, {.at = elsewhere});
    w.put_byte(w.t, a, 5);
    CHECK(*w.t.mremap(a, {.old_length = 2 * one, .new_length = 4 * one}) == a);
    w.put_byte(w.t, a + 3 * one, 6);
    w.map(one, {.at = a + 5 * one});
    CHECK(*w.t.mremap(a, {.old_length = 4 * one, .new_length = 5 * one}) == a);
    CHECK(w.t.mremap(a, {.old_length = 5 * one, .new_length = 6 * one}).error != 0);
    CHECK(*w.t.mremap(a, {.old_length = 5 * one, .new_length = one}) == a);
    CHECK_FALSE(w.t.inspect(a + one).has_vma);
    CHECK(w.byte(w.t, a) == 5);
    w.audit();
}

BOTH_PROFILES("an aligned huge page moves whole, another one by its ptes", "[remap]") {
    family<TestType> w;
    const bool aligned = GENERATE(true, false);
    const vaddr a = w.huge();
    REQUIRE(w.pin(a + 9 * one, 1, foll::write) == 1);
    const vaddr b = move(w, a, 2_MiB, 2_MiB, elsewhere + (aligned ? 0 : one));
    CHECK(w.t.inspect(b).at == (aligned ? mm::level::pmd : mm::level::pte));
    CHECK(w.page_at(b + 9 * one) == w.pages[0]);
    CHECK(w.letters(b) == "WDY");
    w.audit();
    w.put_byte(w.t, b + 9 * one, 3);
    CHECK(w.seen_by_device() == 3);
    w.unpin(1);
    REQUIRE(w.t.munmap(b, 2_MiB) == 0);
    w.audit();
}

BOTH_PROFILES("swap entries move, and file pages of private mappings too", "[remap]") {
    family<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::memfd, 2 * one, mm::fill::pattern);
    const vaddr a = w.written(1, 5), m = w.map(2 * one, {.source = &f});
    CHECK(w.byte(w.t, m + one) == 2);
    w.put_byte(w.t, m, 9);
    CHECK(w.page_out(a) == 0);
    const vaddr b = move(w, a, one, one, elsewhere), n = move(w, m, 2 * one, 2 * one, elsewhere + 64 * one);
    CHECK(w.map_of(b) == mm::entry_kind::swap);
    CHECK(w.byte(w.t, b) == 5);
    CHECK(w.byte(w.t, n) == 9);
    CHECK(w.byte(w.t, n + one) == 2);
    w.audit();
}

BOTH_PROFILES("part of a mapping moves; the rest stays, and reclaim finds both", "[remap]") {
    family<TestType> w;
    const vaddr a = w.written(4, 5);
    const vaddr b = move(w, a + one, 2 * one, 2 * one, elsewhere);
    CHECK(w.byte(w.t, a + 3 * one) == 5);
    CHECK_FALSE(w.t.inspect(a + one).has_vma);
    CHECK(w.page_out(b, 2) == 0);
    CHECK(w.page_out(a) == 0);
    CHECK(w.t.mm().swap_entries.load() == 3);
    CHECK(w.byte(w.t, b + one) == 5);
    w.audit();
}

BOTH_PROFILES("mremap refuses what it cannot do", "[remap]") {
    family<TestType> w;
    const vaddr a = w.written(2);
    const auto error = [&](vaddr at, const mm::remapping& r) { return w.t.mremap(at, r).error; };
    CHECK(error(a + 1, {.old_length = one, .new_length = one}) == -err::einval);
    CHECK(error(a, {.old_length = one, .new_length = 0}) == -err::einval);
    CHECK(error(elsewhere, {.old_length = one, .new_length = one}) == -err::efault);
    CHECK(error(a, {.old_length = one, .new_length = one, .to = a}) == -err::einval);
    CHECK(error(a, {.old_length = 4 * one, .new_length = 4 * one, .to = elsewhere}) == -err::efault);
    CHECK(error(a, {.old_length = one, .new_length = 2 * one, .to = elsewhere, .keep_old = true}) == -err::einval);
    CHECK(error(a, {.old_length = one, .new_length = one, .keep_old = true}) == -err::einval);
    CHECK(w.letters(a) == "WDY");
    w.audit();
}

BOTH_PROFILES("mprotect to read and back: an exclusive page is writable at once, a shared one is not", "[remap]") {
    family<TestType> w;
    const vaddr a = w.written(2, 5);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    REQUIRE(w.t.mprotect(a, 2 * one, mm::prot::read) == 0);
    CHECK(w.letters(a) == "DY");
    CHECK(w.t.store(a, 1) == mm::fault_result::sigsegv);
    REQUIRE(w.t.mprotect(a, 2 * one, mm::prot::rw) == 0);
    CHECK(w.letters(a) == pick<TestType>("DY", "WDY"));
    w.put_byte(w.t, a, 6);
    CHECK(w.seen_by_device() == 6);
    w.unpin(1);
    w.fork();
    REQUIRE(w.t.mprotect(a, 2 * one, mm::prot::read) == 0);
    REQUIRE(w.t.mprotect(a, 2 * one, mm::prot::rw) == 0);
    CHECK(w.letters(a) == "DY");
    w.audit();
}

BOTH_PROFILES("mprotect and every advice that names a hole change what lies before it", "[remap]") {
    family<TestType> w;
    const vaddr a = w.map(4 * one, {.at = elsewhere});
    for (vaddr p = a; p < a + 4 * one; p += one) w.put_byte(w.t, p, 5);
    REQUIRE(w.t.munmap(a + 2 * one, one) == 0);
    CHECK(w.t.mprotect(a, 4 * one, mm::prot::read) == -err::enomem);
    CHECK(w.letters(a + one) == "DY");
    CHECK(w.letters(a + 3 * one) == "WDY");
    CHECK(w.t.madvise(a, 4 * one, mm::advice::dontneed) == -err::enomem);
    CHECK(w.map_of(a) == mm::entry_kind::none);
    CHECK(w.map_of(a + 3 * one) == mm::entry_kind::none);  // advice goes on behind the hole
    w.audit();
}

BOTH_PROFILES("a border inside a huge page splits its entry", "[remap]") {
    family<TestType> w;
    const vaddr a = w.huge();
    REQUIRE(w.t.madvise(a, one, mm::advice::dontfork) == 0);
    CHECK(w.t.inspect(a).at == mm::level::pte);
    auto& c = w.fork();
    CHECK_FALSE(c.inspect(a).has_vma);
    CHECK(w.byte(c, a + one) == 0);
    CHECK(w.flags(a) == marks<TestType>("XDB"));
    w.audit();
}

BOTH_PROFILES("locked memory is there, marked, and the mark goes with the entry", "[remap]") {
    family<TestType> w;
    const vaddr a = w.map(2 * one);
    REQUIRE(w.t.mlock(a, 2 * one) == 0);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.flags(a) == marks<TestType>("XBM"));
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    REQUIRE(w.t.munlock(a + one, one) == 0);
    CHECK(w.flags(a + one) == marks<TestType>("XB"));
    REQUIRE(w.t.munmap(a, one) == 0);
    CHECK(w.box.state_of(w.pages[0]).flags == marks<TestType>("XB"));
    w.unpin(1);
    auto& f = w.box.create_file(mm::file_kind::memfd, one, mm::fill::pattern);
    const vaddr b = w.map(one, {.shared = true, .source = &f, .locked = true});
    CHECK(w.flags(b) == "DBM");
    const vaddr c = w.map(one, {.prot = mm::prot::none});
    CHECK(w.t.mlock(c, one) == -err::enomem);
    CHECK(w.map_of(c) == mm::entry_kind::none);
    w.audit();
}

BOTH_PROFILES("a locked huge page is marked while one entry maps it, and piece by piece after a split", "[remap]") {
    family<TestType> w;
    const vaddr a = w.huge();
    for (unsigned k = 0; k < 512; ++k) w.put_byte(w.t, a + k * one, 1);
    REQUIRE(w.t.mlock(a, 512 * one) == 0);
    CHECK(w.flags(a) == marks<TestType>("XBM"));
    REQUIRE(w.t.mprotect(a + 511 * one, one, mm::prot::read) == 0);
    CHECK(w.t.inspect(a).at == mm::level::pte);
    CHECK(w.flags(a) == marks<TestType>("XDB"));
    REQUIRE(w.t.munlock(a + 4 * one, one) == 0);
    REQUIRE(mm::split_range(w.t.mm(), a, a + one) == 1);
    CHECK(w.flags(a + 3 * one) == marks<TestType>("XDBM"));
    CHECK(w.flags(a + 4 * one) == marks<TestType>("XDB"));
    w.audit();
}

BOTH_PROFILES("what lies in locked memory is not reclaimed, whether it is marked or not", "[remap]") {
    family<TestType> w;
    const vaddr a = w.huge();
    w.put_byte(w.t, a, 1);
    REQUIRE(w.t.mlock(a, 4 * one) == 0);
    CHECK(w.flags(a) == marks<TestType>("XDB"));
    auto* const head = w.page_at(a);
    REQUIRE(mm::isolate(w.box.phys(), head));
    CHECK_FALSE(mm::reclaim_folio(w.box.phys(), head));
    CHECK(w.letters(a) == "WDY");
    w.audit();
}

}  // namespace

}  // namespace remap_tests
