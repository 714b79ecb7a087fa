// SPDX-License-Identifier: BSL-1.0
// Small random programs on atomics, to compare two ways of exploring them.
#pragma once

#include <pinfold/check.hpp>

#include <random>
#include <set>
#include <string>
#include <vector>

namespace random_program {

namespace check = pinfold::check;
using check::order;

struct instruction {
    int what, where;
    order how;
    int value;
};
using thread = std::vector<instruction>;

inline std::vector<thread> make(unsigned seed, int threads, int length, bool small) {
    std::mt19937 random(seed);
    const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    static constexpr order orders[] = {order::relaxed, order::acquire, order::release, order::acq_rel, order::seq_cst};
    std::vector<thread> all(static_cast<std::size_t>(threads));
    int stored = 0;
    for (thread& t : all)
        for (int i = 0; i < length; ++i) {
            instruction x{below(6), below(2), orders[below(5)], ++stored};
            if (x.what == 0 && x.how != order::relaxed) x.how = order::acquire;
            if (x.what == 1 && x.how != order::relaxed) x.how = order::release;
            if (small || x.what == 4) x.value = below(2);  // values that come back, and may be what is expected
            t.push_back(x);
        }
    return all;
}

/// As above, and the first thread waits, by pause() or asleep; the others store and wake. The last two steps of each of them
/// end the wait, as a rule: what then still waits does so in every way of exploring.
inline std::vector<thread> make_waiting(unsigned seed, int threads, int length, bool small) {
    std::vector<thread> all = make(seed, threads, length, small);
    std::mt19937 random(seed);
    const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    const int slept_on = below(2), kind = 6 + below(3);
    thread& waits = all.front();
    waits[static_cast<std::size_t>(below(length))] = {kind, kind == 8 ? slept_on : below(2), below(2) ? order::acquire : order::relaxed, 0};
    for (std::size_t t = 1; t < all.size(); ++t) {
        const int where = kind == 8 ? slept_on : below(2), often = below(3);
        if (kind == 8 && often == 0) all[t].insert(all[t].begin(), {9, where, order::relaxed, 0});
        all[t].push_back({1, where, below(2) ? order::release : order::relaxed, 90 + static_cast<int>(t)});
        if (kind == 8) all[t].push_back({9, where, order::relaxed, 0});
        if (often == 1) all[t].push_back({below(2), below(2), order::relaxed, 80 + static_cast<int>(t)});
    }
    return all;
}

struct state {
    check::atomic<int> word[2] = {check::atomic<int>{0}, check::atomic<int>{0}};
    std::string seen[4];
};

/// Every way the program may end: what each thread read, and the last values.
inline std::set<std::string> endings(const std::vector<thread>& program, bool reduce, check::exploration& result) {
    std::set<std::string> all;
    const auto body = [&](check::program& p) {
        auto& s = p.make<state>("state");
        for (std::size_t t = 0; t < program.size(); ++t)
            p.thread([&s, &mine = program[t], t] {
                const auto note = [&](int v) { s.seen[t] += std::to_string(v) + ' '; };
                for (const instruction& x : mine) {
                    auto& w = s.word[x.where];
                    int expected = x.value;
                    switch (x.what) {
                        case 0: note(w.load(x.how)); break;
                        case 1: w.store(x.value, x.how); break;
                        case 2: note(w.fetch_add(x.value, x.how)); break;
                        case 3: check::fence(x.how == order::relaxed ? order::seq_cst : x.how); break;
                        case 4:  // a weak one, that may fail in vain, or a strong one
                            note(w.compare_exchange(expected, x.value ^ 1, x.how, order::relaxed, x.value == 0));
                            note(expected);
                            break;
                        case 6: {
                            auto& other = s.word[1 - x.where];
                            bool waited = false;  // else what it sees it might have seen without
                            while (w.load(x.how) == 0 && other.load(x.how) == 0) waited = true, check::pause();
                            note(waited), note(other.load(order::relaxed)), note(w.load(order::relaxed));
                            break;
                        }
                        case 7: {
                            int one = 0, two = 0;
                            bool waited = false;
                            check::await([&] {
                                one = w.load(x.how), two = s.word[1 - x.where].load(x.how);
                                const bool come = one != 0 || two != 0;
                                waited = waited || !come;
                                return come;
                            });
                            note(waited), note(one), note(two);
                            break;
                        }
                        case 8: w.park_while(0), note(w.load(order::relaxed)); break;
                        case 9: w.wake(); break;
                        default: note(w.load(order::relaxed)); break;
                    }
                }
            });
        p.at_end([&] {
            std::string end;
            for (const std::string& one : s.seen) end += one + "| ";
            for (auto& w : s.word) end += std::to_string(w.load(order::relaxed)) + ' ';
            all.insert(end);
        });
    };
    result = check::explore("random program", body, {.executions = 3'000'000, .reduce = reduce});
    return all;
}

}  // namespace random_program
