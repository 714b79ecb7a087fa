// SPDX-License-Identifier: BSL-1.0
// What one pin and unpin of one hot page cost on one thread, against two bare locked instructions and the peers.
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/make_shared.hpp>
#include <boost/smart_ptr/shared_ptr.hpp>

#include <pinfold/policy/sharded_statistics.hpp>

#include <memory>
#include <mutex>
#include <thread>

#include "pages.hpp"

namespace {

using namespace paired;

template <class Page>
Page& live() {
    static Page page;
    static const bool once = (page.count.init(), true);
    (void)once;
    return page;
}

template <class C>
candidate pair_of(const char* name) {
    return {name, [](std::uint64_t n) { pin_and_unpin(live<page_of<C>>(), n); }};
}

template <class Pointer>
candidate copy_of(const char* name, Pointer& strong) {
    return {name, [&strong](std::uint64_t n) {
                for (std::uint64_t i = 0; i < n; ++i) {
                    const Pointer p = strong;
                    clobber(&strong);
                }
            }};
}

void hot_pairs(const effort& how) {
    alignas(64) static std::int32_t word = 1;
    const std::shared_ptr<int> standard = std::make_shared<int>(1);
    const boost::shared_ptr<int> shared = boost::make_shared<int>(1);
    std::vector<candidate> all;
    all.push_back({"lock add; lock sub", [](std::uint64_t n) { floor_pair(word, n); }});
    all.push_back(pair_of<pinfold::count_defaults>("pinfold"));
    all.push_back(pair_of<zero_is_dead_count>("pinfold, zero_is_dead"));
    all.push_back(pair_of<split_count>("pinfold, exact in a split word"));
    all.push_back(pair_of<exact_count>("pinfold, exact in a second word"));
    all.push_back(pair_of<unsync_count>("pinfold, unsynchronised"));
    all.push_back({"pinfold, page_pin (RAII)", [](std::uint64_t n) {
                       auto* const page = unknown(&live<page_of<>>());
                       for (std::uint64_t i = 0; i < n; ++i) {
                           const auto pin = pinfold::try_pin(page);
                           if (!pin) std::abort();
                           clobber(page);
                       }
                   }});
    all.push_back({"2019 shape (2 RMWs)", [](std::uint64_t n) { shape_2019_pair(word, n); }});
    all.push_back({"Linux 6 shape (3 RMWs)", [](std::uint64_t n) { shape_linux6_pair(word, n); }});
    static const boost::intrusive_ptr<page_of<>> intrusive(&live<page_of<>>());
    all.push_back(copy_of("boost::intrusive_ptr", intrusive));
    all.push_back(copy_of("boost::shared_ptr", shared));
    all.push_back(copy_of("std::shared_ptr", standard));
    measure(all, how);

    const candidate& floor = all[0];
    const candidate& ours = all[1];
    std::vector<double> lock = cycles(floor);
    for (double& c : lock) c /= 2;
    row("1", "one locked addition, of which every floor is made", {no_goal, no_goal, "cycles"}, lock);
    row("1", "pin + unpin, one hot page", {1.02, 1.005}, ratio(ours, floor));
    row("1", "the same, as page_pin (RAII)", {1.02, 1.005}, ratio(all[6], floor));
    row("1", "the same, exact pins in a split word", {1.02, 1.005}, ratio(all[3], floor));
    row("1", "the same, zero_is_dead (load and compare-exchange)", {}, ratio(all[2], floor));
    row("2", "the pair, against std::shared_ptr copied and destroyed", {0.80, 0.79, "x peer"}, ratio(ours, all[11]));
    row("2", "the pair, against the Linux 6 shape (3 RMWs)", {0.68, 0.67, "x peer"}, ratio(ours, all[8]));
    row("2", "the pair, against boost::intrusive_ptr", {1.02, 1.00, "x peer"}, ratio(ours, all[9]));
    row("2", "the pair, against boost::shared_ptr", {no_goal, no_goal, "x peer"}, ratio(ours, all[10]));
    row("2", "the pair, against the 2019 shape (load and compare-exchange)", {no_goal, no_goal, "x peer"},
        ratio(ours, all[7]));
    plot("peers", "One hot object: acquire and release", "how many threads", "cycles per pair");
    for (const candidate& c : all) point("peers", c.name, "one thread", cycles(c));
}

struct of_bench;

/// With and without the statistics policy: two counters that no other thread writes.
void statistics(const effort& how) {
    std::vector<candidate> all;
    all.push_back(pair_of<pinfold::count_defaults>("off"));
    all.push_back({"on", [](std::uint64_t n) {
                       pin_and_unpin(live<page_of<pinfold::count_defaults, pinfold::sharded_statistics<of_bench>>>(), n);
                   }});
    measure(all, how);
    row("15", "pin + unpin of one page (N=1), statistics on against off", {1.02, 1.002, "x off"}, ratio(all[1], all[0]));
}

}  // namespace

int main(int argc, char** argv) {
    // libstdc++'s shared_ptr counts without atomics until a second thread is alive: keep one parked.
    std::mutex gate;
    gate.lock();
    std::thread parked([&gate] { const std::lock_guard<std::mutex> wait(gate); });
    hot_pairs(effort::of(quick(argc, argv)));
    statistics(effort::of(quick(argc, argv)));
    gate.unlock();
    parked.join();
    return 0;
}
