// SPDX-License-Identifier: BSL-1.0
// A machine of a few pages whose every shared word is a step of the explorer, new for each execution; a pin of the
// lockless walk, and what must hold of it; and the end: every unit of every count has an owner.
#pragma once

#define PINFOLD_MM_EXPLORED 1
#include <pinfold/check.hpp>
#include <pinfold/mm.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

namespace explored {

namespace check = pinfold::check;
namespace mm = pinfold::mm;
namespace foll = mm::foll;
using mm::frame;
using mm::vaddr;

/// mm::shadow_ledger without its lock: nobody decides by it, and a lock would be one more order of events.
struct ledger {
    static constexpr bool enabled = true;
    using holders = mm::shadow_ledger::holders;

    void add(mm::pfn head, mm::holder h, std::int64_t n) { pages[head.n].by[static_cast<unsigned>(h)] += n; }
    void forget(mm::pfn head) { pages.erase(head.n); }
    [[nodiscard]] std::int64_t held(mm::pfn head, mm::holder h) const { return of(head)[h]; }
    [[nodiscard]] holders of(mm::pfn head) const {
        const auto it = pages.find(head.n);
        return it == pages.end() ? holders{} : it->second;
    }
    template <class Visit>
    void each(Visit visit) const {
        for (const auto& [n, h] : pages)
            if (!h.empty()) visit(mm::pfn{n}, h);
    }

    std::unordered_map<std::uint64_t, holders> pages;
};

/// Steps that a test leaves out, to see the explorer find what they are there for.
namespace missing {
enum : unsigned { nothing = 0, head_check = 1, entry_check = 2, table_check = 4, fence = 8, wait_for_walks = 16,
                head_look = 32, entry_look = 64 };  // whatever any form of the walk looks at again before it goes on
}
inline unsigned left_out = missing::nothing;

/// The product's steps, but for those that are left out.
struct chosen_steps : mm::right_steps {
    template <class Phys, class Page>
    static bool head_is_still(const Phys& phys, Page* page, const Page* head) noexcept {
        return (left_out & missing::head_check) != 0 || mm::right_steps::head_is_still(phys, page, head);
    }
    template <class Slot, class Entry>
    static bool entry_is_still(const Slot& slot, Entry seen) noexcept {
        return (left_out & missing::entry_check) != 0 || mm::right_steps::entry_is_still(slot, seen);
    }
    template <class Slot, class Entry>
    static bool table_is_still(const Slot& upper, Entry seen) noexcept {
        return (left_out & missing::table_check) != 0 || mm::right_steps::table_is_still(upper, seen);
    }
    template <class Count>
    static void fence_behind_grab() noexcept {
        if ((left_out & missing::fence) == 0) mm::right_steps::fence_behind_grab<Count>();
    }
    template <class Section>
    static void wait_for_walks() noexcept {
        if ((left_out & missing::wait_for_walks) == 0) mm::right_steps::wait_for_walks<Section>();
    }
};

/// What is asked while the walk stands at a race point: nothing, unless a test has something to ask there.
struct asked {
    static inline std::function<void(mm::race_point)> ask;
    static void at(mm::race_point p) {
        using at = mm::race_point;
        const bool no_entry = (left_out & missing::entry_look) != 0, no_head = (left_out & missing::head_look) != 0;
        if (p == at::before_walk || p == at::entry_checked || p == at::after_walk || (no_head && p == at::head_checked))
            check::second_look::note();
        if ((no_head && p == at::added) || (no_entry && p == at::head_checked)) check::second_look::leave_out();
        if (ask) ask(p);
    }
};

/// A profile of the product, with a ledger, its steps chosen and its race points asked.
template <class Profile>
struct observed : Profile {
    using ledger = explored::ledger;
    using steps = chosen_steps;
    using races = asked;
    static constexpr bool poisons_freed = true;
};
using linux_6_12 = observed<mm::linux_6_12>;
using foll_pin_2019 = observed<mm::foll_pin_2019>;

inline mm::options smallest() {
    mm::options o;
    o.ram = std::uint64_t{8} << 20;
    o.device_space = std::uint64_t{4} << 20;
    o.pmem = std::uint64_t{2} << 20;
    o.swap = std::uint64_t{1} << 16;
    o.has_gate = false;
    return o;
}

/// One process, and a mapping of it of which page k holds the byte k + 1.
template <class P>
struct scene {
    static constexpr vaddr base = vaddr{1} << 40;

    scene(check::program& p, const mm::options& o) : program(p), box(o), t(box.spawn()) {}

