// SPDX-License-Identifier: BSL-1.0
// What the rows and the picture of the lockless walk measure on: a mapping of the reference MM, the product's instance
// (no ledger, no race points, no trace) with its statistics, and beside it one prefetched locked addition per touched
// head, what Linux 6 does per page, and what bounds all of them.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <pinfold/mm.hpp>

#include "bounds.hpp"
#include "linux_6_shape.hpp"
#include "paired.hpp"

namespace walks {

namespace mm = pinfold::mm;
using namespace mm::literals;
using mm::vaddr;
using paired::candidate;

/// A mapping of `total` pages, and the calls of `n` pages that cover it, or that part of it whose turn it is.
template <class P>
class scene {
public:
    using page = mm::frame<P>;

    scene(std::uint64_t of_pages, const mm::mapping& how, std::uint64_t ram, unsigned small_order = 0)
        : box(options(ram)),
          t(box.spawn()),
          total(of_pages),
          pages(of_pages),
          part_(of_pages) {
        box.warn().set_handler([](mm::warn_id, std::int64_t) noexcept {});
        if (small_order != 0) box.phys().small_thp[small_order] = mm::thp_mode::always;
        a = *t.mmap(total * mm::page_size, how);
        if (t.fault_in(a, total, true) != total) std::abort();
        box.phys().lru_drain_all();
    }
    ~scene() {
        for (std::size_t i = 0; i < kept_.size(); ++i)
            slot(i).set(kept_[i]);
    }

    /// Effects: the entries stand in a random order of the frames, until the scene ends.
    void shuffle() {
        for (std::uint64_t i = 0; i < total; ++i)
            kept_.push_back(slot(i).read());
        auto mixed = kept_;
        std::shuffle(mixed.begin(), mixed.end(), std::mt19937_64(1));
        for (std::uint64_t i = 0; i < total; ++i)
            slot(i).set(mixed[i]);
    }
    void split_entries() {
        for (std::uint64_t i = 0; i < total; i += mm::pages_per_pmd)
            if (!mm::split_or_drop_pmd(t.mm(), a + i * mm::page_size)) std::abort();
    }

    /// Effects: from now on calls cover `of` pages of the mapping, and the next so many after each turn(): whoever has its
    /// turn meets pages that nobody else has just touched.
    void take_turns(std::uint64_t of) { part_ = of; }
    void turn() { from_ = from_ + part_ < total ? from_ + part_ : 0; }
    [[nodiscard]] std::uint64_t part() const { return part_; }
    [[nodiscard]] std::size_t now() const { return from_ / part_; }
    /// Effects: f(first page, its address, its slot) for each call of n pages.
    template <class F>
    void each_call(std::uint64_t n, F f) {
        for (std::uint64_t at = from_; at < from_ + part_; at += n)
            f(a + at * mm::page_size, pages.data() + at);
    }

    void pin(std::uint64_t n) {
        each_call(n, [&](vaddr at, page** to) {
            if (t.pin_user_pages_fast(at, static_cast<std::int64_t>(n), mm::foll::write, {to, n}) !=
                static_cast<long>(n))
                std::abort();
        });
    }
    void unpin(std::uint64_t n) {
        each_call(n, [&](vaddr, page** of) { t.unpin_user_pages({of, n}); });
    }
    void peer_pin(std::uint64_t n) {
        each_call(n, [&](vaddr at, page** to) {
            if (peer::linux_6_shape<P>::pin(t.mm(), at, n, to) != n) std::abort();
        });
    }
    void peer_unpin(std::uint64_t n) {
        each_call(n, [&](vaddr, page** of) { peer::linux_6_shape<P>::unpin(of, n); });
    }

    /// The words that the calls of n pages have to touch in one turn, each run of a head once.
    [[nodiscard]] std::vector<std::int32_t*> words(std::uint64_t n) {
        pin(n);
        std::vector<std::int32_t*> out;
        for (std::uint64_t i = 0; i < part_; ++i) {
            std::int32_t* const w = peer::refs_of<P>(mm::physical<P>::head(pages[from_ + i]));
            if (i % n == 0 || w != out.back()) out.push_back(w);
        }
        unpin(n);
        return out;
    }

    mm::machine<P> box;
    mm::task<P>& t;
    vaddr a = 0;
    std::uint64_t total;
    std::vector<page*> pages;

private:
    static mm::options options(std::uint64_t ram) {
        mm::options o;
        o.ram = ram;
        o.device_space = 16_MiB;
        return o;
    }
    mm::entry_slot& slot(std::uint64_t i) { return *t.mm().tables.find(a + i * mm::page_size, mm::level::pte).slot; }

