// SPDX-License-Identifier: BSL-1.0
// memfd_pin_folios makes the pages that a file lacks, while somebody else empties the file: only the cache holds such a
// page at first. Source: spec 06 §8, spec 10 §19.
#include "scene.hpp"

namespace explore_memfd {

using namespace explored;

namespace {

/// One page of a memory file, there already or to be made, is pinned by one thread; the other takes it from the file.
template <class Take>
auto pinned_while_taken(bool there, Take take) {
    return [=](check::program& p, stage<linux_6_12>& on) {
        auto& s = on.set(p);
        s.file = &s.box.create_file(mm::file_kind::memfd, mm::page_size, there ? mm::fill::pattern : mm::fill::sparse);
        s.box.phys().lru_drain_all();
        p.thread([&s] {
            std::uint64_t offset = 0;
            s.held = {};
            const long n = mm::memfd_pin_folios<linux_6_12>(s.box.phys(), *s.file, 0, mm::page_size - 1,
                                                            {s.held.pages.data(), 1}, &offset);
            if (n != 1) return;
            s.held.count = 1, s.held.flags = foll::pin;
            s.was_pinned = true;
            check::that(s.held.pages[0]->count.raw() >= 1024 && !s.held.pages[0]->is(mm::pg::buddy),
                        "a folio that is pinned is not free");
        });
        p.thread([&s, take] { s.acted = take(s) == 0; });
        p.at_end([&s, &on] {
            auto& phys = s.box.phys();
            phys.ledger.each([&phys](mm::pfn n, const auto&) {
                check::that(!phys.at(n)->is(mm::pg::buddy), "a page that waits for the LRU is not free");
            });
            phys.lru_drain_all();
            on.audit();
        });
    };
}
const auto punch = [](auto& s) {
    return mm::fallocate_cached(s.box.phys(), *s.file, mm::file_change::punch, 0, mm::page_size);
};
const auto cut_file = [](auto& s) { return s.box.truncate(*s.file, 0); };

}  // namespace

TEST_CASE("a folio of a memory file is pinned, or made to be pinned, while it is taken from the file") {
    holds("memfd_pin_folios makes, a hole is punched", in_order, pinned_while_taken(false, punch));
    holds("memfd_pin_folios makes, the file is cut", in_order, pinned_while_taken(false, cut_file));
    holds("memfd_pin_folios finds, a hole is punched", in_order, pinned_while_taken(true, punch));
}

}  // namespace explore_memfd
