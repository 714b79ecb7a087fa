// SPDX-License-Identifier: BSL-1.0
// Fuzz target: batches over any frames in any order, with nulls, tails, exempt, dead and overflowing frames in between,
// taken all or nothing or as far as it goes, given back whole or in portions. After each step every head and the
// statistics say what a ledger says.
#include "../range/pages.hpp"
#include "bytes.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <variant>

namespace {

using namespace pinfold;
using namespace range_test;

constexpr std::size_t frames = 32;
constexpr std::size_t largest_run = counting::budget.batch;
constexpr std::int64_t per_pin = 1024;
/// Foreign references that leave room for three pins on a head.
constexpr std::int64_t crowd = std::numeric_limits<std::int32_t>::max() - 3 * per_pin - 64;

[[nodiscard]] std::size_t head_of(std::size_t i) noexcept { return i >= 8 && i < 24 ? i / 8 * 8 : i; }

struct batch_fuzzer {
    memory m;
    std::array<std::int64_t, frames> refs{}, pins{}, base{};  // by head; base: the frame's own, 0 when it died
    std::array<int, frames> freed{};
    std::uint64_t acquired = 0;

    using holding = std::variant<pin_batch<frame>, ref_batch<frame>, run_batch<frame, ops::pinning>,
                                 run_batch<frame, ops::reference>>;
    std::vector<holding> held_now;

    explicit batch_fuzzer(fuzz::bytes& in) {
        for (std::size_t i = 0; i < frames; ++i) base[i] = head_of(i) == i ? 1 : 0;
        for (unsigned n = in.below(4); n != 0; --n) m[in.below(frames)]->zero = true;  // for good: a pin must find its way back
    }

    // ---- what should happen ------------------------------------------------------------------------------
    [[nodiscard]] std::int64_t units(std::size_t h) const { return base[h] + refs[h] + pins[h] * per_pin; }

    struct expected {
        errc error = errc::ok;
        std::size_t done = 0;
    };
    /// Effects: books the elements before the first refused run. Whole batches are refused, not single elements.
    expected grab(const std::vector<frame*>& pages, bool pin, std::vector<std::size_t>& granted) {
        for (std::size_t i = 0; i < pages.size();) {
            const auto counts = [&](std::size_t k) { return pages[k] != nullptr && !(pin && pages[k]->zero); };
            if (!counts(i)) {
                ++i;
                continue;
            }
            const std::size_t h = at(pages[i]);
            std::size_t j = i + 1;
            while (j < pages.size() && j - i < largest_run && counts(j) && at(pages[j]) == h) ++j;
            const auto n = static_cast<std::int64_t>(j - i);
            if (units(h) == 0) return {errc::dead, i};
            if (units(h) + n * (pin ? per_pin : 1) > std::numeric_limits<std::int32_t>::max()) return {errc::overflow, i};
            (pin ? pins : refs)[h] += n;
            granted.insert(granted.end(), j - i, h);
            i = j;
        }
        return {errc::ok, pages.size()};
    }
    void undo(const std::vector<std::size_t>& granted, bool pin) {
        for (const std::size_t h : granted) --(pin ? pins : refs)[h];
        if (pin) acquired += granted.size();  // what was granted before the refusal was counted, and given back
    }
    void returned(std::size_t h, bool pin, std::int64_t n = 1) {
        (pin ? pins : refs)[h] -= n;
        if (units(h) == 0) ++freed[h];
    }
    [[nodiscard]] std::size_t at(const frame* p) const { return head_of(static_cast<std::size_t>(p - m.frames.data())); }

    // ---- what happens ------------------------------------------------------------------------------------
    template <class Result>
    void compare(Result got, expected want, const std::vector<std::size_t>& granted, bool pin, bool partial) {
        FUZZ_CHECK(got.error == want.error);
        FUZZ_CHECK(got.refused_at == want.done);
        if (want.error != errc::ok && !partial) return undo(granted, pin);
        if (pin) acquired += granted.size();
        held_now.emplace_back(std::move(got.batch));
    }

    void take(fuzz::bytes& in) {
        const unsigned how = in.below(8);
        const bool pin = how % 2 == 0, partial = how / 2 % 2 == 0, run = how / 4 == 1;
        std::vector<frame*> pages;
        if (run) {
            const std::size_t first = in.below(frames), count = in.below(static_cast<unsigned>(frames - first) + 1);
            for (std::size_t i = 0; i < count; ++i) pages.push_back(m[first + i]);
            if (count == 0) return;
        } else {
            for (unsigned n = in.below(24); n != 0; --n) {
                const unsigned b = in.next();
                // A page again, the page after it, another one, or none.
                frame* const last = pages.empty() ? nullptr : pages.back();
                pages.push_back(b >= 248 ? nullptr
                                : b >= 200 && last ? last
                                : b >= 128 && last && last != m[frames - 1] ? last + 1
                                                                              : m[b % frames]);
            }
        }
        std::vector<std::size_t> granted;
        const expected want = grab(pages, pin, granted);
        if (run) {
            frame* const first = pages.front();
            if (pin && partial) compare(try_pin_run(first, pages.size(), keep_partial), want, granted, pin, partial);
            else if (pin) compare(try_pin_run(first, pages.size()), want, granted, pin, partial);
            else if (partial) compare(try_get_run(first, pages.size(), keep_partial), want, granted, pin, partial);
            else compare(try_get_run(first, pages.size()), want, granted, pin, partial);
        } else {
            if (pin && partial) compare(try_pin_all(pages, keep_partial), want, granted, pin, partial);
            else if (pin) compare(try_pin_all(pages), want, granted, pin, partial);
            else if (partial) compare(try_get_all(pages, keep_partial), want, granted, pin, partial);
            else compare(try_get_all(pages), want, granted, pin, partial);
        }
    }

