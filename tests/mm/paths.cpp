// SPDX-License-Identifier: BSL-1.0
// Every slow path: no flag, GET, PIN, both; first, middle and last sub-page; granted, and refused by an overflowed
// count (spec 04 Part C).
#include "box.hpp"

namespace paths_tests {

using namespace mmt;

namespace {

enum class shape { pte, pte_of_thp, pmd, zero, file };

template <class P>
struct prepared {
    vaddr base = 0;
    std::uint64_t pages = 1;
};

template <class P>
prepared<P> prepare(world<P>& w, shape s) {
    switch (s) {
        case shape::pte: {
            const vaddr a = w.map(3 * 4096);
            for (int k = 0; k < 3; ++k) REQUIRE(w.t.store(a + 4096U * static_cast<unsigned>(k), 1) == mm::fault_result::ok);
            return {a, 3};
        }
        case shape::pte_of_thp: {
            const vaddr a = w.huge();
            w.split_entry(a);
            return {a, 512};
        }
        case shape::pmd: return {w.huge(), 512};
        case shape::zero: {
            const vaddr a = w.map(3 * 4096);
            for (int k = 0; k < 3; ++k) REQUIRE(w.t.load(a + 4096U * static_cast<unsigned>(k)).value == 0);
            return {a, 3};
        }
        case shape::file: {
            auto& f = w.box.create_file(mm::file_kind::memfd, 3 * 4096, mm::fill::pattern);
            const vaddr a = w.map(3 * 4096, {.shared = true, .source = &f});
            REQUIRE(w.t.load(a).value == 1);
            return {a, 3};
        }
    }
    return {};
}

template <class P>
mm::lookup<P> look(world<P>& w, vaddr a, unsigned flags, mm::gup_trace* trace = nullptr) {
    std::shared_lock lock(w.t.mm().mmap_lock);
    return mm::follow_page_mask(w.t.mm(), *w.t.mm().find(a), a, flags, trace);
}

mm::path_id path_of(shape s, bool in_2019) {
    if (s == shape::pmd) return in_2019 ? mm::path_id::fp_pmd_trans_huge : mm::path_id::fp_huge_pmd;
    return s == shape::zero ? mm::path_id::fp_zero : mm::path_id::fp_pte;
}

constexpr shape all_shapes[] = {shape::pte, shape::pte_of_thp, shape::pmd, shape::zero, shape::file};

}  // namespace

BOTH_PROFILES("a lookup counts by its flags, on the head, and returns the sub-page", "[paths]") {
    for (const shape s : all_shapes) {
        world<TestType> w;
        const auto p = prepare(w, s);
        auto& phys = w.box.phys();
        for (const std::uint64_t k : {std::uint64_t{0}, p.pages / 2, p.pages - 1}) {
            const vaddr a = p.base + k * 4096;
            auto* page = w.page_at(a);
            auto* head = phys.head(page);
            const auto before = head->count.raw();
            for (const unsigned flags : {0U, foll::get, foll::pin}) {
                mm::gup_trace trace;
                const auto got = look(w, a, flags, &trace);
                CHECK(got.page == page);
                CHECK(got.error == 0);
                REQUIRE(trace.events.size() == 1);
                CHECK(trace.events[0].path == path_of(s, is_2019<TestType>));
                CHECK(head->count.refs() - before == trace.events[0].units);
                CHECK(trace.events[0].units == mm::units_of(page, 1, flags));
                CHECK(got.mask == (s == shape::pmd ? 511U : 0U));
                if (k != 0 && s == shape::pmd) CHECK(page->count.refs() == 0);  // INV-6
                mm::ungrab(phys, page, 1, flags);
                CHECK(head->count.refs() == before);
            }
        }
        CHECK(w.box.warn().total() == 0);
        w.audit();
    }
}

BOTH_PROFILES("GET and PIN together are refused with one WARN per site", "[paths]") {
    for (const shape s : all_shapes) {
        world<TestType> w;
        const auto p = prepare(w, s);
        const auto refs = w.refs(p.base);
        const auto site = s == shape::pmd ? mm::warn_id::huge_pmd_get_pin : mm::warn_id::pte_get_pin;
        for (int i = 0; i < 3; ++i) CHECK(look(w, p.base, foll::get | foll::pin).error == -err::einval);
        CHECK(w.box.warn().hits(site) == 3);
        CHECK(w.box.warn().total() == 3);
        CHECK(w.refs(p.base) == refs);
        w.audit();
    }
}

BOTH_PROFILES("an overflowed count refuses with an error, never NULL, and changes nothing", "[paths]") {
    for (const shape s : all_shapes) {
        world<TestType> w;
        const auto p = prepare(w, s);
        for (const std::uint64_t k : {std::uint64_t{0}, p.pages / 2, p.pages - 1}) {
            const vaddr a = p.base + k * 4096;
            auto* page = w.page_at(a);
            auto* head = w.box.phys().head(page);
            const auto before = head->count.raw();
            for (const unsigned flag : {foll::get, foll::pin}) {
                if (flag == foll::pin && mm::is_exempt(page)) continue;
                w.box.warn().reset();
                head->count.set_raw(-5);
                const auto got = look(w, a, flag);
                CHECK(got.page == nullptr);
                const bool huge_2019 = is_2019<TestType> && s == shape::pmd;
                CHECK(got.error == (huge_2019 ? -err::efault : -err::enomem));
                CHECK(head->count.refs() == -5);
                CHECK(w.box.warn().hits(mm::warn_id::grab_negative) == 1);
                CHECK(w.box.warn().hits(mm::warn_id::pmd_trans_huge_grab) == (huge_2019 ? 1U : 0U));
                head->count.set_raw(before);
            }
        }
        w.audit();
    }
}

BOTH_PROFILES("NULL where a fault helps: holes, and writes to read-only entries", "[paths]") {
    world<TestType> w;
    const vaddr a = w.map(3 * 4096);
    CHECK(look(w, a, foll::get).page == nullptr);
    CHECK(look(w, a, foll::get).error == 0);
    REQUIRE(w.t.load(a).value == 0);
    CHECK(look(w, a, foll::get | foll::write).page == nullptr);
    CHECK(look(w, a, foll::get | foll::write).error == 0);
    // A core dump leaves both out.
    CHECK(look(w, a, foll::get | foll::dump).error == -err::efault);
    CHECK(look(w, a + 4096, foll::get | foll::dump).error == -err::efault);
    const vaddr h = w.map(2_MiB, {.huge = true});
    REQUIRE(w.t.load(h).value == 0);
    CHECK(look(w, h, foll::get | foll::dump).error == -err::efault);
    w.audit();
}

BOTH_PROFILES("FP-SPLIT-PMD splits the entry and goes on by pte, pinned or not", "[paths]") {
    world<TestType> w;
    const vaddr a = w.huge();
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    const auto got = look(w, a + 4096 * 9, foll::get | foll::split_pmd);
    REQUIRE(got.page);
    CHECK(w.box.phys().index_in_folio(got.page) == 9);
    CHECK(got.mask == 0);
    CHECK(w.t.inspect(a).at == mm::level::pte);
    CHECK(w.refs(a) == 512 + 1 + pick<TestType>(1024, 1));
    mm::ungrab(w.box.phys(), got.page, 1, foll::get);
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("FP-PFN: no descriptor, no count, an error for GET and PIN", "[paths]") {
    world<TestType> w;
    const vaddr a = w.map(4096, {.kind = mm::map_kind::mixedmap});
    REQUIRE(w.t.insert_pfn(a, w.box.device_frames(1)) == 0);
    for (const unsigned flag : {foll::get, foll::pin})
        CHECK(look(w, a, flag).error == (is_2019<TestType> ? -err::efault : -err::eexist));
    CHECK(look(w, a, 0).error == -err::eexist);
    w.audit();
}

BOTH_PROFILES("TOUCH marks the folio by pte and the entry by pmd", "[paths]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::memfd, 4096);
    const vaddr a = w.map(4096, {.shared = true, .source = &f});
    REQUIRE(w.t.load(a).value == 0);
    CHECK(w.letters(a) == "WY");
    CHECK(look(w, a, foll::write | foll::touch).page);
    CHECK(w.letters(a) == "WY");
    CHECK(w.flags(a) == "DB");
    const vaddr h = w.huge();
    REQUIRE(w.t.mprotect(h, 2_MiB, mm::prot::rw) == 0);
    REQUIRE(w.t.madvise(h, 2_MiB, mm::advice::cold) == 0);
    CHECK(w.letters(h) == "WD");
    CHECK(look(w, h, foll::touch).page);
    CHECK(w.letters(h) == "WDY");
}

}  // namespace paths_tests
