// SPDX-License-Identifier: BSL-1.0
// What the reference MM's pin_user_pages_fast and unpin_user_pages cost per page: the product's instance (no ledger,
// no race points, no trace), statistics included, against one prefetched locked addition per touched head and against
// what Linux 6 does per page over the same tables (linux_6_shape.hpp).
// walk [--quick] [--only order0|cold|ptes|64k|leaves|threads|series]
#include <pinfold/mm.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "linux_6_shape.hpp"
#include "together.hpp"

namespace {

namespace mm = pinfold::mm;
using namespace mm::literals;
using mm::vaddr;
using paired::candidate;

/// A mapping of `total` pages, and the calls of `n` pages that cover it.
template <class P>
class scene {
public:
    using page = mm::frame<P>;

    scene(std::uint64_t of_pages, const mm::mapping& how, std::uint64_t ram, unsigned small_order = 0)
        : box(options(ram)), t(box.spawn()), total(of_pages), pages(of_pages) {
        box.warn().set_handler([](mm::warn_id, std::int64_t) noexcept {});
        if (small_order != 0) box.phys().small_thp[small_order] = mm::thp_mode::always;
        a = *t.mmap(total * mm::page_size, how);
        if (t.fault_in(a, total, true) != total) std::abort();
        box.phys().lru_drain_all();
    }
    ~scene() {
        for (std::size_t i = 0; i < kept_.size(); ++i) slot(i).set(kept_[i]);
    }

    /// Effects: the entries stand in a random order of the frames, until the scene ends.
    void shuffle() {
        for (std::uint64_t i = 0; i < total; ++i) kept_.push_back(slot(i).read());
        auto mixed = kept_;
        std::shuffle(mixed.begin(), mixed.end(), std::mt19937_64(1));
        for (std::uint64_t i = 0; i < total; ++i) slot(i).set(mixed[i]);
    }
    void split_entries() {
        for (std::uint64_t i = 0; i < total; i += mm::pages_per_pmd)
            if (!mm::split_or_drop_pmd(t.mm(), a + i * mm::page_size)) std::abort();
    }

    void pin(std::uint64_t n) {
        for (std::uint64_t at = 0; at < total; at += n)
            if (t.pin_user_pages_fast(a + at * mm::page_size, static_cast<std::int64_t>(n), mm::foll::write,
                                      {pages.data() + at, n}) != static_cast<long>(n))
                std::abort();
    }
    void unpin(std::uint64_t n) {
        for (std::uint64_t at = 0; at < total; at += n) t.unpin_user_pages({pages.data() + at, n});
    }
    void peer_pin(std::uint64_t n) {
        for (std::uint64_t at = 0; at < total; at += n)
            if (peer::linux_6_shape<P>::pin(t.mm(), a + at * mm::page_size, n, pages.data() + at) != n) std::abort();
    }
    void peer_unpin(std::uint64_t n) {
        for (std::uint64_t at = 0; at < total; at += n) peer::linux_6_shape<P>::unpin(pages.data() + at, n);
    }

