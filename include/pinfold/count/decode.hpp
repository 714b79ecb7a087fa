// SPDX-License-Identifier: BSL-1.0
// What a count word may mean: every split into references and pins that is compatible with it, also as text.
#pragma once

#include <cstdint>
#include <cstdio>

#include "../policy/count_traits.hpp"

namespace pinfold {

enum class word_state : unsigned char {
    live,        ///< references and pins
    dead,        ///< free, frozen or a tail; under sticky_dead with grabs in flight
    blocked,     ///< live, and pins are blocked
    overflowed,  ///< negative: wrapped past the largest value, or released too often
};

/// One way to read a word.
struct split {
    std::uint64_t refs = 0;  ///< plain references, without those that pins imply
    std::uint64_t pins = 0;
    friend constexpr bool operator==(split, split) = default;
};

/// All readings of one word: splits 0 … size()−1, most pins first. An overlay word of 2052 has three, because
/// 1024 references look like a pin; an exact scheme has one. Source: spec 01 §5.
class decoded {
public:
    constexpr decoded(word_state state, std::int64_t raw, std::uint64_t refs, std::uint64_t pins,
                      std::uint64_t bias) noexcept
        : state_(state), raw_(raw), refs_(refs), pins_(pins), bias_(bias) {}

    [[nodiscard]] constexpr word_state state() const noexcept { return state_; }
    [[nodiscard]] constexpr std::int64_t raw() const noexcept { return raw_; }
    /// Returns: the number of compatible splits; 0 for a dead word.
    [[nodiscard]] constexpr std::uint64_t size() const noexcept {
        if (state_ == word_state::dead) return 0;
        return bias_ == 0 ? 1 : pins_ + 1;
    }
    /// Requires: i < size(). Returns: the split with i pins fewer than the most pins possible.
    [[nodiscard]] constexpr split operator[](std::uint64_t i) const noexcept {
        return split{refs_ + i * bias_, pins_ - i};
    }
    [[nodiscard]] constexpr split most_pins() const noexcept { return (*this)[0]; }

private:
    word_state state_;
    std::int64_t raw_;
    std::uint64_t refs_;  // beside the most pins possible
    std::uint64_t pins_;  // the most pins possible
    std::uint64_t bias_;  // units of a pin where references and pins overlap, else 0
};

/// Returns: all readings of the head word `raw` under count policy P; for schemes with a pin word also its value.
/// An overflowed word is read modulo 2^bits, which is right as long as it has not wrapped completely.
template <class P>
[[nodiscard]] constexpr decoded decode(typename count_traits<P>::value_type raw,
                                       typename count_traits<P>::value_type pin_word = 0, bool large = false) noexcept {
    using t = count_traits<P>;
    using U = typename t::unsigned_type;
    if (t::in_dead_band(raw)) return decoded(word_state::dead, raw, 0, 0, 0);
    word_state state = word_state::live;
    auto value = static_cast<std::uint64_t>(static_cast<U>(raw));
    if (t::in_blocked_band(raw)) {
        state = word_state::blocked;
        value = static_cast<U>(static_cast<U>(raw) - static_cast<U>(t::block_offset));
    } else if (raw < 0) {
        state = word_state::overflowed;
    }
    if constexpr (t::form == pin_form::split) {
        const std::uint64_t pins = value >> t::ref_bits;
        return decoded(state, raw, (value & t::ref_field) - pins, pins, 0);
    } else if constexpr (t::form == pin_form::none) {
        return decoded(state, raw, value, 0, 0);
    } else {
        if (t::form == pin_form::exact || (t::form == pin_form::hybrid && large)) {
            if (pin_word != 0 && !t::pin_word_pinned(pin_word))
                return decoded(word_state::blocked, raw, value, 0, 0);
            const auto pins = static_cast<std::uint64_t>(static_cast<U>(pin_word));
            return decoded(state, raw, value - pins, pins, 0);
        }
        return decoded(state, raw, value % t::pin_unit, value / t::pin_unit, t::pin_unit);
    }
}

/// Text of a decoded word in a fixed buffer: "2052: 4 refs + 2 pins | 1028 refs + 1 pin | 2052 refs".
/// At most four splits are written; the rest is counted.
class decoded_text {
public:
    explicit decoded_text(const decoded& d) noexcept {
        static constexpr const char* names[] = {"", "dead", "pins blocked", "overflowed"};
        put("%lld:", static_cast<long long>(d.raw()));
        if (d.state() != word_state::live) put(" %s", names[static_cast<unsigned>(d.state())]);
        for (std::uint64_t i = 0; i < d.size() && i < 4; ++i) {
            const split s = d[i];
            put(i == 0 ? " " : " | ");
            put("%llu ref%s", static_cast<unsigned long long>(s.refs), s.refs == 1 ? "" : "s");
            if (s.pins != 0) put(" + %llu pin%s", static_cast<unsigned long long>(s.pins), s.pins == 1 ? "" : "s");
        }
        if (d.size() > 4) put(" | %llu more", static_cast<unsigned long long>(d.size() - 4));
    }
    [[nodiscard]] const char* c_str() const noexcept { return text_; }

private:
    template <class... A>
    void put(const char* format, A... a) noexcept {
        const auto room = sizeof text_ - length_;
        const int n = std::snprintf(text_ + length_, room, format, a...);
        if (n > 0) length_ += static_cast<std::size_t>(n) < room ? static_cast<std::size_t>(n) : room - 1;
    }
    void put(const char* plain) noexcept { put("%s", plain); }

    char text_[256] = {};
    std::size_t length_ = 0;
};

}  // namespace pinfold
