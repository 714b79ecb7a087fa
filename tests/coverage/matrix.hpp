// SPDX-License-Identifier: BSL-1.0
// What a cell of the coverage matrix is, and how it is driven: every flag, three sub-pages, granted and refused, with
// the exact count of the page after each. Source: spec 04 Part C.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include <pinfold/mm.hpp>

namespace coverage {

namespace mm = pinfold::mm;
using namespace mm::literals;
using mm::path_id;
using mm::vaddr;
using mm::warn_id;
namespace foll = mm::foll;
namespace err = mm::err;

enum column { slow_2019, fast_2019, slow_6_12, fast_6_12, columns };
inline constexpr const char* column_names[] = {"2019 slow", "2019 fast", "6.12 slow", "6.12 fast"};

/// One machine with one mapping that is reached by one path.
template <class P>
struct scene {
    explicit scene(const mm::options& o) : box(o), task(box.spawn()) {
        box.warn().set_handler([](warn_id, std::int64_t) noexcept {});
    }
    mm::machine<P> box;
    mm::task<P>& task;
    vaddr base = 0;
    std::uint64_t pages = 1;       ///< of the mapping unit that is looked at
    mm::frame<P>* first = nullptr; ///< the page mapped at `base`; null: there is no descriptor
    std::unique_ptr<mm::vma> own;  ///< of a mapping put into the tables by hand,
    mm::entry_slot* by_hand = nullptr;  ///< and its entry, which nobody counted
    unsigned extra = 0;            ///< flags beside GET and PIN that the path needs

    ~scene() { take_back(); }
    scene(const scene&) = delete;
    scene& operator=(const scene&) = delete;
    void take_back() {
        if (by_hand) by_hand->set({});
        by_hand = nullptr;
    }
    mm::vma& vma() { return own ? *own : *task.mm().find(base); }
};

/// What a question was answered: a page, an errno, or neither.
template <class P>
struct reply {
    mm::frame<P>* page = nullptr;
    int error = 0;
};

/// What a path does with the flags it is given.
struct behaviour {
    path_id path;                   ///< what the trace calls it
    int without = 0;                ///< neither GET nor PIN: 0, the page, uncounted; else an errno
    int counted = 0;                ///< GET, PIN: 0, the page and its unit; else an errno, or `nothing`
    int refused = 0;                ///< the count has no room: an errno, or `nothing`
    int both = err::einval;         ///< GET and PIN
    warn_id both_site = warn_id::count_;     ///< the WARN of GET and PIN
    warn_id refused_site = warn_id::count_;  ///< a WARN beside WARN:GRAB:negative
    warn_id counted_site = warn_id::count_;  ///< the WARN of a path that must not count
    bool implies_get = false;       ///< the fast walk: no flag is GET
    bool temporary = false;         ///< FP-SPLIT: a reference of its own, so that refusal needs no flag
    std::int32_t entries_more = 0;  ///< FP-SPLIT-PMD: references the page has gained when it is returned
    bool splits = false;            ///< the page is its own head afterwards, mapped once
};
inline constexpr int nothing = -1;

template <class P>
struct cell {
    const char* row;
    column at;
    behaviour does;
    std::function<std::unique_ptr<scene<P>>()> build;
    std::function<reply<P>(scene<P>&, vaddr, unsigned flags, mm::gup_trace&)> ask;
};

// ---- asking ------------------------------------------------------------------------------------------------

/// One lookup of the slow path.
template <class P>
reply<P> look(scene<P>& s, vaddr a, unsigned flags, mm::gup_trace& trace) {
    std::shared_lock lock(s.task.mm().mmap_lock);
    const auto got = mm::follow_page_mask(s.task.mm(), s.vma(), a, flags | s.extra, &trace);
    return {got.page, -got.error};
}
/// One pass of the slow path: for what lies before the lookup (FP-HUGETLB-RANGE, FP-GATE).
template <class P>
reply<P> pass(scene<P>& s, vaddr a, unsigned flags, mm::gup_trace& trace) {
    std::shared_lock lock(s.task.mm().mmap_lock);
    mm::frame<P>* page = nullptr;
    const bool array = (flags & (foll::get | foll::pin)) != 0;
    const long got = mm::slow_pass<P>(s.task.mm(), a, 1, flags | s.extra, {array ? &page : nullptr, nullptr, &trace}, nullptr);
    if (got == 1 && !array) page = s.first + (a - s.base) / mm::page_size;  // found, and not handed out
    return got < 0 ? reply<P>{nullptr, static_cast<int>(-got)} : reply<P>{page, 0};
}
/// The lockless walk alone; GET and PIN together are a matter of its public entry.
template <class P>
reply<P> walk(scene<P>& s, vaddr a, unsigned flags, mm::gup_trace& trace) {
    std::vector<mm::frame<P>*> page(1);
    if ((flags & foll::get) != 0 && (flags & foll::pin) != 0)
        return {nullptr, static_cast<int>(-s.task.pin_user_pages_fast(a, 1, foll::get, page, &trace))};
    const auto got = mm::fast_part<P>(s.task.mm(), a, a + mm::page_size, flags | s.extra, page.data(), &trace);
    return {got == 1 ? page[0] : nullptr, 0};
}

// ---- driving -----------------------------------------------------------------------------------------------

/// Units of the count word that one grab by `flags` adds: the whole of the counting scheme, said once more.
template <class P>
std::int32_t unit(const scene<P>& s, const mm::frame<P>* page, unsigned flags) {
    constexpr bool modern = std::is_base_of_v<mm::linux_6_12, P>;
    if ((flags & foll::pin) == 0) return (flags & foll::get) != 0 ? 1 : 0;
    if (modern && page->is(mm::pg::zero)) return 0;  // exempt
    (void)s;
    return modern && mm::physical<P>::head(const_cast<mm::frame<P>*>(page))->is(mm::pg::large) ? 1 : 1024;
}

class findings {
public:
    void expect(bool ok, const std::string& where, const std::string& what) {
        ++checks;
        if (ok) return;
        ++failures;
        std::printf("%s: %s\n", where.c_str(), what.c_str());
    }
    std::uint64_t checks = 0, failures = 0;
};

/// One question at one place: the answer, the warnings, the count before, during and after.
template <class P>
class question {
public:
    question(const cell<P>& c, scene<P>& s, std::uint64_t k, unsigned flags, bool refused, findings& out)
        : does_(c.does), cell_(c), s_(s), k_(k), flags_(flags), refused_(refused), out_(out) {}

