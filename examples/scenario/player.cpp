// SPDX-License-Identifier: BSL-1.0
#include "player.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "explain.hpp"
#include "ops.hpp"
#include "printer.hpp"
#include "profiles.hpp"

namespace scenario {

namespace {

/// Where a precondition of the MM was broken last: the place where a kernel with its checks on would have stopped.
/// The machine goes on, as a kernel without them.
const char* broken_at = nullptr;

void note_broken(const char*, const char* file, int) noexcept { broken_at = file; }

/// What moves during a step and is shown with it.
template <class P>
class meters {
public:
    explicit meters(mm::machine<P>& box) : box_(box), pins_(box.counters()), heard_(sites()) {}

    /// Effects: adds what moved since the last look.
    void show(answer& a, bool always) {
        const mm::pin_counters now = box_.counters(), d = now - pins_;
        pins_ = now;
        if (always || d != mm::pin_counters{}) a.observed.emplace_back("vm", pin_delta{d.acquired, d.released});
        std::vector<page_name> complaints;
        const auto sites_now = sites();
        for (std::size_t i = 0; i < sites_now.size(); ++i)
            if (sites_now[i] && !heard_[i]) complaints.emplace_back(std::string(name_of(static_cast<mm::warn_id>(i))));
        heard_ = sites_now;
        if (const char* file = std::exchange(broken_at, nullptr))
            complaints.emplace_back("kernel BUG at " + std::filesystem::path(file).filename().string());
        if (!complaints.empty()) a.observed.emplace_back("warn", std::move(complaints));
    }

private:
    using site_set = std::array<bool, static_cast<std::size_t>(mm::warn_id::count_)>;

    [[nodiscard]] site_set sites() {
        site_set s{};
        for (std::size_t i = 0; i < s.size(); ++i) s[i] = box_.warn().reported(static_cast<mm::warn_id>(i));
        return s;
    }

    mm::machine<P>& box_;
    mm::pin_counters pins_;
    site_set heard_;
};

template <class P>
class player {
public:
    player(const program& p, audience& to, const mm::options& room)
        : program_(p), to_(to), world_(room), meters_(world_.box) {
        if (to_.wants_reasons()) {
            explain_.emplace(world_);
            world_.trace = &explain_->trace;
        }
    }

    void play() {
        for (const statement& s : program_.lines) {
            if (!step(s)) break;
        }
        end();
    }

private:
    // ---- one line ----------------------------------------------------------------------------------------
    /// Returns: whether the scenario goes on.
    bool step(const statement& s) {
        ended_ = false;
        answer a = answer_of(s);
        crew_.run_woken();
        const operation* op = find_operation(s.op);
        meters_.show(a, op && op->counts_pins);
        print(s.actor, s.async ? s.op + "&" : s.op, s.text, a);
        look_back(s.number);
        return !ended_;
    }

    answer answer_of(const statement& s) {
        try {
            if (!s.wrong.empty()) throw malformed{s.wrong};
            const auto who = world_.actors.find(s.actor);
            if (who == world_.actors.end()) throw malformed{"no actor is called '" + s.actor + "'"};
            if (!who->second.task) return fails("EDIED");
            if (s.op == "require") return require(s);
            if (s.op == "poll") return poll(named(s.args[0]));
            if (s.op == "wait") return wait(named(s.args[0]));
            if (s.op == "exit") return exit(named(s.args[0]));
            if (who->second.busy()) return fails("ETIMEDOUT");  // it cannot take another command
            answer a = s.async ? start(s, who->second) : finish(s, who->second);
            if (s.op == "fork" && !a.error.empty()) world_.actors[s.args[0]].name = s.args[0];  // born dead
            return a;
        } catch (const malformed& m) {
            to_.wrong(program_, s, m.why);
            return fails("ESCENARIO");
        }
    }

    std::shared_ptr<started> launch(const statement& s, actor<P>& who) {
        auto state = std::make_shared<started>();
        state->running = crew_.start([this, &s, &who, state] {
            try {
                const auto function = table().find(s.op);
                call<P> c(table(), world_, who, s);
                state->result = function ? function(c) : fails("ENOSYS");
            } catch (const malformed& m) {
                to_.wrong(program_, s, m.why);
                state->result = fails("ESCENARIO");
            }
        });
        return state;
    }
    answer finish(const statement& s, actor<P>& who) {
        const auto state = launch(s, who);
        crew_.run_woken();
        if (state->running->done()) return std::move(state->result);
        who.stuck = state->running;
        return fails("ETIMEDOUT");
    }
    answer start(const statement& s, actor<P>& who) {
        who.pending = launch(s, who);
        return done().with("state", std::string("started"));
    }

