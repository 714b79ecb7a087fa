// SPDX-License-Identifier: BSL-1.0
// The race matrix: every race point of the lockless walk × every actor × every shape of mapping × GET and PIN, for
// writing and for reading. After each the invariants hold, and what was returned was mapped there before or is now.
// The table is printed; a cell the specification demands and nobody reached is a failure. Source: spec 05 §6.
#include "actors.hpp"

#include <cstdio>
#include <set>

using namespace mmt;
using mm::race_point;

namespace {

constexpr unsigned holds[] = {foll::get | foll::write, foll::pin | foll::write, foll::get, foll::pin};

/// The columns. RP-1 twice: behind the entry above the leaf, and behind the leaf.
struct column {
    const char* name;
    race_point at;
    bool above;
    int number;
};
constexpr column columns[] = {
    {"RP-0", race_point::before_walk, false, 0},    {"RP-1^", race_point::entry_read, true, 0},
    {"RP-1", race_point::entry_read, false, 1},     {"RP-2", race_point::head_resolved, false, 2},
    {"RP-3", race_point::added, false, 3},          {"RP-4", race_point::head_checked, false, 4},
    {"RP-5", race_point::entry_checked, false, 5},  {"RP-6", race_point::between_entries, false, 6},
    {"RP-7", race_point::after_walk, false, 7},     {"RP-8", race_point::before_fallback, false, 8},
};

/// One letter of the table.
enum class outcome : char {
    kept = 'k',     ///< all four pages returned
    part = 'p',     ///< the first of them
    undone = 'u',   ///< none: units were taken and given back
    stopped = '-',  ///< none, and no unit was ever taken
    error = 'e',    ///< the whole call, after its fast part, returned an error
};

template <class P>
class race {
public:
    race(const actor<P>& who, shape where, const column& when, unsigned how, bool whole_call)
        : who_(who), when_(when), how_(how), whole_(whole_call), s_(where) {}

    outcome run() {
        if (when_.at == race_point::before_fallback) s_.open_a_hole();
        const int pass = when_.at == race_point::entry_read ? levels(s_.is) - when_.above : 1;
        director::arm(when_.at, pass, [this] { did = who_.act(s_); });
        director::ends = [this] { s_.thaw(); };
        const long got = whole_ ? call() : fast();
        director::disarm();
        acted = director::acted;
        const bool took = director::passed[static_cast<std::size_t>(race_point::added)] != 0;
        s_.thaw();
        check(got);
        release(got);
        if (got == static_cast<long>(s_.n)) return outcome::kept;
        if (got > 0) return outcome::part;
        if (got < 0) return outcome::error;
        return took ? outcome::undone : outcome::stopped;
    }
    bool acted = false;
    bool did = false;  ///< what it is named for

private:
    [[nodiscard]] bool pins() const { return (how_ & foll::pin) != 0; }
    long fast() {
        pages_.fill(nullptr);
        return static_cast<long>(mm::fast_part(s_.w.t.mm(), s_.a, s_.at(s_.n), how_, pages_.data(), nullptr));
    }
    long call() {
        pages_.fill(nullptr);
        const unsigned flags = how_ & foll::write;
        return pins() ? s_.w.t.pin_user_pages_fast(s_.a, s_.n, flags, pages_)
                      : s_.w.t.get_user_pages_fast(s_.a, s_.n, flags, pages_);
    }

    void check(long got) {
        auto& phys = s_.phys();
        const auto n = static_cast<std::uint64_t>(got > 0 ? got : 0);
        for (std::uint64_t k = 0; k < n; ++k) {
            frame<P>* const now = s_.w.page_at(s_.at(k));
            if (pages_[k] != s_.old[k] || s_.generations[k] != pages_[k]->generation) CHECK(pages_[k] == now);  // INV-13
            if (!whole_ && when_.number <= 4) CHECK(pages_[k] == now);  // it came before the walk looked again
            if (when_.at == race_point::before_walk && now) CHECK(pages_[k] == now);   // INV-14: it came before the walk
            if (pins() && !mm::is_exempt(pages_[k])) CHECK(static_cast<bool>(mm::physical<P>::ops::maybe_pinned(pages_[k])));  // INV-4
        }
        std::int64_t units = 0, zero = 0;
        for (std::uint64_t k = 0; k < n; ++k) zero += mm::is_exempt(pages_[k]) && pins() ? 1 : 0;
        phys.ledger.each([&](mm::pfn, const mm::shadow_ledger::holders& h) {
            units += h[pins() ? mm::holder::pin : mm::holder::get];
        });
        CHECK(units == static_cast<std::int64_t>(n) - zero);  // INV-10
        CHECK(s_.w.box.counters().live() == (pins() ? units : 0));  // INV-3, DEF-22
        if (s_.device) CHECK(s_.device->references() == s_.device_references);  // INV-9
        CHECK(s_.w.box.warn().total() == 0);
        s_.w.audit();  // INV-1, INV-2, INV-5, INV-6, INV-7
        if (!is_2019<P> && who_.keeps_pages && pins() && (bit(s_.is) & anonymous) != 0) check_coherency(n);
    }
    /// INV-11: what the process stores, the device reads.
    void check_coherency(std::uint64_t n) {
        if (s_.w.t.mprotect(s_.base, s_.length, mm::prot::rw) != 0) return;
        for (std::uint64_t k = 0; k < n; ++k) {
            if (mm::is_exempt(pages_[k])) continue;  // the zero page is nobody's memory
            const auto value = static_cast<unsigned char>(0xa0 + k);
            REQUIRE(s_.w.t.store(s_.at(k), value) == mm::fault_result::ok);
            CHECK(s_.w.box.dma_read(pages_[k], 0) == value);
        }
    }
    void release(long got) {
        for (long k = got - 1; k >= 0; --k) mm::ungrab(s_.phys(), pages_[static_cast<std::size_t>(k)], 1, how_);
        s_.clean_up();
        CHECK(s_.w.box.counters().live() == 0);
        if (s_.tables != 0) {
            CHECK(s_.w.t.mm().tables.collect());
            if (!whole_) CHECK(s_.w.t.mm().tables.tables() < s_.tables);
        }
        if (s_.waits) CHECK(s_.w.box.truncate(*s_.file, 0) == 0);  // INV-15: the last release lets it go on
        s_.w.audit();
    }