    template <class Hold>
    static constexpr bool is_pin = Hold::kind == hold_kind::pin;

    template <class Hold>
    static void give_run(const page_run<frame>& r) {
        if constexpr (is_pin<Hold>) unpin_run(r);
        else put_run(r);
    }

    template <class Hold>
    void give(page_batch<frame, Hold> batch, fuzz::bytes& in) {
        constexpr bool pin = is_pin<Hold>;
        for (frame* p : batch)
            if (p && !(pin && p->zero)) returned(at(p), pin);
        switch (in.below(5)) {
            case 0: batch.reset(); break;
            case 1:
                if constexpr (pin) unpin_dirty(std::move(batch));
                else put_all(std::move(batch));
                break;
            case 2: {  // in portions, backwards
                std::vector<frame*> slots = batch.release();
                std::reverse(slots.begin(), slots.end());
                const std::size_t portion = 1 + in.below(8);
                for (std::size_t i = 0; i < slots.size(); i += portion) {
                    const std::vector<frame*> part(slots.begin() + std::ptrdiff_t(i),
                                                   slots.begin() + std::ptrdiff_t(std::min(i + portion, slots.size())));
                    if constexpr (pin) (void)unpin_all(part);
                    else (void)put_all(part);
                }
                break;
            }
            case 3: {  // as runs
                const auto runs = batch.runs();
                (void)batch.release();
                for (const auto& r : runs) give_run<Hold>(r);
                break;
            }
            default: {  // through another owner
                page_batch<frame, Hold> other;
                other = page_batch<frame, Hold>::adopt(batch.release());
                FUZZ_CHECK(batch.empty());
            }
        }
    }
    template <class Hold>
    void give(run_batch<frame, Hold> batch, fuzz::bytes& in) {
        for (const auto& r : batch.runs()) {
            FUZZ_CHECK(at(r.first) == at(r.head) && r.count <= largest_run);
            returned(at(r.head), is_pin<Hold>, static_cast<std::int64_t>(r.count));
        }
        if (in.below(2) == 0) return batch.reset();
        for (const auto& r : batch.release()) give_run<Hold>(r);
    }
    void give_one(std::size_t which, fuzz::bytes& in) {
        holding h = std::move(held_now[which]);
        held_now.erase(held_now.begin() + std::ptrdiff_t(which));
        std::visit([&](auto& batch) { give(std::move(batch), in); }, h);
    }

    void owner(std::size_t h, unsigned what) {
        frame& f = *m[h];
        if (what == 0 && base[h] == 1) {  // the frame's own reference goes
            base[h] = 0;
            if (units(h) == 0) ++freed[h];
            ops::put(&f);
        } else if (what == 1 && units(h) == 0) {
            f.count.init();
            base[h] = 1;
        } else if (what == 2 && base[h] == 1 && units(h) == 1) {  // a crowd comes …
            f.count.set_raw(static_cast<std::int32_t>(crowd));
            base[h] = crowd;
        } else if (what == 3 && base[h] == crowd) {  // … and goes
            f.count.set_raw(static_cast<std::int32_t>(f.count.raw() - (crowd - 1)));
            base[h] = 1;
        }
    }

    void look() const {
        std::int64_t live = 0;
        for (std::size_t i = 0; i < frames; ++i) {
            const frame& f = m.frames[i];
            FUZZ_CHECK(f.freed == freed[i]);
            FUZZ_CHECK(f.count.is_dead() == (units(i) == 0));
            if (units(i) != 0) FUZZ_CHECK(f.count.raw() == units(i));
            live += pins[i];
        }
        FUZZ_CHECK(tally::acquired_pins == acquired);
        FUZZ_CHECK(tally::acquired_pins - tally::released_pins == static_cast<std::uint64_t>(live));
    }

    void run(fuzz::bytes& in) {
        while (!in.empty()) {
            const unsigned what = in.below(8);
            if (what < 4) take(in);
            else if (what < 6 && !held_now.empty()) give_one(in.below(static_cast<unsigned>(held_now.size())), in);
            else owner(head_of(in.below(frames)), in.below(4));
            look();
        }
        while (!held_now.empty()) give_one(0, in);
        look();
        FUZZ_CHECK(tally::acquired_pins == tally::released_pins);
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Overflow is part of it, once per process it is reported.
    set_warn_handler([](const warn_report&) noexcept {});
    fuzz::bytes in(data, size);
    batch_fuzzer(in).run(in);
    return 0;
}
