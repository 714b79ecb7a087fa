// SPDX-License-Identifier: BSL-1.0
// What one pin and unpin of one hot page cost, against two bare locked instructions on the same word.
#include <pinfold/pinfold.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <cstring>
#include <memory>
#include <mutex>
#include <thread>

#include "paired.hpp"

namespace {

template <class C, class Tag>
struct page_of : pinfold::intrusive {
    pinfold::count<C> count;
    struct pinfold_policy;
};
template <class C, class Tag>
void freed(page_of<C, Tag>*) noexcept {
    std::abort();
}
template <class C, class Tag>
struct page_of<C, Tag>::pinfold_policy : pinfold::page_defaults<&page_of<C, Tag>::count> {
    using release = pinfold::free_at_zero<&freed<C, Tag>>;
};

struct linux_count : pinfold::count_defaults {
    using liveness = pinfold::zero_is_dead;
};
struct exact_count : pinfold::count_defaults {
    using pins = pinfold::exact_pins;
};
struct split_count : pinfold::count_defaults {
    using word = pinfold::atomic_word<std::int64_t>;
    using pins = pinfold::split_word_pins<>;
};
struct unsync_count : pinfold::count_defaults {
    using word = pinfold::unsync_word<std::int32_t>;
};

template <class C>
paired::candidate pin_pair(const char* name) {
    using page = page_of<C, struct pair>;
    static page p;
    p.count.init();
    return {name, [](std::uint64_t n) {
                for (std::uint64_t i = 0; i < n; ++i) {
                    if (!pinfold::page_ops<page>::try_pin(&p)) std::abort();
                    paired::clobber(&p);
                    pinfold::page_ops<page>::unpin(&p);
                    paired::clobber(&p);
                }
            }};
}

}  // namespace

int main(int argc, char** argv) {
    const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
    static int word = 1;
    paired::candidate floor{"floor: lock add; lock sub", [](std::uint64_t n) {
                                for (std::uint64_t i = 0; i < n; ++i) {
                                    __atomic_fetch_add(&word, 1024, __ATOMIC_SEQ_CST);
                                    paired::clobber(&word);
                                    __atomic_fetch_sub(&word, 1024, __ATOMIC_SEQ_CST);
                                    paired::clobber(&word);
                                }
                            }};
    std::vector<paired::candidate> others;
    others.push_back(pin_pair<pinfold::count_defaults>("pinfold: overlay, sticky_dead (defaults)"));
    others.push_back(pin_pair<linux_count>("pinfold: overlay, zero_is_dead"));
    others.push_back(pin_pair<split_count>("pinfold: split word, exact pins"));
    others.push_back(pin_pair<exact_count>("pinfold: exact pins in a second word"));
    others.push_back(pin_pair<unsync_count>("pinfold: unsynchronised"));

    using page = page_of<pinfold::count_defaults, struct smart>;
    static page shared;
    shared.count.init();
    others.push_back({"pinfold: page_pin (RAII)", [](std::uint64_t n) {
                          for (std::uint64_t i = 0; i < n; ++i) {
                              const auto pin = pinfold::try_pin(&shared);
                              if (!pin) std::abort();
                              paired::clobber(&shared);
                          }
                      }});
    others.push_back({"boost::intrusive_ptr on a pinfold page", [](std::uint64_t n) {
                          for (std::uint64_t i = 0; i < n; ++i) {
                              const boost::intrusive_ptr<page> p(&shared);
                              paired::clobber(&shared);
                          }
                      }});
    // libstdc++'s shared_ptr counts without atomics until a second thread is alive: keep one parked.
    static std::mutex gate;
    gate.lock();
    std::thread parked([] { const std::lock_guard<std::mutex> wait(gate); });
    static std::shared_ptr<int> strong = std::make_shared<int>(1);
    others.push_back({"std::shared_ptr, copy and destroy", [](std::uint64_t n) {
                          for (std::uint64_t i = 0; i < n; ++i) {
                              const std::shared_ptr<int> p = strong;
                              paired::clobber(&strong);
                          }
                      }});
    paired::measure(floor, others, 20000, quick ? 30 : 200);
    std::puts("counting: one acquire and one release of one hot object, one thread");
    paired::print(floor, others);
    gate.unlock();
    parked.join();
    return 0;
}
