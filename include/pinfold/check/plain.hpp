// SPDX-License-Identifier: BSL-1.0
// Data that is not atomic, and the lifetime of what a count protects: every access is checked against all others by
// happens-before, so a missing order is found in whichever order the accesses came.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "engine.hpp"

namespace pinfold::check {

namespace detail {

/// The accesses to one place that may not overlap.
class access_record {
public:
    /// Returns: another thread that the calling one is not ordered with; main_thread when there is none.
    [[nodiscard]] unsigned unordered(engine& e, bool write) {
        renew(e);
        const vector_clock& now = e.here().now.when;
        if (write_.thread != e.me() && !now.covers(write_.thread, write_.at)) return write_.thread;
        for (unsigned t = 1; write && t < max_threads; ++t)
            if (!now.covers(t, reads_.at[t])) return t;
        return main_thread;
    }
    void note(engine& e, bool write) {
        renew(e);
        if (write)
            write_ = {e.me(), e.now()};
        else
            reads_.at[e.me()] = e.now();
    }
    [[nodiscard]] unsigned writer() const noexcept { return write_.thread; }

private:
    void renew(engine& e) {
        if (stamp_ == e.stamp()) return;
        stamp_ = e.stamp(), write_ = {}, reads_ = {};
    }
    struct point {
        unsigned thread = main_thread;
        std::uint32_t at = 0;
    };
    std::uint64_t stamp_ = 0;
    point write_;
    vector_clock reads_;
};

[[nodiscard]] inline engine* exploring() noexcept {
    engine* const e = engine::current;
    return e != nullptr && e->active() ? e : nullptr;
}

}  // namespace detail

/// Ordinary data: a read and a write, or two writes, that are not ordered are a data race.
template <class T>
class plain {
public:
    plain() = default;
    explicit plain(T v) : value_(std::move(v)) {}

    [[nodiscard]] const T& get() const { return touch(false), value_; }
    void set(T v) { touch(true), value_ = std::move(v); }

private:
    void touch(bool write) const {
        detail::engine* const e = detail::exploring();
        if (e == nullptr) return;
        if (const unsigned other = accesses_.unordered(*e, write); other != main_thread)
            e->fail(fault::data_race, [&] {
                return e->who() + (write ? " writes " : " reads ") + e->name(this) + ", and " + e->who(other) +
                       "'s access is not ordered with it";
            });
        accesses_.note(*e, write);
        if (e->watched()) e->note(std::string("   ") + (write ? "writes " : "reads ") + e->name(this));
    }

    T value_{};
    mutable detail::access_record accesses_;
};

/// The lifetime of a page, which outlives it as memory: begins, is used by whoever holds the page, ends once.
/// A use after the end, or one that does not happen before the end, is a use after free.
class lifetime {
public:
    explicit lifetime(bool alive = true) noexcept : alive_(alive) {}
    lifetime(const lifetime&) = delete;
    lifetime& operator=(const lifetime&) = delete;

    /// The page is allocated, by its owner alone.
    void begin() { change(true); }
    /// Somebody who holds the page uses it.
    void use() const {
        detail::engine* const e = detail::exploring();
        if (e == nullptr) return;
        if (!alive_) {
            return e->fail(fault::use_after_free, [&] {
                return e->who() + " uses " + e->name(this) + ", which " + e->who(accesses_.writer()) + " has freed";
            });
        }
        if (const unsigned other = accesses_.unordered(*e, false); other != main_thread)
            e->fail(fault::data_race, [&] {
                return e->who() + " uses " + e->name(this) + ", and its allocation by " + e->who(other) +
                       " does not happen before";
            });
        accesses_.note(*e, false);
        if (e->watched()) e->note("   uses " + e->name(this));
    }
    /// The page is freed.
    void end() { change(false); }
    [[nodiscard]] bool alive() const noexcept { return alive_; }
    [[nodiscard]] unsigned ends() const noexcept { return ends_; }

private:
    void change(bool alive) {
        detail::engine* const e = detail::exploring();
        if (e != nullptr) {
            if (alive_ == alive)
                e->fail(alive ? fault::assertion : fault::double_free, [&] {
                    return e->who() + (alive ? " allocates " : " frees ") + e->name(this) + ", which " +
                           (alive ? "is not free" : "is free already");
                });
            if (const unsigned other = accesses_.unordered(*e, true); other != main_thread)
                e->fail(alive ? fault::data_race : fault::use_after_free, [&] {
                    return e->who() + (alive ? " allocates " : " frees ") + e->name(this) + ", and " + e->who(other) +
                           "'s use of it does not happen before";
                });
            accesses_.note(*e, true);
            if (e->watched()) e->note((alive ? "   allocates " : "   frees ") + e->name(this));
        }
        alive_ = alive;
        ends_ += alive ? 0 : 1;
    }

    bool alive_;
    unsigned ends_ = 0;
    mutable detail::access_record accesses_;
};

}  // namespace pinfold::check