    // ---- lines about actors ------------------------------------------------------------------------------
    actor<P>& named(const std::string& name) {
        const auto it = world_.actors.find(name);
        if (it == world_.actors.end()) throw malformed{"no actor is called '" + name + "'"};
        return it->second;
    }
    answer require(const statement& s) {
        if (table().provides(s.args[0])) return done();
        ended_ = true;
        return fails("ENOTSUP");
    }
    answer poll(const actor<P>& a) {
        if (!a.pending) throw malformed{"nothing was started in '" + a.name + "'"};
        return done().with("state", std::string(a.pending->running->done() ? "done" : "blocked"));
    }
    answer wait(actor<P>& a) {
        if (!a.pending) throw malformed{"nothing was started in '" + a.name + "'"};
        if (!a.pending->running->done()) return fails("ETIMEDOUT");
        return std::move(std::exchange(a.pending, nullptr)->result);
    }
    answer exit(actor<P>& a) {
        if (!a.task) return fails("EDIED");
        stop(a);
        if (a.busy()) return fails("ETIMEDOUT");
        const auto j = crew_.start([this, &a] {
            world_.box.exit(*std::exchange(a.task, nullptr));
            for (auto& [name, f] : world_.files) (void)world_.close(f, a.name);
        });
        crew_.run_woken();
        return j->done() ? done() : fails("ETIMEDOUT");
    }
    /// Effects: what the actor is doing gives up, if it can.
    void stop(actor<P>& a) {
        if (a.task) a.task->set_fatal_signal(true);
        if (a.pending) a.pending->running->interrupt();
        if (a.stuck) a.stuck->interrupt();
        crew_.run_woken();
        if (a.task) a.task->set_fatal_signal(false);
    }

    /// Effects: tells about the line just played what was asked for.
    void look_back(std::size_t line) {
        if (explain_) explain_->tell(to_);
        if (to_.wants_audit(line))
            for (const std::string& what : mm::audit(world_.box)) to_.broken(program_, line, what);
    }

    // ---- the end -----------------------------------------------------------------------------------------
    void end() {
        answer a = done().with("held", world_.box.counters().live());
        const auto j = crew_.start([this] {
            for (auto& [name, h] : world_.handles) drop(h);
            world_.clean_up_parts();
        });
        crew_.run_woken();
        for (auto& [name, who] : world_.actors) stop(who);
        bool stands = !j->done();
        for (auto& [name, who] : world_.actors) stands = stands || who.busy();
        if (stands) give_up();
        a = std::move(a).with("leak", world_.box.counters().live());
        for (auto& [name, who] : world_.actors)
            if (who.task) world_.box.exit(*std::exchange(who.task, nullptr));
        world_.box.phys().lru_drain_all();
        a = std::move(a).with("zero_ref", world_.zero_refs());
        print("main", "end", "end", a);
        look_back(0);
    }
    void drop(handle<mm::frame<P>>& h) {
        for (auto* p : h.pages) {
            if (!p) continue;
            if (h.pins) mm::unpin_pages(world_.box.phys(), p, 1);
            else mm::ungrab(world_.box.phys(), p, 1, mm::foll::get);
        }
        h.pages.clear();
    }
    /// A wait that ends neither when everything is released nor when it is interrupted cannot be played to its end,
    /// and its thread cannot be taken away either.
    [[noreturn]] void give_up() {
        std::fprintf(stderr, "%s: an operation never returns\n", program_.file.c_str());
        to_.never_returns(program_);
        std::fflush(nullptr);
        std::_Exit(3);
    }

    void print(std::string_view who, std::string_view op, std::string_view line, const answer& a) {
        to_.line(to_json({program_.name, ++steps_, who, op, line}, a));
    }

    static const op_table<P>& table() {
        static const op_table<P> all = all_operations<P>();
        return all;
    }

    const program& program_;
    audience& to_;
    world<P> world_;
    meters<P> meters_;
    std::optional<explainer<P>> explain_;
    crew crew_;
    std::int64_t steps_ = 0;
    bool ended_ = false;
};

}  // namespace

template <class P>
void play(const program& p, audience& to, const mm::options& room) {
    const pinfold::violation_handler before = pinfold::set_violation_handler(&note_broken);
    player<P>(p, to, room).play();
    (void)pinfold::set_violation_handler(before);
}
template <class P>
void play(const program& p, audience& to) {
    play<P>(p, to, machine_room());
}
template void play<linux_6_12>(const program&, audience&);
template void play<foll_pin_2019>(const program&, audience&);
template void play<linux_6_12>(const program&, audience&, const mm::options&);
template void play<foll_pin_2019>(const program&, audience&, const mm::options&);

}  // namespace scenario