    /// Effects: maps `pages` pages, of which the first `touched` are there.
    void map(std::uint64_t pages, std::uint64_t touched, mm::mapping m = {}) {
        m.at = base;
        if (t.mmap(pages * mm::page_size, m).error != 0) FAIL("no mapping");
        for (std::uint64_t k = 0; k < touched; ++k) {
            if (t.store(at(k), static_cast<unsigned char>(k + 1)) != mm::fault_result::ok) FAIL("no page");
        }
        box.phys().lru_drain_all();
        first = seen(0);
        generation = first ? first->generation : 0;
        for (std::uint64_t k = 0; k < touched; ++k) name(k);
    }
    /// Effects: traces speak of page k and of the entry that maps it.
    void name(std::uint64_t k) {
        const std::string of = " of page " + std::to_string(k);
        frame<P>& page = *seen(k);
        static_assert(sizeof page.count == sizeof(typename decltype(page.count)::word));  // pins and all
        program.name(page.count, "count" + of);
        program.name(page.flags, "flags" + of), program.name(page.link, "link" + of);
        program.name(page.mapping, "mapping" + of), program.name(page.mapcount, "mapcount" + of);
        const auto& tables = t.mm().tables;
        for (const auto& [l, what] : {std::pair{mm::level::pte, "pte"}, std::pair{mm::level::pmd, "pmd"},
                                      std::pair{mm::level::pud, "pud"}, std::pair{mm::level::pgd, "pgd"}})
            if (const auto found = tables.find(at(k), l); found.reached(l)) program.name(*found.slot, what + of);
    }
    [[nodiscard]] static vaddr at(std::uint64_t k) { return base + k * mm::page_size; }
    /// The page the process sees there; null for none.
    [[nodiscard]] frame<P>* seen(std::uint64_t k) { return t.inspect(at(k)).page.page; }

    /// The lockless walk alone, over `n` pages from k on. Returns: the first page it holds now, or null.
    frame<P>* pin(std::uint64_t k, unsigned flags = foll::pin, std::uint64_t n = 1) {  // flags: PIN is among them
        if constexpr (P::fast_pins_are_noted) t.mm().note_pinned();
        std::array<frame<P>*, most> got{};
        const std::uint64_t count = walk(at(k), at(k + n), flags, got.data());
        if (count == 0) return nullptr;
        held = {got, count, k, flags};
        was_pinned = true;
        for (unsigned i = 0; i < uses; ++i) use();  // a step apart
        return got[0];
    }
    /// The form a call of that many pages takes, without what follows it.
    std::uint64_t walk(vaddr from, vaddr to, unsigned flags, frame<P>** pages) {
        if constexpr (mm::walks_in_blocks<P>)
            if (to - from == mm::page_size)
                return static_cast<std::uint64_t>(mm::detail::row_or_page_fast<P, true>(t.mm(), from, 1, flags | foll::fast_only, pages));
        return mm::fast_part<P>(t.mm(), from, to, flags, pages, nullptr);
    }
    /// What holds of a page as long as somebody pins it, whatever the others do.
    void use() {
        const mm::physical<P>& phys = box.phys();
        const mm::holder as = (held.flags & foll::pin) != 0 ? mm::holder::pin : mm::holder::get;
        for (std::uint64_t i = 0; i < held.count; ++i) {
            frame<P>* const page = held.pages[i];
            check::that(phys.head(page)->count.refs() > 0, "a page that is pinned has a count");
            check::that(!page->is(mm::pg::buddy), "a page that is pinned is not free");
            check::that(page != first || first->generation == generation, "a page that is pinned is the one that was mapped");
            check::that(phys.ledger.held(phys.number(phys.head(page)), as) > 0, "a pin is on the head of its page");
            check::that(phys.data.load(phys.number(page), 0) == static_cast<unsigned char>(held.k + i + 1),
                        "a page that is pinned keeps its contents");
        }
    }
    void unpin() {
        while (held.count != 0) mm::ungrab(box.phys(), held.pages[--held.count], 1, held.flags);
    }
    [[nodiscard]] bool holds() const noexcept { return held.count != 0; }
    /// INV-11: what is pinned is what the process sees.
    void stays_coherent() {
        for (std::uint64_t i = 0; i < held.count; ++i)
            check::that(seen(held.k + i) == held.pages[i], "a page that is pinned stays where it is mapped");
    }

    static constexpr std::size_t most = 8;  ///< pages of one pin
    unsigned uses = 2;  ///< looks at what is pinned: each is a few steps

