// SPDX-License-Identifier: BSL-1.0
// What does a memory management of my own look like: exact pins on every page, and device pages that idle at 0?
#include <cstdio>
#include <string>
#include <vector>

#include <pinfold/mm.hpp>

namespace mm = pinfold::mm;

// 1. A profile is a bundle: derive from the nearest one and say what is different. All walks, faults and releases
//    follow; none of them asks which profile it runs in.
struct my_mm : mm::linux_6_12 {
    static constexpr const char* name = "my_mm";
    using pins = pinfold::exact_pins;       // one pin is one reference and one step of a second word, on every page
    using devices = mm::zero_based;         // an idle DAX page counts 0, and each entry that maps it counts 1
    using ledger = mm::shadow_ledger;       // who holds each unit is written down, and audited below
};
struct linux_mm : mm::linux_6_12 {
    using ledger = mm::shadow_ledger;
};

template <class P>
std::string seen(mm::task<P>& t, mm::vaddr a) {
    const auto page = t.inspect(a).page;
    return std::to_string(page.refs) + (page.pins ? " refs with " + std::to_string(*page.pins) + " pins" : " refs") +
           (page.maybe_pinned ? ", pinned" : ", not pinned");
}

struct outcome {
    bool looks_pinned = false, copied = false, sound = false;
};

template <class P>
outcome run() {
    std::printf("%s\n", P::name);
    outcome o;
    mm::machine<P> box{mm::options{}};
    auto& t = box.spawn();
    std::vector<mm::frame<P>*> page(1);

    // 2. One pin of one page.
    const mm::vaddr a = *t.mmap(mm::page_size);
    (void)t.store(a, 7);
    (void)t.pin_user_pages_fast(a, 1, mm::foll::write, page);
    std::printf("  a pinned page:             %s\n", seen(t, a).c_str());
    t.unpin_user_page(page[0]);

    // 3. Many plain references: whoever shares the word with them cannot tell.
    std::vector<mm::frame<P>*> refs(2000);
    for (auto& r : refs) (void)t.get_user_pages_fast(a, 1, 0, {&r, 1});
    std::printf("  2000 references, no pin:   %s\n", seen(t, a).c_str());
    o.looks_pinned = t.inspect(a).page.maybe_pinned;
    auto child = box.fork(t);
    o.copied = t.inspect(a).page.page != (*child)->inspect(a).page.page;
    std::printf("  fork %s\n", o.copied ? "copies the page, in doubt" : "shares the page");
    t.put_pages(refs);

    // 4. A page of persistent memory.
    mm::mapping m;
    m.shared = true;
    m.source = &box.create_file(mm::file_kind::fsdax, mm::page_size, mm::fill::pattern);
    const mm::vaddr d = *t.mmap(mm::page_size, m);
    (void)t.touch(d, true);
    std::printf("  a mapped DAX page:         %s\n", seen(t, d).c_str());
    (void)t.pin_user_pages(d, 1, mm::foll::write, page);
    std::printf("  the same, pinned:          %s\n", seen(t, d).c_str());
    o.sound = mm::audit(box).empty();  // every unit of every count has an owner
    t.unpin_user_page(page[0]);
    (void)t.munmap(d, mm::page_size);
    std::printf("  unmapped and unpinned:     %lld refs\n", static_cast<long long>(box.state_of(page[0]).refs));
    return o;
}

int main() {
    const auto theirs = run<linux_mm>();
    const auto mine = run<my_mm>();
    const bool as_meant = theirs.sound && mine.sound && theirs.looks_pinned && theirs.copied && !mine.looks_pinned && !mine.copied;
    std::printf("%s\n", as_meant ? "exact pins have no false positives; all counts are accounted for" : "something is wrong");
    return as_meant ? 0 : 1;
}