    /// The words that calls of n pages have to touch, each run of a head once.
    [[nodiscard]] std::vector<std::int32_t*> words(std::uint64_t n) {
        pin(n);
        std::vector<std::int32_t*> out;
        for (std::uint64_t i = 0; i < total; ++i) {
            std::int32_t* const w = peer::refs_of<P>(mm::physical<P>::head(pages[i]));
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

    std::vector<mm::entry> kept_;
};

void floor_pass(const std::vector<std::int32_t*>& words, std::int32_t n) {
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
auto passes(std::uint64_t total, Do once) {
    return [total, once](std::uint64_t operations) {
        for (std::uint64_t k = 0; k < operations; k += total) once();
    };
}

/// Pinning and giving back are measured apart; what the other half takes is not part of either.
struct figures {
    std::vector<candidate> pins, unpins;

    enum side : std::size_t { floor, ours, peer };
    [[nodiscard]] std::vector<double> pin(side to) const { return paired::ratio(pins[ours], pins[to]); }
    [[nodiscard]] std::vector<double> unpin(side to) const { return paired::ratio(unpins[ours], unpins[to]); }
};

template <class P>
figures compare(scene<P>& s, std::uint64_t n, const paired::effort& how, bool with_peer = true) {
    const auto words = std::make_shared<std::vector<std::int32_t*>>(s.words(n));
    const auto side = [&](const char* name, auto before, auto run, auto after) {
        candidate c;
        c.name = name;
        c.step = s.total;
        c.before = passes(s.total, before);
        c.run = passes(s.total, run);
        c.after = passes(s.total, after);
        return c;
    };
    const auto nothing = [] {};
    const auto up = [words] { floor_pass(*words, 1024); };
    const auto down = [words] { floor_pass(*words, -1024); };
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
    paired::measure(f.pins, how);
    paired::measure(f.unpins, how);
    return f;
}

paired::effort part(bool quick) { return quick ? paired::effort{100, 0.5, 10e3, 4} : paired::effort{200, 4, 10e3, 4}; }

template <class P>
std::string named(const std::string& what) {
    return std::string(P::name) + ": " + what;
}

/// Descriptors that are hot: 256 of them are 16 KiB.
constexpr std::uint64_t hot = 256;
constexpr const char* of_linux = "x Linux-6 shape";

template <class P>
void order_0(bool quick) {
    for (const std::uint64_t n : {1U, 16U, 64U, 512U}) {
        scene<P> s(std::max(n, hot), {}, 64_MiB);
        const figures f = compare(s, n, part(quick));
        const paired::goal g = n == 1    ? paired::goal{1.9, 1.4}
                               : n == 16 ? paired::goal{1.15, 1.05}
                                         : paired::goal{1.08, 1.02};
        const std::string size = "order-0, N=" + std::to_string(n);
        paired::row("5", named<P>("pin fast, " + size), g, f.pin(figures::floor));
        paired::row("5", named<P>("pin fast, " + size), {paired::no_goal, paired::no_goal, of_linux}, f.pin(figures::peer));
        paired::row("7", named<P>("unpin array, " + size), n < 16 ? paired::goal{} : paired::goal{1.02, 1.00},
                    f.unpin(figures::floor));
    }
}

template <class P>
void cold(bool quick) {
    const std::uint64_t total = quick ? 1U << 18 : 1U << 20;
    scene<P> s(total, {}, total * mm::page_size + 256_MiB);
    s.shuffle();
    const figures f = compare(s, total, {quick ? 15 : 40, quick ? 3.0 : 20.0, 1, 1});
    const std::string what = std::string("order-0, cold, in no order, N=") + (quick ? "256K" : "1M");
    paired::row("6", named<P>("pin fast, " + what), {1.30, 1.07}, f.pin(figures::floor), 9);
    paired::row("6", named<P>("pin fast, " + what), {0.25, 0.15, of_linux}, f.pin(figures::peer), 9);
    paired::row("7", named<P>("unpin array, " + what), {1.15, 1.05}, f.unpin(figures::floor), 9);
}

template <class P>
void huge_by_ptes(bool quick) {
    for (const std::uint64_t n : {512U, 16384U}) {
        scene<P> s(n, {.huge = true}, 256_MiB);
        s.split_entries();
        const figures f = compare(s, n, part(quick));
        const std::string what = "PTE-mapped THP, N=" + std::to_string(n);
        paired::row("8", named<P>("pin fast, " + what), {0.05, 0.018, of_linux}, f.pin(figures::peer));
        paired::row("8", named<P>("unpin array, " + what), {0.20, 0.10, of_linux}, f.unpin(figures::peer));
    }
}

template <class P>
void folios_of_64k(bool quick) {
    const paired::goal g{1.6, 1.15, "x one RMW per folio"};
    if constexpr (P::has_small_thp) {
        for (const std::uint64_t n : {64U, 1024U}) {
            scene<P> s(1024, {}, 64_MiB, 4);
            const figures f = compare(s, n, part(quick));
            paired::row("9", named<P>("pin fast, 64K folios, N=" + std::to_string(n)), g, f.pin(figures::floor));
        }
    } else {
        paired::left_out("9", named<P>("pin fast, 64K folios"), g, "anonymous folios of less than a pmd came later");
    }
}

template <class P>
void huge_entries(bool quick) {
    for (const std::uint64_t n : {512U, 16384U}) {
        scene<P> s(n, {.huge = true}, 256_MiB);
        std::vector<std::uint64_t> array(n);
        candidate fill{"vector fill", passes(n, [at = array.data(), n] {
                           using two = std::uint64_t __attribute__((vector_size(16)));
                           two v0{64, 128}, v1 = v0 + 128, v2 = v0 + 256, v3 = v0 + 384;  // as fast as stores go
                           for (std::uint64_t* to = at; to != at + n; to += 8) {
                               std::memcpy(to, &v0, sizeof v0);
                               std::memcpy(to + 2, &v1, sizeof v1);
                               std::memcpy(to + 4, &v2, sizeof v2);
                               std::memcpy(to + 6, &v3, sizeof v3);
                               v0 += 512, v1 += 512, v2 += 512, v3 += 512;
                           }
                           paired::clobber(at);
                       })};
        candidate pin{"pin", passes(n, [&s, n] { s.pin(n); })};
        pin.after = passes(n, [&s, n] { s.unpin(n); });
        fill.step = pin.step = n;
        std::vector<candidate> both{fill, pin};
        paired::measure(both, part(quick));
        paired::row("10", named<P>("PMD leaf, pages[], N=" + std::to_string(n)), {2.5, 1.3, "x vector fill"},
                    paired::ratio(both[1], both[0]));
    }
    for (const std::uint64_t leaves : {1U, 32U}) {  // an operation is a leaf
        scene<P> s(leaves * 512, {.huge = true}, 256_MiB);
        std::vector<mm::pinned_run<P>> runs;
        candidate lock{"lock add", [word = s.words(s.total)[0]](std::uint64_t n) {
                           for (std::uint64_t k = 0; k < n; ++k) __atomic_fetch_add(word, 1024, __ATOMIC_SEQ_CST);
                       }};
        lock.after = [word = s.words(s.total)[0]](std::uint64_t n) {
            __atomic_fetch_sub(word, static_cast<std::int32_t>(n * 1024), __ATOMIC_SEQ_CST);
        };
        candidate pin{"pin", passes(leaves, [&s, &runs] {
                          runs.clear();
                          if (s.t.pin_user_pages_fast_ranges(s.a, static_cast<std::int64_t>(s.total), mm::foll::write,
                                                             runs) != static_cast<long>(s.total))
                              std::abort();
                      })};
        pin.after = passes(leaves, [&s, &runs] { s.t.unpin_user_page_ranges(runs); });
        lock.step = pin.step = leaves;
        std::vector<candidate> both{lock, pin};
        paired::measure(both, part(quick));
        paired::row("11", named<P>("PMD leaf, range output, time of a leaf, " + std::to_string(leaves) + " at once"),
                    {4, 1.5, "x one lock"}, paired::ratio(both[1], both[0]));
    }
}

/// Both threads call pin and unpin on n pages, each with an array of its own. An operation is a pair of calls.
template <class P, class Pin, class Unpin>
paired::task pairs_of_calls(const char* name, std::uint64_t n, Pin pin, Unpin unpin) {
    struct alignas(256) lonely {
        std::vector<mm::frame<P>*> pages;
    };
    const auto arrays = std::make_shared<std::array<lonely, 2>>();
    for (lonely& a : *arrays) a.pages.resize(n + 64);
    paired::task t{name, [n, arrays, pin, unpin](int who, std::uint64_t operations) {
                       mm::frame<P>** const pages = (*arrays)[static_cast<std::size_t>(who)].pages.data();
                       for (std::uint64_t k = 0; k < operations; ++k) {
                           if (pin(who, n, pages) != static_cast<long>(n)) std::abort();
                           unpin(who, n, pages);
                       }
                   }};
    t.chunk = std::max<std::uint64_t>(512 / n, 8);
    return t;
}
template <class P>
paired::task calls(const char* name, mm::task<P>& zero, vaddr a, mm::task<P>& one, vaddr b, std::uint64_t n) {
    return pairs_of_calls<P>(
        name, n,
        [&zero, &one, a, b](int who, std::uint64_t k, mm::frame<P>** pages) {
            return (who == 0 ? zero : one).pin_user_pages_fast(who == 0 ? a : b, static_cast<std::int64_t>(k),
                                                               mm::foll::write, {pages, k});
        },
        [&zero, &one](int who, std::uint64_t k, mm::frame<P>** pages) {
            (who == 0 ? zero : one).unpin_user_pages({pages, k});
        });
}
template <class P>
paired::task peer_calls(const char* name, scene<P>& s, std::uint64_t n) {
    return pairs_of_calls<P>(
        name, n,
        [&s](int, std::uint64_t k, mm::frame<P>** pages) {
            return static_cast<long>(peer::linux_6_shape<P>::pin(s.t.mm(), s.a, k, pages));
        },
        [](int, std::uint64_t k, mm::frame<P>** pages) { peer::linux_6_shape<P>::unpin(pages, k); });
}

template <class P>
void two_at_once(bool quick) {
    const paired::goal scales{1.9, 1.98, "x one thread", "higher"};
    const paired::goal shared{0.05, 0.01, of_linux};
    paired::two_threads both;
    if (!both.possible()) {
        paired::left_out("12", named<P>("two threads, pages of their own"), scales, "there is one processor only");
        paired::left_out("14", named<P>("two threads, one PTE-mapped THP, N=512"), shared, "there is one processor only");
        return;
    }
    const paired::effort how{quick ? 40 : 100, quick ? 1.0 : 10.0, 30e3, 1};
    for (const std::uint64_t n : {1U, 16U, 512U}) {
        scene<P> mine(512, {}, 64_MiB);
        auto& other = mine.box.spawn();
        const vaddr a = *other.mmap(512 * mm::page_size);
        if (other.fault_in(a, 512, true) != 512) std::abort();
        std::vector<paired::task> tasks{calls<P>("own", mine.t, mine.a, other, a, n)};
        both.measure(tasks, how);
        paired::row("12", named<P>("two threads, pages of their own, N=" + std::to_string(n)), scales,
                    paired::speed_up(tasks[0]));
    }
    scene<P> s(512, {.huge = true}, 64_MiB);
    s.split_entries();
    std::vector<paired::task> tasks{calls<P>("one folio", s.t, s.a, s.t, s.a, 512), peer_calls<P>("Linux-6 shape", s, 512)};
    both.measure(tasks, how);
    paired::row("14", named<P>("two threads, one PTE-mapped THP, N=512, pin and unpin"), shared,
                paired::ratio(tasks[0], tasks[1]));
}

template <class P>
void series(bool quick) {
    const auto draw = [&](const char* kind, auto make, bool peer) {
        for (const std::uint64_t n : {1U, 4U, 16U, 64U, 512U, 4096U, 16384U, 262144U, 1U << 20}) {
            if (quick && (n > 16384 || n == 4 || n == 64 || n == 4096)) continue;
            const auto s = make(std::max<std::uint64_t>(n, 512));
            const figures f = compare(*s, n, quick ? paired::effort{10, 0.2, 10e3, 2} : paired::effort{30, 2, 10e3, 2}, peer);
            const std::string who = named<P>(kind);
            const auto x = static_cast<double>(n);
            paired::point("cost", who + ", pin", x, f.pins[figures::ours].ns);
            paired::point("cost", who + ", unpin", x, f.unpins[figures::ours].ns);
            paired::point("cost", who + ", floor", x, f.pins[figures::floor].ns);
            if (peer) paired::point("cost", who + ", Linux-6 shape", x, f.pins[figures::peer].ns);
        }
    };
    using ptr = std::unique_ptr<scene<P>>;
    const auto fresh = [](const mm::mapping& how, unsigned order) {
        return [how, order](std::uint64_t n) { return std::make_unique<scene<P>>(n, how, n * mm::page_size + 256_MiB, order); };
    };
    const auto then = [](auto make, void (scene<P>::*change)()) {
        return [make, change](std::uint64_t n) {
            ptr s = make(n);
            ((*s).*change)();
            return s;
        };
    };
    draw("4K", fresh({}, 0), true);
    draw("4K in no order", then(fresh({}, 0), &scene<P>::shuffle), true);
    if constexpr (P::has_small_thp) draw("64K folios", fresh({}, 4), true);
    draw("THP by PTEs", then(fresh({.huge = true}, 0), &scene<P>::split_entries), true);
    draw("PMD leaf", fresh({.huge = true}, 0), false);
}

template <class P>
void all(bool quick, const std::string& only) {
    const auto wanted = [&](const char* what) { return only.empty() || only == what; };
    if (wanted("order0")) order_0<P>(quick);
    if (wanted("cold")) cold<P>(quick);
    if (wanted("ptes")) huge_by_ptes<P>(quick);
    if (wanted("64k")) folios_of_64k<P>(quick);
    if (wanted("leaves")) huge_entries<P>(quick);
    if (wanted("threads")) two_at_once<P>(quick);
    if (wanted("series") && !(quick && std::is_same_v<P, mm::foll_pin_2019>)) series<P>(quick);
}

}  // namespace

int main(int argc, char** argv) {
    const bool quick = paired::quick(argc, argv);
    std::string only;
    for (int i = 1; i + 1 < argc; ++i)
        if (std::string(argv[i]) == "--only") only = argv[i + 1];
    paired::plot("cost", "pin_user_pages_fast and unpin_user_pages", "pages per call", "ns per page");
    all<mm::linux_6_12>(quick, only);
    all<mm::foll_pin_2019>(quick, only);
    return 0;
}
