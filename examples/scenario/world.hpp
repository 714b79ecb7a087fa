// SPDX-License-Identifier: BSL-1.0
// Everything one scenario has: the machine, its actors, and what its lines have given names to.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <typeindex>
#include <vector>

#include <pinfold/mm.hpp>

#include "answer.hpp"
#include "crew.hpp"
#include "handle.hpp"
#include "identities.hpp"
#include "machine_room.hpp"
#include "names.hpp"
#include "process_image.hpp"
#include "profiles.hpp"

namespace scenario {

namespace mm = pinfold::mm;

/// An operation that was started and not waited for.
struct started {
    std::shared_ptr<job> running;
    answer result;
};

template <class P>
struct actor {
    std::string name;
    mm::task<P>* task = nullptr;         ///< null: it died
    std::shared_ptr<started> pending;    ///< the `&` operation `wait` has not reported yet
    std::shared_ptr<job> stuck;          ///< an operation that was waited for and did not return
    std::int64_t swapped_before = 0;     ///< swap entries it started with

    [[nodiscard]] bool busy() const noexcept {
        return (pending && !pending->running->done()) || (stuck && !stuck->done());
    }
};

struct open_file {
    mm::file* object = nullptr;  ///< null: creating it failed
    std::string kind;            ///< as the language calls it
    std::set<std::string> open_in{};  ///< the actors that have a handle of it: fork copies handles
};

/// What one family of operations keeps for the length of a scenario; see world::part.
class family_part {
public:
    virtual ~family_part() = default;
    /// Effects: gives back what the family still holds; called once at the end, before actors exit.
    virtual void clean_up() {}
};

template <class P>
class world {
public:
    using page = mm::frame<P>;

    explicit world(const mm::options& room) : box(room), zero_refs_(refs_of_zero()) {
        box.warn().set_handler([](mm::warn_id, std::int64_t) noexcept {});
        make_process(box, *add_actor("main", box.spawn()).task);
    }

    mm::machine<P> box;
    region_names regions;
    identities ids;
    std::map<std::string, actor<P>, std::less<>> actors;
    std::map<std::string, open_file, std::less<>> files;
    std::map<std::string, handle<page>, std::less<>> handles;
    mm::gup_trace* trace = nullptr;  ///< where gup calls report to, when somebody wants to know

    actor<P>& add_actor(const std::string& name, mm::task<P>& task) {
        actor<P>& a = actors[name];
        a = {name, &task, nullptr, nullptr, task.mm().swap_entries.load()};
        return a;
    }

    /// Effects: the actor's handle of f is gone; with the last one f is closed. Returns: whether it was the last.
    bool close(open_file& f, const std::string& name) {
        if (f.open_in.erase(name) == 0 || !f.open_in.empty()) return false;
        if (f.object) box.close(*f.object);
        return true;
    }

    /// Returns: the part of type T, made with T(*this) when first asked for.
    template <class T>
    T& part() {
        auto& p = parts_[std::type_index(typeid(T))];
        if (!p) p = std::make_unique<T>(*this);
        return static_cast<T&>(*p);
    }
    void clean_up_parts() {
        for (auto& [type, p] : parts_) p->clean_up();
    }

    /// References of the zero page since the start of the scenario.
    [[nodiscard]] std::int64_t zero_refs() { return refs_of_zero() - zero_refs_; }

    [[nodiscard]] page_name name_of(page* p) {
        page* head = box.phys().head(p);
        if (box.phys().is_zero_page(head)) return "Z";
        if (box.phys().is_huge_zero(head)) return "HZ";
        return ids.of(box.phys().number(p).n, p->generation);
    }

private:
    [[nodiscard]] std::int64_t refs_of_zero() { return mm::physical<P>::ops::refs(box.phys().zero_page()); }

    std::int64_t zero_refs_;
    std::map<std::type_index, std::unique_ptr<family_part>> parts_;
};

}  // namespace scenario
