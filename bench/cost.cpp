// SPDX-License-Identifier: BSL-1.0
// The picture of the lockless walk: what a page costs in calls of 1 to 1 M pages, for every kind of mapping, beside the
// floor and beside what Linux 6 does. And one row: whether it stays the same however many there are.
// cost [--quick]
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "scene.hpp"

namespace {

using namespace walks;

/// How far from the middle of them all the values lie, in percent.
double unevenness(const std::vector<double>& values) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    return 100 * (*most - *least) / (*most + *least);
}

template <class P>
struct kind {
    const char* name;
    mm::mapping how;
    unsigned order = 0;
    void (scene<P>::*change)() = nullptr;
    bool by_ptes = true;  ///< the Linux-6 shape knows nothing else
};

template <class P>
class picture {
public:
    explicit picture(bool quick) : quick_(quick) {
        paired::panels(name_,
                       std::string("What pinning a page costs, by pages per call: reference MM, profile ") + P::name,
                       "pages per call", "ns per page");
    }

    void draw(const kind<P>& k) {
        std::vector<double> pins, unpins;
        std::uint64_t largest = 0;
        for (const std::uint64_t n : {1U, 4U, 16U, 64U, 512U, 4096U, 16384U, 262144U, 1U << 20}) {
            if (quick_ && (n > 16384 || n == 4 || n == 4096)) continue;
            const std::uint64_t total = std::max<std::uint64_t>(n, 512);
            scene<P> s(total, k.how, total * mm::page_size + 256_MiB, k.order);
            if (k.change) (s.*k.change)();
            const figures f =
                compare(s, n, quick_ ? paired::effort{20, 0.2, 10e3, 2} : paired::effort{60, 2, 10e3, 2}, k.by_ptes);
            add(k, "pin_user_pages_fast", n, f.pins[figures::ours]);
            add(k, "unpin_user_pages", n, f.unpins[figures::ours]);
            if (k.by_ptes) add(k, "Linux 6 shape, pin", n, f.pins[figures::peer]);
            add(k, "one locked instruction per head", n, f.pins[figures::floor]);
            if (n < 64 || f.pins[0].ns.empty() || f.unpins[0].ns.empty()) continue;
            largest = n;
            pins.push_back(paired::quantile(f.pin(figures::floor), 0.5));
            unpins.push_back(paired::quantile(f.unpin(figures::floor), 0.5));
        }
        if (k.order != 0 || !k.by_ptes || k.how.huge) return;
        const std::string of = std::string(", evenness of the ratio, ") + (k.change ? "in no order" : "in a row") +
                               ", N=64 to " + std::to_string(largest);
        const paired::goal even{10, paired::no_goal, "% from the middle"},
            none{paired::no_goal, paired::no_goal, even.unit};
        if (pins.size() < 3) return paired::left_out("scale", named<P>("pin fast" + of), even, "the machine is busy");
        paired::fact("scale", named<P>("pin fast" + of), k.change ? none : even, unevenness(pins));
        paired::fact("scale", named<P>("unpin array" + of), k.change ? none : even, unevenness(unpins));
    }

private:
    void add(const kind<P>& k, const char* what, std::uint64_t n, const candidate& c) const {
        paired::point(name_, std::string(k.name) + ": " + what, static_cast<double>(n), c.ns);
    }

    bool quick_;
    const std::string name_ = "cost";
};

}  // namespace

int main(int argc, char** argv) {
    using profile = mm::linux_6_12;
    picture<profile> p(paired::quick(argc, argv));
    p.draw({"single pages in a row", {}});
    p.draw({"single pages in no order", {}, 0, &scene<profile>::shuffle});
    p.draw({"folios of 64 KiB", {}, 4});
    p.draw({"huge pages by ptes", {.huge = true}, 0, &scene<profile>::split_entries});
    p.draw({"huge pages by one entry", {.huge = true}, 0, nullptr, false});
    return 0;
}
