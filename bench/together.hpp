// SPDX-License-Identifier: BSL-1.0
// Measuring two threads at once. Every sample stands between two controls, the same two threads on lines of their own:
// where those do not run nearly twice as fast as one, something else had a processor, and the sample says nothing.
// Nor does a round in which two threads add no faster than one: the processors share a core, and lines do not travel.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <thread>

#include "paired.hpp"

namespace paired {

/// `run(who, n)`: thread `who`, 0 or 1, does n operations. Called again and again with n = chunk for the length of a
/// sample. Values are NAN in the rounds in which the sample was refused.
struct task {
    std::string name;
    std::function<void(int, std::uint64_t)> run;
    std::uint64_t chunk = 512;  ///< long against a look at the clock

    std::vector<double> both{};   ///< ns per operation of the two threads together
    std::vector<double> alone{};  ///< ns per operation of thread 0, the other one idle
    std::vector<double> cycle{};  ///< ns of a cycle in that round
};

/// Two threads on two processors: the caller's, and one that waits for it. The caller's processor is given back.
class two_threads {
    static constexpr double least_scaling = 1.85;
    static constexpr double least_scaling_of_cores = 1.6;
    static constexpr double least_fairness = 0.5;

    // Every word that two threads write or poll has its lines to itself, with the neighbour that is fetched with it.
    struct alignas(256) lonely {
        std::atomic<std::uint64_t> value{0};
    };
    struct alignas(256) own_word {
        std::int32_t value = 1;
    };
    struct rate {
        double per_ns = 0;
        bool disturbed = true;
    };

public:
    two_threads() {
        cpu_set_t all;
        CPU_ZERO(&all);
        sched_getaffinity(0, sizeof all, &before_);
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
            if (CPU_ISSET(static_cast<std::size_t>(cpu), &before_)) cpus_.push_back(cpu);
        if (cpus_.size() < 2) return;
        stay_on(cpus_[0]);
        partner_ = std::thread([this] { follow(); });
    }
    ~two_threads() {
        if (!partner_.joinable()) return;
        work_ = nullptr;
        go_.value.fetch_add(1);
        partner_.join();
        sched_setaffinity(0, sizeof before_, &before_);
    }
    two_threads(const two_threads&) = delete;
    two_threads& operator=(const two_threads&) = delete;

    /// Returns: whether there are two processors to measure on.
    [[nodiscard]] bool possible() const { return partner_.joinable(); }

    /// Effects: runs rounds of all tasks, each alone and together, until each has how.rounds accepted samples or the
    /// time is over. Requires: possible().
    void measure(std::vector<task>& all, const effort& how) {
        const double end = now_ns() + how.seconds * 1e9;
        for (int kept = 0; kept < how.rounds && now_ns() < end;) {
            const double cycle = cycle_ns();
            const rate adds = alone(busy_, how.slice_ns / 4);
            const bool two_cores = together(busy_, how.slice_ns / 4) >= least_scaling_of_cores * adds.per_ns;
            const rate solo = alone(control_, how.slice_ns);
            bool every = true;
            double scaling = together(control_, how.slice_ns / 2) / solo.per_ns;
            for (task& t : all) {
                const rate one = alone(t, how.slice_ns);
                const double two = together(t, how.slice_ns);
                const double after = together(control_, how.slice_ns / 2) / solo.per_ns;
                const bool good = two_cores && !solo.disturbed && !one.disturbed && two > 0 && scaling >= least_scaling &&
                                  after >= least_scaling;
                scaling = after;
                every = every && good;
                t.both.push_back(good ? 1 / two : NAN);
                t.alone.push_back(good ? 1 / one.per_ns : NAN);
                t.cycle.push_back(cycle);
            }
            kept += every;
        }
    }

private:
    /// Returns: operations per ns of both threads; 0 when one of them was disturbed or did less than half of the other.
    double together(task& t, double ns) {
        work_ = &t;
        stop_.value.store(0, std::memory_order_relaxed);
        const std::uint64_t turn = go_.value.fetch_add(1) + 1;
        while (ready_.value.load() != turn) breathe();
        const rate mine = work(t, 0, [end = now_ns() + ns](double now) { return now >= end; });
        stop_.value.store(1);
        while (done_.value.load() != turn) breathe();
        const bool fair = mine.per_ns >= theirs_.per_ns * least_fairness && theirs_.per_ns >= mine.per_ns * least_fairness;
        return mine.disturbed || theirs_.disturbed || !fair ? 0 : mine.per_ns + theirs_.per_ns;
    }

