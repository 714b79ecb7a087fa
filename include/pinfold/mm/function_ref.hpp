// SPDX-License-Identifier: BSL-1.0
// A function that is called while whoever passed it waits: neither copied nor kept, and the same type for all, so that
// what visits many things is compiled once and not for every visitor.
#pragma once

#include <concepts>
#include <type_traits>

namespace pinfold::mm {

template <class Signature>
class function_ref;

/// Requires: the function lives as long as the call it is passed to.
template <class R, class... A>
class function_ref<R(A...)> {
public:
    template <class F>
        requires(!std::same_as<std::remove_cvref_t<F>, function_ref> && std::is_invocable_r_v<R, F&, A...>)
    function_ref(F&& f) noexcept  // NOLINT(google-explicit-constructor): a lambda is what it takes
        : object_(const_cast<void*>(static_cast<const void*>(&f))),
          call_([](void* object, A... a) -> R { return (*static_cast<std::remove_reference_t<F>*>(object))(static_cast<A>(a)...); }) {}

    R operator()(A... a) const { return call_(object_, static_cast<A>(a)...); }

private:
    void* object_;
    R (*call_)(void*, A...);
};

}  // namespace pinfold::mm
