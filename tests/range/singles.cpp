// SPDX-License-Identifier: BSL-1.0
// Lists of small pages, blocks, nulls, exempt and dead pages in every mixture, against a list taken element by element.
#include <catch2/catch.hpp>

#include <list>
#include <random>
#include <string>

#include "pages.hpp"

namespace range_singles {

using namespace range_test;
using namespace pinfold;

namespace {

/// What an element of a list may be: three small pages, two pages of one block, nothing, an exempt page, a dead one.
constexpr std::size_t kinds = 8;
constexpr std::size_t dead_page = 5;
constexpr std::size_t zero_page = 6;

struct playground : memory {
    playground() {
        (void)frames[dead_page].count.put();
        frames[zero_page].zero = true;
    }
    frame* of(std::size_t kind) {
        constexpr std::size_t nothing = 99;
        constexpr std::size_t index[kinds] = {0, 1, 2, 8, 9, nothing, zero_page, dead_page};
        return index[kind] == nothing ? nullptr : &frames[index[kind]];
    }
    [[nodiscard]] bool level() const {
        for (std::size_t i = 0; i < 10; ++i)
            if (i != dead_page && i != 9 && raw(i) != 1) return false;
        return frames[dead_page].count.is_dead() && tally::acquired_pins == tally::released_pins;
    }
};

bool counted(const frame* p) { return p != nullptr && !p->zero; }

/// The first index of a list that a batch refuses.
std::size_t refused(playground& m, const std::vector<frame*>& list) {
    for (std::size_t i = 0; i < list.size(); ++i)
        if (list[i] == m.of(7)) return i;
    return list.size();
}

/// Whether pins on a list are what element by element would be, its release too, and every run is dirtied once.
bool like_one_by_one(playground& m, const std::vector<frame*>& list) {
    const std::size_t end = refused(m, list);
    std::size_t expected[32] = {};
    int runs[32] = {};
    std::size_t pins = 0;
    std::size_t seen = 0;
    const frame* before = nullptr;
    for (std::size_t i = 0; i < end; ++i) {
        const frame* const head = counted(list[i]) ? ops::head(list[i]) : nullptr;
        seen += list[i] != nullptr;
        if (head != nullptr) {
            const auto at = static_cast<std::size_t>(head - m.frames.data());
            ++expected[at];
            ++pins;
            runs[at] += head != before;
        }
        before = head;
    }
    bool good = true;
    const std::uint64_t taken = tally::acquired_pins;
    {
        auto got = try_pin_all(list, keep_partial);
        good = good && got.refused_at == end && got.complete() == (end == list.size()) && got.batch.size() == end;
        for (std::size_t i = 0; i < 10; ++i)
            if (i != dead_page && i != 9) good = good && m.raw(i) == static_cast<std::int64_t>(1 + expected[i] * 1024);
        good = good && tally::acquired_pins - taken == pins;
        const auto slots = got.batch.release();
        for (frame& f : m.frames) f.dirtied = 0;
        good = good && unpin_dirty(slots) == seen;
        for (std::size_t i = 0; i < 10; ++i) good = good && m.frames[i].dirtied == runs[i];
    }
    good = good && m.level();
    const auto all = try_pin_all(list);
    good = good && static_cast<bool>(all) == (end == list.size()) && all.refused_at == end;
    return good;
}

std::string spelt(playground& m, const std::vector<frame*>& list) {
    std::string out;
    for (const frame* p : list) out += p == nullptr ? "null " : std::to_string(p - m.frames.data()) + " ";
    return out;
}

}  // namespace

TEST_CASE("every list of five: counts, refusals, runs and releases are those of one page after the other") {
    playground m;
    std::vector<frame*> list(5);
    for (std::size_t code = 0; code < kinds * kinds * kinds * kinds * kinds; code += 3) {
        std::size_t rest = code;
        for (frame*& p : list) {
            p = m.of(rest % kinds);
            rest /= kinds;
        }
        if (!like_one_by_one(m, list) || !m.level()) FAIL(spelt(m, list));
    }
}

TEST_CASE("small pages among which any two are something else: the same") {
    playground m;
    for (std::size_t length = detail::singles_at_once; length < detail::singles_at_once + 3; ++length)
        for (std::size_t first = 0; first < length; ++first)
            for (std::size_t second = first + 1; second < length; ++second)
                for (std::size_t code = 0; code < kinds * kinds; ++code) {
                    std::vector<frame*> list;
                    for (std::size_t i = 0; i < length; ++i) list.push_back(m.of(i % 3));
                    list[first] = m.of(code % kinds);
                    list[second] = m.of(code / kinds);
                    if (!like_one_by_one(m, list) || !m.level()) FAIL(spelt(m, list));
                }
}

TEST_CASE("long lists: the same") {
    playground m;
    std::minstd_rand random(11);
    for (int turn = 0; turn < 2000; ++turn) {
        std::vector<frame*> list(random() % 120);
        for (std::size_t i = 0; i < list.size(); ++i) {
            const bool small = random() % 32 < static_cast<unsigned>(turn % 33);
            list[i] = m.of(small ? i % 3 : random() % (turn % 8 == 0 ? kinds : 7));
        }
        if (!like_one_by_one(m, list) || !m.level()) FAIL(spelt(m, list));
    }
}

TEST_CASE("a list that is no array falls into the same runs") {
    playground m;
    const std::vector<frame*> list{m.of(0), m.of(1), m.of(2), m.of(3), m.of(4), m.of(5), m.of(6), m.of(0)};
    (void)try_pin_all(list).batch.release();
    for (frame& f : m.frames) f.dirtied = 0;
    CHECK(unpin_dirty(std::list<frame*>(list.begin(), list.end())) == 7);
    CHECK(m.frames[8].dirtied == 1);
    CHECK(m.frames[0].dirtied == 2);
    CHECK(m.level());
}

}  // namespace range_singles
