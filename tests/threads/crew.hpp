// SPDX-License-Identifier: BSL-1.0
// What tests with threads share. Catch's assertions are for one thread: threads count faults, the main one checks.
#pragma once

#include <pinfold/pinfold.hpp>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace crew {

constexpr int size = 4;

/// What went wrong, and how often.
struct faults {
    std::atomic<int> warned{0}, refused{0}, overtaken{0}, torn{0};
    int all() const { return warned + refused + overtaken + torn; }
    void reset() { warned = 0, refused = 0, overtaken = 0, torn = 0; }
};
inline faults wrong;

/// No test here overflows anything: every warning is a fault.
struct no_warnings {
    static void negative(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++wrong.warned; }
    static void batch(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++wrong.warned; }
    static void saturated(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++wrong.warned; }
    static void underflow(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++wrong.warned; }
};

struct big {
    bool large;
};
inline bool is_large(const big& b) noexcept { return b.large; }

template <class Pins, class Liveness, class Overflow = pinfold::refuse>
struct counting : pinfold::count_defaults {
    using word = pinfold::atomic_word<std::int64_t>;
    using pins = Pins;
    using liveness = Liveness;
    using overflow = Overflow;
    using warnings = no_warnings;
};
template <class Pins, class Liveness>
struct counting32 : counting<Pins, Liveness> {
    using word = pinfold::atomic_word<std::int32_t>;
};

/// A small generator per thread; the same numbers in every run.
class dice {
public:
    explicit dice(unsigned seed) : state_(seed * 2654435761u + 12345u) {}
    unsigned operator()(unsigned below) {
        state_ ^= state_ << 13, state_ ^= state_ >> 17, state_ ^= state_ << 5;
        return state_ % below;
    }

private:
    std::uint32_t state_;
};

/// Runs f(0) … f(size − 1) at the same time.
template <class F>
void together(F f) {
    std::atomic<int> ready{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < size; ++i)
        threads.emplace_back([&, i] {
            for (++ready; ready < size;) std::this_thread::yield();
            f(i);
        });
    for (auto& t : threads) t.join();
}

/// Lets all threads of a crew through at once, again and again.
class gate {
public:
    void pass() {
        const int round = round_;
        if (++waiting_ == size) {
            waiting_ = 0;
            ++round_;
            return;
        }
        while (round_ == round) std::this_thread::yield();
    }

private:
    std::atomic<int> waiting_{0}, round_{0};
};

}  // namespace crew