    check::program program;
    mm::machine<P> box;
    mm::task<P>& t;
    std::uint32_t generation = 0;
    struct {
        std::array<frame<P>*, most> pages{};
        std::uint64_t count = 0, k = 0;
        unsigned flags = 0;
    } held;
    frame<P>* first = nullptr;  ///< the page that was mapped at the beginning
    bool was_pinned = false;
    bool acted = false;         ///< whether the other actor could do what it was to do
    mm::task<P>* child = nullptr;
    mm::file* file = nullptr;
};

/// A scene for each execution. One whose threads did not come to their ends keeps what they held, and is left alone.
template <class P>
class stage {
public:
    scene<P>& set(check::program& p, const mm::options& o = smallest()) {
        if (!p.unwound()) leave();
        now_.reset();
        for (auto& parker : check::threading::all<mm::thread_parker>()) parker.park();  // a permit that nobody took
        auto& slots = check::threading::all<mm::detail::thread_slot>();
        for (std::size_t i = 0; i < slots.size(); ++i) check::threading::all<mm::detail::known_slot>()[i].at = &slots[i];
        check::threading::all<mm::detail::table_cache>() = {};
        now_ = std::make_unique<scene<P>>(p, o);
        now_->box.warn().set_handler([](mm::warn_id, std::int64_t) noexcept {});
        return *now_;
    }
    void leave() {
        (void)now_.release();
        for (auto& slot : check::threading::all<mm::detail::thread_slot>()) {
            slot.depth = 0;
            mm::detail::fast_slots[slot.number].since.store(0);
        }
    }
    /// Effects: whatever is still pinned is given back; the execution fails unless every count is right then.
    void audit() {
        pinned += now_->was_pinned ? 1 : 0, acted += now_->acted ? 1 : 0;
        now_->unpin();
        const auto faults = mm::audit(now_->box);
        check::that(faults.empty(), "every unit of every count has an owner");
    }

    std::uint64_t pinned = 0, acted = 0;

private:
    std::unique_ptr<scene<P>> now_;
};

/// What was found, and in how many executions the walk pinned, and the other did what it was to do.
struct outcome {
    check::exploration found;
    std::uint64_t pinned = 0, acted = 0;
};

/// Effects: explores body(program&, stage&) without the steps `without`, and says how far.
template <class P, class Body>
outcome run(std::string name, check::limits bounds, Body body, unsigned without) {
    if constexpr (!P::anon_exclusive) name += ", 2019";
    stage<P> on;
    left_out = without;
    bounds.spurious = 0;  // a loop that goes round once more does nothing else
    check::exploration e = check::explore(name, [&](check::program& p) { body(p, on); }, bounds);
    left_out = missing::nothing, asked::ask = nullptr;
    if (!e) on.leave();
    return {std::move(e), on.pinned, on.acted};
}

/// All of it as if memory were sequentially consistent, or all of it with every value that a load may read.
inline constexpr check::limits in_order{.executions = 100'000, .steps = 5'000, .old_values = false};
inline constexpr check::limits with_old_values{.executions = 100'000, .steps = 5'000};
/// Its beginning: what is found is a fault, what is not found proves nothing.
inline constexpr check::limits a_part_with_old_values{.executions = 500, .steps = 5'000};
inline constexpr check::limits a_part_in_order{.executions = 1'000, .steps = 5'000, .old_values = false};
inline constexpr check::limits without_fences{.executions = 100'000, .steps = 5'000, .fences = false};

/// Effects: the scene holds in all of what `bounds` says, in which both sides come to do what they want.
template <class P = linux_6_12, class Body>
void holds(const char* name, check::limits bounds, Body body, unsigned without = missing::nothing) {
    const outcome o = run<P>(name, bounds, body, without);
    INFO(o.found.text());
    o.found.print();
    CHECK(o.found.proved());
    CHECK(o.pinned != 0);
    CHECK(o.acted != 0);
}
/// Effects: the scene has no fault in the part of it that was run.
template <class P = linux_6_12, class Body>
void runs(const char* name, Body body, check::limits bounds = a_part_with_old_values) {
    const outcome o = run<P>(name, bounds, body, missing::nothing);
    INFO(o.found.text());
    o.found.print();
    CHECK(o.found);
}
/// Effects: what the scene says of the others is found to fail.
template <class P = linux_6_12, class Body>
void fails(const char* name, check::limits bounds, Body body, unsigned without, check::fault how = check::fault::assertion) {
    const outcome o = run<P>(name, bounds, body, without);
    INFO(o.found.text());
    std::printf("%s: left out on purpose, and found after %ju executions: %s\n", o.found.name.c_str(),
                std::uintmax_t{o.found.executions}, o.found.what.c_str());
    CHECK(o.found.found == how);
    CHECK_FALSE(o.found.trace.empty());
}

}  // namespace explored

/// Executions that fail are dropped where they stand, with what their threads hold.
extern "C" inline const char* __asan_default_options() { return "detect_leaks=0"; }
