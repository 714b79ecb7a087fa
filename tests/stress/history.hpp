// SPDX-License-Identifier: BSL-1.0
// What one thread holds: every pin and reference it got and has not given back, and the mark it left in each page.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <pinfold/mm.hpp>

namespace stress {

namespace mm = pinfold::mm;

/// Units held per head, as the holders count them.
using units = std::map<std::uint64_t, std::int64_t>;

/// What one successful call gave.
template <class P>
struct hold {
    std::vector<mm::frame<P>*> pages;
    bool is_pin = false;
    bool is_marked = false;  ///< the device wrote to the anonymous ones: nobody else writes there
    unsigned char mark = 0;
};

/// Of one thread, who alone uses it but for `count`, which asks for quiet.
template <class P>
class history {
public:
    static constexpr std::size_t most_holds = 60, most_pages = 1500;  ///< a slot each in the marks of one page; memory for all

    history(mm::machine<P>& box, unsigned who) : box_(box), who_(who) {}

    [[nodiscard]] bool is_full() const noexcept { return holds_.size() >= most_holds || pages_ > most_pages; }
    [[nodiscard]] bool is_empty() const noexcept { return holds_.empty(); }
    [[nodiscard]] const std::vector<std::string>& faults() const noexcept { return faults_; }

    /// Effects: keeps what a call gave. `writes`: it was a pin for writing, so the device may.
    void keep(std::span<mm::frame<P>* const> pages, bool is_pin, bool writes) {
        hold<P> h{{pages.begin(), pages.end()}, is_pin, writes && is_pin, static_cast<unsigned char>(1 + next_++ % 250)};
        pages_ += pages.size();
        check_is_live(h);
        slots_.push_back(free_slot());
        if (h.is_marked)
            for (auto* p : h.pages)
                if (box_.phys().is_anonymous(p)) box_.dma_write(p, place(slots_.back()), h.mark);
        holds_.push_back(std::move(h));
    }

    /// Effects: gives one back, chosen and in the way `dice` says.
    template <class Dice>
    void give_one_back(Dice& dice) {
        const std::size_t i = dice() % holds_.size();
        check_is_live(holds_[i]);
        check_marks(holds_[i], slots_[i]);
        release(holds_[i], dice() % 8);
        pages_ -= holds_[i].pages.size();
        std::swap(holds_[i], holds_.back());
        std::swap(slots_[i], slots_.back());
        holds_.pop_back();
        slots_.pop_back();
    }

    /// Effects: adds what is held to the units of each head. An exempt page has no pins.
    void count(units& pins, units& references) const {
        for (const hold<P>& h : holds_)
            for (auto* p : h.pages)
                if (!(h.is_pin && mm::is_exempt(p))) ++(h.is_pin ? pins : references)[box_.phys().number(box_.phys().head(p)).n];
    }

private:
    /// A byte of the page that is this thread's and this hold's; processes write to lower ones.
    [[nodiscard]] std::uint64_t place(std::size_t slot) const noexcept { return 2048 + (who_ % 32) * 64 + slot; }
    [[nodiscard]] std::size_t free_slot() const {
        std::uint64_t taken = 0;
        for (const std::size_t s : slots_) taken |= std::uint64_t{1} << s;
        std::size_t s = 0;
        while ((taken >> s & 1) != 0) ++s;
        return s;
    }
    void fault(const char* what, const mm::frame<P>* p) {
        faults_.push_back("thread " + std::to_string(who_) + ": frame " + std::to_string(box_.phys().number(p).n) + what);
    }
    /// INV-1: what somebody holds is not free.
    void check_is_live(const hold<P>& h) {
        for (auto* p : h.pages) {
            const auto* head = box_.phys().head(p);
            if (head->is(mm::pg::buddy)) fault(" is held, and free", p);
            else if (head->count.refs() <= 0) fault(" is held, and its count is not above zero", p);
        }
    }
    /// What is pinned is not given to somebody else: what the device wrote is still there.
    void check_marks(const hold<P>& h, std::size_t slot) {
        if (!h.is_marked) return;
        for (auto* p : h.pages)
            if (const int now = box_.dma_read(p, place(slot)); box_.phys().is_anonymous(p) && now != h.mark)
                fault((" lost what the device wrote, and has " + std::to_string(now)).c_str(), p);
    }
    void release(const hold<P>& h, std::uint32_t way) {
        auto& phys = box_.phys();
        const bool dirty = h.is_marked && way % 2 != 0;
        if (!h.is_pin) return mm::put_array<P>(phys, h.pages, false);
        if (way < 4) return mm::unpin_array<P>(phys, h.pages, dirty);
        for (std::size_t i = 0, n = 1; i < h.pages.size(); i += n, n = 1) {  // frames in a row as a range
            while (i + n < h.pages.size() && phys.number(h.pages[i + n]) == phys.number(h.pages[i]) + n) ++n;
            if (way < 6) mm::unpin_range<P>(phys, h.pages[i], n, dirty);
            else mm::unpin_array<P>(phys, std::span(h.pages).subspan(i, n), dirty);
        }
    }

    mm::machine<P>& box_;
    const unsigned who_;
    std::vector<hold<P>> holds_;
    std::vector<std::size_t> slots_;
    std::size_t pages_ = 0;
    std::uint64_t next_ = 0;
    std::vector<std::string> faults_;
};

}  // namespace stress
