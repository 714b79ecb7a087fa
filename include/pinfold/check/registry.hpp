// SPDX-License-Identifier: BSL-1.0
// The objects of one execution: who made them, what they are called, and which were never given back.
// Their memory is kept until the execution is over, so that a use after the end is found and not suffered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace pinfold::check::detail {

class registry {
public:
    registry() = default;
    registry(const registry&) = delete;
    registry& operator=(const registry&) = delete;
    ~registry() { clear(); }

    /// Effects: a T that lives until the execution is over; owned: or until remove(), and a leak otherwise.
    template <class T, class... A>
    T& make(std::string name, bool owned, A&&... a) {
        void* const room = ::operator new(sizeof(T), std::align_val_t{alignof(T)});
        items_.push_back({room, sizeof(T), std::move(name), owned, false, false, [](void* p) { static_cast<T*>(p)->~T(); },
                          [](void* p) { ::operator delete(p, std::align_val_t{alignof(T)}); }});
        const std::size_t mine = items_.size() - 1;
        T* const made = ::new (room) T(std::forward<A>(a)...);
        items_[mine].alive = true;
        return *made;
    }

    enum class removal : unsigned char { done, twice, unknown };
    /// Effects: ends the lifetime of an owned object; its memory stays.
    removal remove(void* p) {
        item* const i = find(p);
        if (i == nullptr || i->address != p || !i->owned) return removal::unknown;
        if (i->removed) return removal::twice;
        i->removed = true, i->alive = false;
        const auto destroy = i->destroy;  // the destructor may make others
        destroy(p);
        return removal::done;
    }

    /// Returns: the name of a leaked object, or nothing.
    [[nodiscard]] std::string leaked() const {
        for (const item& i : items_)
            if (i.owned && !i.removed) return i.name;
        return {};
    }
    void alias(const void* p, std::string name) { aliases_.emplace_back(p, std::move(name)); }
    [[nodiscard]] std::string name(const void* p) const {
        for (const auto& [address, alias] : aliases_)
            if (address == p) return alias;
        const item* const i = const_cast<registry*>(this)->find(p);
        if (i == nullptr) return "a word";
        const auto offset = static_cast<const char*>(p) - static_cast<const char*>(i->address);
        return offset == 0 ? i->name : i->name + "+" + std::to_string(offset);
    }
    /// Returns: a number as text, or the object it points to.
    [[nodiscard]] std::string value(std::int64_t v) const {
        const void* const p = reinterpret_cast<const void*>(static_cast<std::intptr_t>(v));
        return const_cast<registry*>(this)->find(p) == nullptr ? std::to_string(v) : "&" + name(p);
    }
    void clear() {
        aliases_.clear();
        while (!items_.empty()) {
            const item i = std::move(items_.back());
            items_.pop_back();
            if (i.alive) i.destroy(i.address);
            i.release(i.address);
        }
    }

private:
    struct item {
        void* address;
        std::size_t size;
        std::string name;
        bool owned, removed, alive;
        void (*destroy)(void*);
        void (*release)(void*);
    };
    item* find(const void* p) noexcept {
        for (item& i : items_)
            if (std::less_equal<>{}(i.address, p) && std::less<>{}(p, static_cast<const void*>(static_cast<char*>(i.address) + i.size)))
                return &i;
        return nullptr;
    }

    std::vector<item> items_;
    std::vector<std::pair<const void*, std::string>> aliases_;
};

}  // namespace pinfold::check::detail
