// SPDX-License-Identifier: BSL-1.0
// Something to call later, and something to call while it is there: std::function at a tenth of its compile time, of
// which a proof would need hundreds.
#pragma once

#include <type_traits>
#include <utility>

namespace pinfold::check::detail {

/// Owns a callable without arguments.
class task {
public:
    task() noexcept = default;
    template <class F>
        requires(!std::is_same_v<F, task>)
    explicit task(F f)
        : object_(new F(std::move(f))), call_([](void* o) { (*static_cast<F*>(o))(); }),
          drop_([](void* o) { delete static_cast<F*>(o); }) {}
    task(task&& other) noexcept
        : object_(std::exchange(other.object_, nullptr)), call_(other.call_), drop_(other.drop_) {}
    task& operator=(task&& other) noexcept {
        std::swap(object_, other.object_), std::swap(call_, other.call_), std::swap(drop_, other.drop_);
        return *this;
    }
    ~task() {
        if (object_ != nullptr) drop_(object_);
    }
    void operator()() const { call_(object_); }

private:
    void* object_ = nullptr;
    void (*call_)(void*) = nullptr;
    void (*drop_)(void*) = nullptr;
};

/// Refers to a callable with one argument, which outlives it.
template <class Argument>
class call_ref {
public:
    template <class F>
        requires(!std::is_same_v<F, call_ref> && !std::is_function_v<F>)
    call_ref(const F& f) noexcept
        : object_(&f), call_([](const void* o, Argument a) { (*static_cast<const F*>(o))(a); }) {}
    call_ref(void (*f)(Argument)) noexcept
        : object_(reinterpret_cast<const void*>(f)),
          call_([](const void* o, Argument a) { reinterpret_cast<void (*)(Argument)>(const_cast<void*>(o))(a); }) {}
    void operator()(Argument a) const { call_(object_, a); }

private:
    const void* object_;
    void (*call_)(const void*, Argument);
};

}  // namespace pinfold::check::detail
