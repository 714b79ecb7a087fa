// SPDX-License-Identifier: BSL-1.0
// How an operation of the language is given its meaning.
//
// An operation is one function `answer name(call<P>& c)` in the file of its family (ops_*.cpp), and one line in that
// file's add_*_ops():   table.add("ftruncate", &ftruncate<P>);   language.cpp has its arguments and options already.
//   * Read all arguments first: c.number(0), c.address(0), c.word(2), c.option_number("size", 0), c.has("shared"),
//     c.file(0), c.target(0) (a handle). What cannot be read throws `malformed`, which answers ESCENARIO.
//   * Work through c.self.task (the actor's mm::task) and c.world (machine, names, other actors). Use the public
//     operations of pinfold::mm; what the MM cannot do yet belongs there, not here.
//   * Answer done(n), fails("EBADSLT"), or result_of(r) where r is a count or a negative errno; more members by
//     .with("val", n). `vm` (pin counters) and `warn` are added by the player for every step.
//   * Name pages only by c.world.name_of(page) and show them only by view.hpp, in the order they are to be printed:
//     that is what numbers them.
//   * It may wait, but only in mm::wait_queue: the player then goes on with the next line (crew.hpp). It runs on a
//     thread of its own, and no other runs meanwhile: no locks are needed for what the world holds.
//   * A new kind of file: table.add_file_kind("dax", {&create, &map}); what `require` asks for: table.provide("dax").
//   * State of a family lives in a class derived from family_part, had by c.world.template part<T>(). Its clean_up()
//     gives back at the end of the scenario whatever still holds a page.
//   * Instantiate add_*_ops for both profiles (profiles.hpp) at the end of the file. Where a profile lacks a call, ask
//     `if constexpr (requires { … })` and answer EOPNOTSUPP.
// An operation that nobody has added answers ENOSYS.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string_view>

#include "language.hpp"
#include "program.hpp"
#include "world.hpp"

namespace scenario {

template <class P>
class op_table;

/// One line on its way: who executes it, in which world, with what arguments.
template <class P>
class call {
public:
    call(const op_table<P>& t, scenario::world<P>& w, actor<P>& a, const statement& s)
        : table(t), world(w), self(a), line(s) {}

    const op_table<P>& table;
    scenario::world<P>& world;
    actor<P>& self;
    const statement& line;

    // Arguments, by position.
    [[nodiscard]] const std::string& word(std::size_t i) const { return line.args.at(i); }
    [[nodiscard]] std::uint64_t number(std::size_t i) const { return number_in(word(i)); }
    [[nodiscard]] std::uint64_t address(std::size_t i) const { return world.regions.address(word(i)); }
    [[nodiscard]] open_file& file(std::size_t i) const { return file_called(word(i)); }
    [[nodiscard]] handle<mm::frame<P>>& target(std::size_t i) const { return world.handles[word(i)]; }

    // Options.
    [[nodiscard]] std::optional<std::string_view> option(std::string_view key) const {
        for (const std::string& o : line.options)
            if (o.size() > key.size() && o.starts_with(key) && o[key.size()] == '=')
                return std::string_view(o).substr(key.size() + 1);
        return std::nullopt;
    }
    [[nodiscard]] bool has(std::string_view flag) const {
        for (const std::string& o : line.options)
            if (o == flag) return true;
        return false;
    }
    [[nodiscard]] std::uint64_t option_number(std::string_view key, std::uint64_t otherwise) const {
        const auto text = option(key);
        return text ? number_in(*text) : otherwise;
    }

    [[nodiscard]] open_file& file_called(std::string_view name) const {
        const auto it = world.files.find(name);
        if (it == world.files.end()) throw malformed{"no file is called '" + std::string(name) + "'"};
        return it->second;
    }
    [[nodiscard]] actor<P>& actor_called(std::string_view name) const {
        const auto it = world.actors.find(name);
        if (it == world.actors.end()) throw malformed{"no actor is called '" + std::string(name) + "'"};
        return it->second;
    }
};

/// What `file F KIND` and `mmap … src=F` do for one kind of file.
template <class P>
struct file_kind {
    /// Effects: sets what `f` needs; the line's options are size= and sparse.
    answer (*create)(call<P>&, open_file& f);
    /// Null: the mapping's source is f.object, and that is all.
    mm::result<mm::vaddr> (*map)(call<P>&, open_file& f, std::uint64_t length, mm::mapping) = nullptr;
};

template <class P>
class op_table {
public:
    using function = answer (*)(call<P>&);

    void add(std::string_view name, function f) {
        if (!find_operation(name)) throw std::logic_error("the language has no operation " + std::string(name));
        table_[name] = f;
    }
    /// Returns: the function, or null.
    [[nodiscard]] function find(std::string_view name) const {
        const auto it = table_.find(name);
        return it == table_.end() ? nullptr : it->second;
    }

    void add_file_kind(std::string_view name, file_kind<P> kind) { kinds_[name] = kind; }
    /// Returns: the kind, or null.
    [[nodiscard]] const file_kind<P>* find_file_kind(std::string_view name) const {
        const auto it = kinds_.find(name);
        return it == kinds_.end() ? nullptr : &it->second;
    }

    void provide(std::string_view feature) { features_.insert(feature); }
    [[nodiscard]] bool provides(std::string_view feature) const { return features_.count(feature) != 0; }

private:
    std::map<std::string_view, function> table_;
    std::map<std::string_view, file_kind<P>> kinds_;
    std::set<std::string_view> features_;
};

/// Returns: the order of the huge pages that `2m` and `1g` name; throws `malformed`.
[[nodiscard]] unsigned huge_order_in(std::string_view size);

// The families, each defined in the file of its name.
template <class P>
void add_actor_ops(op_table<P>&);
template <class P>
void add_dax_ops(op_table<P>&);
template <class P>
void add_file_call_ops(op_table<P>&);
template <class P>
void add_file_ops(op_table<P>&);
template <class P>
void add_fork_ops(op_table<P>&);
template <class P>
void add_gup_ops(op_table<P>&);
template <class P>
void add_hugetlb_ops(op_table<P>&);
template <class P>
void add_hmm_ops(op_table<P>&);
template <class P>
void add_inspect_ops(op_table<P>&);
template <class P>
void add_iouring_ops(op_table<P>&);
template <class P>
void add_knob_ops(op_table<P>&);
template <class P>
void add_mapping_ops(op_table<P>&);
template <class P>
void add_migrate_ops(op_table<P>&);
template <class P>
void add_release_ops(op_table<P>&);
template <class P>
void add_thp_ops(op_table<P>&);
template <class P>
void add_uffd_ops(op_table<P>&);

template <class P>
[[nodiscard]] op_table<P> all_operations() {
    op_table<P> t;
    add_actor_ops(t);
    add_dax_ops(t);
    add_file_call_ops(t);
    add_file_ops(t);
    add_fork_ops(t);
    add_gup_ops(t);
    add_hugetlb_ops(t);
    add_hmm_ops(t);
    add_inspect_ops(t);
    add_iouring_ops(t);
    add_knob_ops(t);
    add_mapping_ops(t);
    add_migrate_ops(t);
    add_release_ops(t);
    add_thp_ops(t);
    add_uffd_ops(t);
    return t;
}

}  // namespace scenario
