// SPDX-License-Identifier: BSL-1.0
// stress --seconds N --threads T --seed S --profile P
// Threads fault, write, fork, unmap, split, collapse, move, cut files, pin and give back, on tasks of all and of their
// own; a few times a second all stand still, and what they hold is compared with the ledger and every count with its
// owners (INV-1, INV-2, INV-3, INV-11). In the end everything is given back and the machine must be as at first.
// The tests run it for a moment; for minutes: stress --seconds 300 --threads 8 --seed 7, best under ThreadSanitizer.
// Status 1: something is wrong; the seed is told. The same seed gives the same deeds, not the same order of threads.
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "options.hpp"
#include "worker.hpp"

namespace {

using namespace stress;

struct checked_2019 : mm::foll_pin_2019 {
    using ledger = mm::shadow_ledger;
    static constexpr bool poisons_freed = true;  // who still looks at a freed page sees it
};
struct checked_6_12 : mm::linux_6_12 {
    using ledger = mm::shadow_ledger;
    static constexpr bool poisons_freed = true;
};

constexpr std::chrono::milliseconds between_looks{250};
constexpr std::chrono::seconds longest_deed{100};  // a thread that takes this long hangs

template <class P>
class run {
public:
    explicit run(const options& o) : options_(o), gate_(o.threads) {
        for (unsigned k = 0; k < o.threads; ++k) workers_.push_back(std::make_unique<worker<P>>(field_, k, o.seed));
        current = this;
        pinfold::set_violation_handler(&broken);
    }

    /// Returns: whether nothing is wrong.
    bool go() {
        std::vector<std::thread> threads;
        for (auto& w : workers_) threads.emplace_back([this, &w] { w->work(gate_); });
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(options_.seconds);
        for (bool over = false; !over;) {
            const auto now = std::chrono::steady_clock::now();
            std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(between_looks, end - now));
            if (!gate_.close(longest_deed)) hangs();
            look();
            over = !faults_.empty() || std::chrono::steady_clock::now() >= end;
            gate_.open(over);
        }
        for (auto& t : threads) t.join();
        if (faults_.empty()) add(field_.leave());
        tell();
        return faults_.empty();
    }

private:
    void look() {
        ++looks_;
        units pins, references;
        for (auto& w : workers_) {
            w->count(pins, references);
            add(w->faults());
        }
        add(field_.faults(pins, references));
        most_held_ = std::max(most_held_, pins.size() + references.size());
    }
    void add(const std::vector<std::string>& some) { faults_.insert(faults_.end(), some.begin(), some.end()); }

    [[noreturn]] void hangs() {
        give_up("a thread does not come back");
    }
    /// What everybody does at this moment.
    [[noreturn]] void give_up(const char* why) const {
        std::printf("stress %s: seed %u: %s\n", P::name, options_.seed, why);
        for (std::size_t k = 0; k < workers_.size(); ++k) std::printf("  thread %zu: %s\n", k, workers_[k]->doing.load());
        std::fflush(stdout);
        std::_Exit(1);
    }
    static void broken(const char* condition, const char* file, int line) noexcept {
        std::printf("%s:%d: a precondition of the library does not hold: %s\n", file, line, condition);
        current->give_up("the machine is broken");
    }
    void tell() const {
        std::uint64_t pinned = 0, referenced = 0, all = 0;
        std::map<long, std::uint64_t> refused;
        std::vector<std::uint64_t> done(workers_[0]->done.size());
        for (const auto& w : workers_) {
            pinned += w->pinned, referenced += w->referenced;
            for (const auto& [error, n] : w->refused) refused[error] += n;
            for (std::size_t i = 0; i < done.size(); ++i) done[i] += w->done[i], all += w->done[i];
        }
        std::printf("stress %s: seed %u, %u threads, %u s, %u looks: %llu deeds, %llu pages pinned, %llu referenced, at most %zu heads held\n",
                    P::name, options_.seed, options_.threads, options_.seconds, looks_, number(all), number(pinned),
                    number(referenced), most_held_);
        for (std::size_t i = 0; i < done.size(); ++i) std::printf("  %-14s %10llu\n", worker<P>::name_of(i), number(done[i]));
        for (const auto& [error, n] : refused) std::printf("  gup answers %-4ld %8llu\n", error, number(n));
        for (std::size_t i = 0; i < std::min<std::size_t>(faults_.size(), 20); ++i) std::printf("  WRONG: %s\n", faults_[i].c_str());
        if (!faults_.empty()) std::printf("  %zu faults; seed %u\n", faults_.size(), options_.seed);
        std::fflush(stdout);
    }
    static unsigned long long number(std::uint64_t n) { return n; }

    static inline const run* current = nullptr;

    const options options_;
    field<P> field_;
    gate gate_;
    std::vector<std::unique_ptr<worker<P>>> workers_;
    unsigned looks_ = 0;
    std::size_t most_held_ = 0;
    std::vector<std::string> faults_;
};

}  // namespace

int main(int argc, char** argv) {
    options o;
    if (const int status = parse(argc, argv, o); status >= 0) return status;
    bool is_right = true;
    if (o.profile != "foll_pin_2019") is_right = run<checked_6_12>(o).go() && is_right;
    if (o.profile != "linux_6_12") is_right = run<checked_2019>(o).go() && is_right;
    return is_right ? 0 : 1;
}
