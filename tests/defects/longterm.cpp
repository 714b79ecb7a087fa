// SPDX-License-Identifier: BSL-1.0
// Long-term calls that fail, and names that promise long-term and do not keep it (DEF-13, DEF-19).
#include "as_posted.hpp"

using namespace mmt;

namespace {

mm::options with_cma() {
    mm::options o = with_devices();
    o.cma = 16_MiB;
    return o;
}

/// A page that stands in CMA memory.
template <class P>
vaddr in_cma(world<P>& w) {
    const vaddr a = written(w);
    w.box.phys().lru_drain_all();
    REQUIRE(mm::migrate_page(w.t.mm(), a, {.node = 0, .exact = true, .cma = true}).error == 0);
    REQUIRE_FALSE(mm::is_longterm_pinnable(w.box.phys(), w.page_at(a)));
    return a;
}

}  // namespace

TEST_CASE("DEF-13 as posted: a refused long-term pin of a DAX file leaves 1023 units, and truncation waits for ever", "[defects]") {
    device_world<as_posted_2019> w;
    mm::file& f = w.dax_file(1);
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
    std::vector<frame<as_posted_2019>*> pages(1);
    const during fault(posted::on, def::d13);
    CHECK(w.t.pin_longterm_pages(a, 1, foll::write, pages) == -err::eopnotsupp);
    auto* page = w.page_at(a);
    CHECK(page->count.refs() == 1024);
    CHECK(mm::is_dax_busy(page));  // what truncation waits for, and nobody is left to end it
    page->count.set_raw(1);
}

TEST_CASE("DEF-13 as posted: a page that should leave CMA is kept there by the call that wants it moved", "[defects]") {
    world<as_posted_2019> w(with_cma());
    const vaddr a = in_cma(w);
    auto* page = w.page_at(a);
    std::vector<frame<as_posted_2019>*> pages(1);
    {
        const during fault(posted::on, def::d13);
        CHECK(w.t.pin_longterm_pages(a, 1, foll::write, pages) == 1);
    }
    CHECK(w.page_at(a) == page);  // not moved: 1023 references nobody can explain
    CHECK(page->count.refs() == 1024 + 1024);
    page->count.set_raw(1);
}

BOTH_PROFILES("DEF-13: a long-term pin of a DAX file is refused and leaves nothing", "[defects]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(1);
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
    auto* page = w.page_at(a);
    const std::int64_t idle_mapped = page->count.refs();
    std::vector<frame<TestType>*> pages(1);
    if constexpr (is_2019<TestType>) CHECK(w.t.pin_longterm_pages(a, 1, foll::write, pages) == -err::eopnotsupp);
    else CHECK(w.t.pin_user_pages(a, 1, foll::write | foll::longterm, pages) == -err::eopnotsupp);
    CHECK(page->count.refs() == idle_mapped);
    CHECK_FALSE(mm::is_dax_busy(page));
    CHECK(w.box.counters().live() == 0);
    w.audit();
}

BOTH_PROFILES("DEF-13: a long-term pin moves a page out of CMA and balances", "[defects]") {
    world<TestType> w(with_cma());
    const vaddr a = in_cma(w);
    auto* page = w.page_at(a);
    std::vector<frame<TestType>*> pages(1);
    if constexpr (is_2019<TestType>) CHECK(w.t.pin_longterm_pages(a, 1, foll::write, pages) == 1);
    else CHECK(w.t.pin_user_pages(a, 1, foll::write | foll::longterm, pages) == 1);
    CHECK(w.page_at(a) == pages[0]);
    CHECK(pages[0] != page);
    CHECK(mm::is_longterm_pinnable(w.box.phys(), pages[0]));  // INV-19
    CHECK(w.refs(a) == 1025);
    w.audit();
    w.t.unpin_user_page(pages[0]);
    w.audit();
}

// ---- DEF-19 --------------------------------------------------------------------------------------------------
namespace {

/// As posted, with the to-do: PIN, and no LONGTERM.
template <class P>
long pin_longterm_pages_remote_as_posted(mm::task<P>& t, vaddr a, std::span<frame<P>*> pages) {
    int locked = 1;
    std::shared_lock lock(t.mm().mmap_lock);
    return t.pin_user_pages_remote(t.mm(), a, pages.size(), foll::write, pages, &locked);
}

}  // namespace

TEST_CASE("DEF-19 as posted: the remote long-term pin leaves pages in CMA and pins DAX files", "[defects]") {
    using P = as_posted_2019;
    device_world<P> w(with_cma());
    std::vector<frame<P>*> pages(1);
    const vaddr a = in_cma(w);
    CHECK(pin_longterm_pages_remote_as_posted<P>(w.t, a, pages) == 1);
    CHECK_FALSE(mm::is_longterm_pinnable(w.box.phys(), pages[0]));
    w.t.unpin_user_page(pages[0]);
    mm::file& f = w.dax_file(1);
    const vaddr b = w.map_file(f);
    CHECK(pin_longterm_pages_remote_as_posted<P>(w.t, b, pages) == 1);
    w.t.unpin_user_page(pages[0]);
}

TEST_CASE("DEF-19: a remote long-term pin is refused by its name and by its flag in 2019, honoured in 6.12", "[defects]") {
    {
        world<checked_2019> w(with_cma());
        std::vector<frame<checked_2019>*> pages(1);
        const vaddr a = in_cma(w);
        CHECK(w.t.pin_longterm_pages_remote(w.t.mm(), a, 1, foll::write, pages, nullptr) == -err::eopnotsupp);
        CHECK(w.t.pin_user_pages_remote(w.t.mm(), a, 1, foll::write | foll::longterm, pages, nullptr) == -err::einval);
        CHECK(w.box.warn().hits(mm::warn_id::api_longterm) == 1);
        CHECK(w.refs(a) == 1);
        w.audit();
    }
    world<checked_6_12> w(with_cma());
    std::vector<frame<checked_6_12>*> pages(1);
    const vaddr a = in_cma(w);
    {
        std::shared_lock lock(w.t.mm().mmap_lock);
        CHECK(w.t.pin_user_pages_remote(w.t.mm(), a, 1, foll::write | foll::longterm, pages, nullptr) == 1);
    }
    CHECK(mm::is_longterm_pinnable(w.box.phys(), pages[0]));
    w.t.unpin_user_page(pages[0]);
    w.audit();
}