    std::uint64_t from_ = 0, part_;
    std::vector<mm::entry> kept_;
};

inline void floor_pass(const std::vector<std::int32_t*>& words, std::int32_t n) {
    constexpr std::size_t ahead = 48;
    std::int32_t* const* const w = words.data();
    const std::size_t size = words.size();
    std::size_t i = 0;
    for (; i + ahead < size; ++i) {
        __builtin_prefetch(w[i + ahead], 1);
        __atomic_fetch_add(w[i], n, __ATOMIC_SEQ_CST);
        paired::clobber(w);
    }
    for (; i < size; ++i) {
        __atomic_fetch_add(w[i], n, __ATOMIC_SEQ_CST);
        paired::clobber(w);
    }
}

template <class Do>
[[nodiscard]] auto passes(std::uint64_t total, Do once) {
    return [total, once](std::uint64_t operations) {
        for (std::uint64_t k = 0; k < operations; k += total)
            once();
    };
}

/// Something less than the walk that pins, or gives back, the pages of a turn in calls of n.
template <class P>
struct beside {
    const char* name;
    std::function<void(scene<P>&, std::uint64_t n)> turn;
};
/// What bounds pins, and what bounds giving back; from the least to the most.
template <class P>
struct bounds_of {
    std::vector<beside<P>> pins{}, unpins{};
};

/// Pinning and giving back are measured apart; what the other half takes is not part of either.
struct figures {
    std::vector<candidate> pins, unpins;

    enum side : std::size_t { floor, ours, peer, first_bound };
    [[nodiscard]] std::vector<double> pin(side to) const { return paired::ratio(pins[ours], pins[to]); }
    [[nodiscard]] std::vector<double> unpin(side to) const { return paired::ratio(unpins[ours], unpins[to]); }

    /// Effects: prints the bounds of the row that was printed before.
    void pin_bounds(side to) const { say(pins, to); }
    void unpin_bounds(side to) const { say(unpins, to); }

private:
    static void say(const std::vector<candidate>& all, side to) {
        for (std::size_t i = first_bound; i < all.size(); ++i)
            paired::bound(all[i].name, paired::ratio(all[i], all[to]));
    }
};

/// Requires: there are no bounds without the peer.
template <class P>
[[nodiscard]] figures compare(scene<P>& s, std::uint64_t n, const paired::effort& how, bool with_peer = true,
                              const bounds_of<P>& bounds = {}) {
    // Of every part of the mapping that has its turn, the words.
    const auto words = std::make_shared<std::vector<std::vector<std::int32_t*>>>();
    for (std::uint64_t at = 0; at < s.total; at += s.part(), s.turn())
        words->push_back(s.words(n));
    const auto side = [&](const char* name, auto before, auto run, auto after) {
        candidate c;
        c.name = name;
        c.step = s.part();
        if (s.part() != s.total) c.operations = s.part();  // more would meet the pages again
        c.before = passes(s.part(), [&s, before] {
            s.turn();
            before();
        });
        c.run = passes(s.part(), run);
        c.after = passes(s.part(), after);
        return c;
    };
    const auto nothing = [] {};
    const auto up = [&s, words] { floor_pass((*words)[s.now()], 1024); };
    const auto down = [&s, words] { floor_pass((*words)[s.now()], -1024); };
    const auto pin = [&s, n] { s.pin(n); };
    const auto unpin = [&s, n] { s.unpin(n); };
    const auto peer_pin = [&s, n] { s.peer_pin(n); };
    const auto peer_unpin = [&s, n] { s.peer_unpin(n); };
    figures f;
    f.pins = {side("floor", nothing, up, down), side("pin", nothing, pin, unpin)};
    f.unpins = {side("floor", up, down, nothing), side("unpin", pin, unpin, nothing)};
    if (with_peer) {
        f.pins.push_back(side("Linux-6 shape", nothing, peer_pin, peer_unpin));
        f.unpins.push_back(side("Linux-6 shape", peer_pin, peer_unpin, nothing));
    }
    for (const beside<P>& b : bounds.pins)
        f.pins.push_back(side(
            b.name, nothing, [&s, n, b] { b.turn(s, n); }, unpin));
    for (const beside<P>& b : bounds.unpins)
        f.unpins.push_back(side(
            b.name, pin, [&s, n, b] { b.turn(s, n); }, nothing));
    paired::measure(f.pins, how);
    paired::measure(f.unpins, how);
    return f;
}

template <class P>
[[nodiscard]] std::string named(const std::string& what) {
    return std::string(P::name) + ": " + what;
}

}  // namespace walks