    /// Returns: how often the path was taken.
    std::uint64_t ask() {
        auto& phys = s_.box.phys();
        auto& warn = s_.box.warn();
        mm::frame<P>* const page = s_.first ? phys.nth(s_.first, k_) : nullptr;
        mm::frame<P>* head = page ? phys.head(page) : nullptr;
        const std::int32_t before = head ? head->count.raw() : 0;
        const std::int32_t preset = does_.entries_more != 0 ? std::numeric_limits<std::int32_t>::max() - 100 : -5;
        if (refused_ && head) head->count.set_raw(preset);
        const std::int32_t start = head ? static_cast<std::int32_t>(head->count.refs()) : 0;
        warn.reset();
        mm::gup_trace trace;
        const reply<P> got = cell_.ask(s_, s_.base + k_ * mm::page_size, flags_, trace);

        const int error = expected_error(page);
        const bool granted = error == 0;
        expect(got.error == (error == nothing ? 0 : error), "answered errno " + std::to_string(got.error) + ", expected " +
                                                               std::to_string(error == nothing ? 0 : error));
        expect((got.page != nullptr) == (granted && page != nullptr), got.page ? "a page nobody may have" : "no page");
        if (granted && page) expect(got.page == page, "not the page that is mapped there");
        check_warnings(warn, page);

        const unsigned effective = flags_ == 0 && does_.implies_get ? unsigned{foll::get} : flags_;
        const std::int32_t units = granted && page ? unit(s_, page, effective) : 0;
        if (head) {
            const bool split = does_.splits && got.page;
            if (got.page) head = phys.head(page);
            const bool happened = got.page || does_.entries_more != 0;
            const std::int32_t rest = split ? 1 : wrapped(start, happened ? does_.entries_more : 0);
            const bool exact = head->count.refs() == wrapped(rest, units);
            expect(exact, "count " + std::to_string(head->count.refs()) + ", expected " + std::to_string(wrapped(rest, units)));
            if (!exact) head->count.set_raw(rest);  // nobody could give that back
            else if (got.page) mm::ungrab(phys, got.page, 1, effective);
            expect(head->count.refs() == rest, "given back, the count is " + std::to_string(head->count.refs()));
            if (refused_) head->count.set_raw(wrapped(before, happened ? does_.entries_more : 0));
        }
        std::uint64_t taken = 0;
        for (const auto& e : trace.events) taken += e.path == does_.path;
        return taken;
    }

private:
    static std::int32_t wrapped(std::int32_t a, std::int32_t b) {
        return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
    }
    [[nodiscard]] bool is_both() const { return flags_ == (foll::get | foll::pin); }
    /// Whether the count is asked for room at all.
    [[nodiscard]] bool needs_room(const mm::frame<P>* page) const {
        if (!page || !refused_) return false;
        if (does_.temporary) return true;
        if (flags_ == 0) return does_.implies_get;
        return !is_both() && does_.counted == 0 && unit(s_, page, flags_) != 0;
    }
    [[nodiscard]] int expected_error(const mm::frame<P>* page) const {
        if (needs_room(page)) return does_.refused;
        if (is_both()) return does_.both;
        return flags_ == 0 ? does_.without : does_.counted;
    }
    void check_warnings(mm::warnings& warn, const mm::frame<P>* page) {
        std::uint64_t due = 0;
        const auto site = [&](warn_id w) {
            if (w == warn_id::count_) return;
            ++due;
            expect(warn.hits(w) == 1, std::string(name_of(w)) + " " + std::to_string(warn.hits(w)) + " times");
        };
        if (needs_room(page)) {
            site(warn_id::grab_negative);
            site(does_.refused_site);
        } else if (is_both()) {
            site(does_.both_site);
        } else if (flags_ != 0) {
            site(does_.counted_site);
        }
        expect(warn.total() == due, std::to_string(warn.total()) + " warnings, expected " + std::to_string(due));
    }
    void expect(bool ok, const std::string& what) {
        static constexpr const char* names[] = {"no flag", "GET", "PIN", "GET|PIN"};
        const unsigned f = ((flags_ & foll::get) != 0 ? 1U : 0U) + ((flags_ & foll::pin) != 0 ? 2U : 0U);
        out_.expect(ok, std::string(cell_.row) + ", " + column_names[cell_.at] + ", " + names[f] + ", sub-page " +
                            std::to_string(k_) + (refused_ ? ", refused" : ""), what);
    }

    const behaviour& does_;
    const cell<P>& cell_;
    scene<P>& s_;
    std::uint64_t k_;
    unsigned flags_;
    bool refused_;
    findings& out_;
};

/// All questions of one cell. Returns: how often its path was taken.
template <class P>
std::uint64_t drive(const cell<P>& c, findings& out) {
    std::uint64_t taken = 0;
    auto s = c.build();
    for (const unsigned flags : {0U, unsigned{foll::get}, unsigned{foll::pin}, foll::get | foll::pin})
        for (const unsigned part : {0U, 1U, 2U})
            for (const bool refused : {false, true}) {
                const std::uint64_t k = part == 0 ? 0 : part == 1 ? s->pages / 2 : s->pages - 1;
                taken += question<P>(c, *s, k, flags, refused, out).ask();
                if (!c.does.splits && c.does.entries_more == 0) continue;
                for (const std::string& fault : mm::audit(s->box)) out.expect(false, c.row, fault);
                s = c.build();  // whole again
            }
    s->take_back();
    for (const std::string& fault : mm::audit(s->box)) out.expect(false, c.row, fault);
    return taken;
}

}  // namespace coverage