    const actor<P>& who_;
    const column& when_;
    unsigned how_;
    bool whole_;
    scene<P> s_;
    std::array<frame<P>*, scene<P>::n> pages_{};
};

bool has_holes(shape s) { return s != shape::pmd && s != shape::dax_pmd && (bit(s) & (hugetlb | gigantic)) == 0; }

template <class P>
class matrix {
public:
    void run() {
        std::printf("%s: four pages; at each point GET and PIN for writing, then for reading\n"
                    "  k kept  p the first of them  u taken and given back  - never taken  e error  . no such race\n  %-18s %-15s",
                    P::name, "actor", "shape");
        for (const column& c : columns) std::printf(" %-5s", c.name);
        std::printf("\n");
        for (const actor<P>& who : all_actors<P>)
            for (unsigned s = 0; s < static_cast<unsigned>(shape::count_); ++s)
                if ((who.shapes >> s & 1) != 0 && exists<P>(static_cast<shape>(s))) row(who, static_cast<shape>(s));
        std::printf("  %d races, %d with the slow path behind the walk\n\n", races_, whole_);
        for (const actor<P>& who : all_actors<P>)
            for (int p = 1; p <= 5; ++p) {
                INFO(who.name << " at RP-" << p);
                if (who.demanded) CHECK(reached_.count({who.name, p}) == 1);
            }
    }

private:
    void row(const actor<P>& who, shape s) {
        std::printf("  %-18s %-15s", who.name, shape_names[static_cast<unsigned>(s)]);
        for (const column& c : columns) {
            char cell[] = "....";
            for (std::size_t h = 0; h < std::size(holds); ++h) cell[h] = one(who, s, c, holds[h]);
            std::printf(" %s ", cell);
        }
        std::printf("\n");
        INFO(who.name << ", " << shape_names[static_cast<unsigned>(s)]);
        CHECK(could_);  // an actor that is always refused proves nothing
        could_ = false;
    }
    char one(const actor<P>& who, shape s, const column& p, unsigned how) {
        const bool fallback = p.at == race_point::before_fallback;
        if (fallback && (!has_holes(s) || who.only_in_walk)) return '.';
        if (s == shape::shared && (how & foll::write) != 0 && !fallback) return '.';  // read-only entries: no walk
        if (s == shape::pud && how != (foll::pin | foll::write)) return '.';
        INFO(who.name << ", " << shape_names[static_cast<unsigned>(s)] << ", " << p.name << ", flags " << how);
        {
            INFO("and the slow path behind the walk");
            race<P> whole(who, s, p, how, true);
            const outcome o = whole.run();
            ++whole_;
            ++races_;
            if (fallback) return whole.acted ? static_cast<char>(o) : '.';
        }
        race<P> alone(who, s, p, how, false);
        const outcome o = alone.run();
        ++races_;
        if (!alone.acted) return '.';
        if (p.number <= 2) could_ = could_ || alone.did;
        reached_.insert({who.name, p.number});
        return static_cast<char>(o);
    }

    std::set<std::pair<std::string, int>> reached_;
    bool could_ = false;
    int races_ = 0;
    int whole_ = 0;
};

}  // namespace

TEMPLATE_TEST_CASE("every race point × every actor: the old mapping, the new one, or nothing; every unit accounted for", "[races]",
                   raced_2019, raced_6_12) {
    matrix<TestType>().run();
}
