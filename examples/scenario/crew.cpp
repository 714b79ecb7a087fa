// SPDX-License-Identifier: BSL-1.0
#include "crew.hpp"

#include <condition_variable>
#include <thread>
#include <utility>

#include <pinfold/mm/wait.hpp>

namespace scenario {

/// A thread that runs one job after the other. Its parker hands the baton back and waits until it is given again.
class crew::hand final : public pinfold::mm::parker {
public:
    class own_job final : public job {
    public:
        explicit own_job(hand& at) : hand_(&at) {}
        [[nodiscard]] bool done() const noexcept override { return done_; }
        void interrupt() override {
            if (!done_) hand_->parker::interrupt();
        }
        void finish() noexcept { done_ = true; }

    private:
        hand* hand_;
        bool done_ = false;
    };

    explicit hand(crew& of) : crew_(of), thread_([this] { live(); }) {}
    ~hand() override {
        {
            const std::lock_guard guard(crew_.lock_);
            leaving_ = true;
        }
        may_run_.notify_one();
        thread_.join();
    }

    // ---- called by the driver ----------------------------------------------------------------------------
    [[nodiscard]] bool idle() const noexcept { return !work_ && !busy_; }
    std::shared_ptr<own_job> take(std::function<void()> work) {
        work_ = std::move(work);
        job_ = std::make_shared<own_job>(*this);
        clear_interrupt();
        return job_;
    }
    void run(std::unique_lock<std::mutex>& lock) {
        has_baton_ = true;
        may_run_.notify_one();
        back_.wait(lock, [this] { return !has_baton_; });
    }

    // ---- called by whoever has the baton -----------------------------------------------------------------
    void park() override {
        std::unique_lock lock(crew_.lock_);
        if (!std::exchange(permit_, false)) {
            parked_ = true;
            pass_back(lock);
        }
    }
    void unpark() noexcept override {
        const std::lock_guard guard(crew_.lock_);
        if (std::exchange(parked_, false)) crew_.woken_.push_back(this);
        else permit_ = true;
    }

private:
    void pass_back(std::unique_lock<std::mutex>& lock) {
        has_baton_ = false;
        back_.notify_one();
        may_run_.wait(lock, [this] { return has_baton_; });
    }
    void live() {
        const pinfold::mm::parked_by me(*this);
        std::unique_lock lock(crew_.lock_);
        for (;;) {
            may_run_.wait(lock, [this] { return has_baton_ || leaving_; });
            if (leaving_) return;
            const std::function<void()> work = std::exchange(work_, nullptr);
            busy_ = true;
            lock.unlock();
            work();
            lock.lock();
            busy_ = false;
            permit_ = false;
            job_->finish();
            has_baton_ = false;
            back_.notify_one();
        }
    }

    crew& crew_;
    std::function<void()> work_;
    std::shared_ptr<own_job> job_;
    bool busy_ = false, parked_ = false, permit_ = false, has_baton_ = false, leaving_ = false;
    std::condition_variable may_run_, back_;
    std::thread thread_;  // last: it runs as soon as it exists
};

crew::crew() = default;
crew::~crew() = default;

crew::hand& crew::idle_hand() {
    for (auto& h : hands_)
        if (h->idle()) return *h;
    hands_.push_back(std::make_unique<hand>(*this));  // starts by waiting for the lock, if need be
    return *hands_.back();
}

std::shared_ptr<job> crew::start(std::function<void()> work) {
    std::unique_lock lock(lock_);
    hand& h = idle_hand();
    auto started = h.take(std::move(work));
    h.run(lock);
    return started;
}

void crew::run_woken() {
    std::unique_lock lock(lock_);
    while (!woken_.empty()) {
        hand* h = woken_.front();
        woken_.pop_front();
        h->run(lock);
    }
}

}  // namespace scenario
