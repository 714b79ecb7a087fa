// SPDX-License-Identifier: BSL-1.0
// A stack of its own for each explored thread, on <ucontext.h>. AddressSanitizer is told of every switch;
// ThreadSanitizer is not: explorations do not run under it, and need not, they find races themselves.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#if defined(__SANITIZE_ADDRESS__)
#define PINFOLD_DETAIL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PINFOLD_DETAIL_ASAN 1
#endif
#endif
#ifndef PINFOLD_DETAIL_ASAN
#define PINFOLD_DETAIL_ASAN 0
#endif

#if PINFOLD_DETAIL_ASAN
extern "C" {
void __sanitizer_start_switch_fiber(void** fake_stack_save, const void* bottom, std::size_t size);
void __sanitizer_finish_switch_fiber(void* fake_stack_save, const void** bottom_old, std::size_t* size_old);
void __asan_unpoison_memory_region(const volatile void* address, std::size_t size);
}
#endif

namespace pinfold::check {

/// A context to switch from and to. The one of the caller of the exploration has no stack of its own.
class fiber {
public:
    using entry = void (*)(void*);

    fiber() noexcept = default;
    fiber(const fiber&) = delete;
    fiber& operator=(const fiber&) = delete;

    /// Effects: the next switch to it calls run(argument) on a fresh stack. What ran on it before is forgotten, not
    /// unwound. Requires: run never returns.
    void start(entry run, void* argument) {
        if (!stack_) stack_.reset(new unsigned char[stack_size]);  // what is not touched costs nothing
#if PINFOLD_DETAIL_ASAN
        __asan_unpoison_memory_region(stack_.get(), stack_size);
        bottom_ = stack_.get(), size_ = stack_size, fake_ = nullptr;
#endif
        run_ = run, argument_ = argument;
        getcontext(&context_);
        context_.uc_stack.ss_sp = stack_.get();
        context_.uc_stack.ss_size = stack_size;
        context_.uc_link = nullptr;
        const auto self = reinterpret_cast<std::uintptr_t>(this);
        makecontext(&context_, reinterpret_cast<void (*)()>(&fiber::trampoline), 2, static_cast<unsigned>(self),
                    static_cast<unsigned>(static_cast<std::uint64_t>(self) >> 32));
    }

    /// Effects: suspends `from`, which is running, and runs `to`. Returns: when somebody switches to `from`.
    static void change(fiber& from, fiber& to) noexcept {
        previous_ = &from;
#if PINFOLD_DETAIL_ASAN
        __sanitizer_start_switch_fiber(&from.fake_, to.bottom_, to.size_);
#endif
        swapcontext(&from.context_, &to.context_);
        from.arrived();
    }

private:
#if PINFOLD_DETAIL_ASAN
    static constexpr std::size_t stack_size = 1024 * 1024;
#else
    static constexpr std::size_t stack_size = 512 * 1024;
#endif

    void arrived() noexcept {
#if PINFOLD_DETAIL_ASAN
        const void* bottom = nullptr;
        std::size_t size = 0;
        __sanitizer_finish_switch_fiber(fake_, &bottom, &size);
        if (!previous_->stack_) previous_->bottom_ = bottom, previous_->size_ = size;
#endif
    }

    static void trampoline(unsigned low, unsigned high) {
        auto* const self = reinterpret_cast<fiber*>(
            static_cast<std::uintptr_t>(static_cast<std::uint64_t>(high) << 32 | low));
        self->arrived();
        self->run_(self->argument_);
    }

    static inline thread_local fiber* previous_ = nullptr;

    ucontext_t context_{};
    std::unique_ptr<unsigned char[]> stack_;
    entry run_ = nullptr;
    void* argument_ = nullptr;
#if PINFOLD_DETAIL_ASAN
    void* fake_ = nullptr;
    const void* bottom_ = nullptr;
    std::size_t size_ = 0;
#endif
};

}  // namespace pinfold::check