    static rate alone(task& t, double ns) {
        return work(t, 0, [end = now_ns() + ns](double now) { return now >= end; });
    }

    template <class Over>
    static rate work(task& t, int who, Over over) {
        const long undisturbed = switches();
        std::uint64_t n = 0;
        const double start = now_ns();
        double now = start;
        do {
            t.run(who, t.chunk);
            n += t.chunk;
            now = now_ns();  // both threads look, whoever ends the sample: alike in what they do
        } while (!over(now));
        return {static_cast<double>(n) / (now - start), switches() != undisturbed};
    }

    void follow() {
        stay_on(cpus_[1]);
        for (std::uint64_t turn = 1;; ++turn) {
            while (go_.value.load() < turn) breathe();
            if (work_ == nullptr) return;
            ready_.value.store(turn);
            theirs_ = work(*work_, 1, [this](double) { return stop_.value.load(std::memory_order_relaxed) != 0; });
            done_.value.store(turn);
        }
    }

    /// Leaves the core to a neighbour that shares it.
    static void breathe() {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }

    static void stay_on(int cpu) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<std::size_t>(cpu), &one);
        pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    }

    lonely go_, ready_, stop_, done_;
    own_word words_[2];
    rate theirs_;
    task* work_ = nullptr;
    task control_{"control", [this](int who, std::uint64_t n) {
                      for (std::uint64_t i = 0; i < n; ++i) {
                          __atomic_fetch_add(&words_[who].value, 1024, __ATOMIC_SEQ_CST);
                          clobber(&words_[who]);
                          __atomic_fetch_sub(&words_[who].value, 1024, __ATOMIC_SEQ_CST);
                          clobber(&words_[who]);
                      }
                  }};
    task busy_{"as many additions as a core can do", [](int, std::uint64_t n) {
                   std::uint64_t a = 0, b = 0, c = 0, d = 0, e = 0, f = 0;
                   for (std::uint64_t i = 0; i < n * 8; ++i)
                       __asm__ volatile("" : "+r"(++a), "+r"(++b), "+r"(++c), "+r"(++d), "+r"(++e), "+r"(++f));
               }};
    cpu_set_t before_{};
    std::vector<int> cpus_;
    std::thread partner_;
};

namespace detail {
template <class F>
[[nodiscard]] std::vector<double> accepted(const std::vector<double>& a, const std::vector<double>& b, F value) {
    std::vector<double> out;
    for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
        if (const double v = value(a[i], b[i]); std::isfinite(v)) out.push_back(v);
    return out;
}
}  // namespace detail

/// Returns, for the rounds in which both were accepted: how many times as long as b an operation of a took, with two
/// threads at work.
[[nodiscard]] inline std::vector<double> ratio(const task& a, const task& b) {
    return detail::accepted(a.both, b.both, [](double x, double y) { return x / y; });
}
/// Returns: how many times as fast as one thread two were.
[[nodiscard]] inline std::vector<double> speed_up(const task& t) {
    return detail::accepted(t.alone, t.both, [](double one, double two) { return one / two; });
}
/// Returns: cycles per operation: of one thread alone, and of two together (perfect scaling halves them).
[[nodiscard]] inline std::vector<double> cycles_alone(const task& t) {
    return detail::accepted(t.alone, t.cycle, [](double ns, double cycle) { return ns / cycle; });
}
[[nodiscard]] inline std::vector<double> cycles_together(const task& t) {
    return detail::accepted(t.both, t.cycle, [](double ns, double cycle) { return ns / cycle; });
}

}  // namespace paired
