// SPDX-License-Identifier: BSL-1.0
// Plays a scenario on a fresh machine of one profile, line by line.
#pragma once

#include <string>

#include "program.hpp"

namespace pinfold::mm {
struct options;
}

namespace scenario {

/// Where the answers go.
class audience {
public:
    virtual ~audience() = default;
    virtual void line(const std::string& json) = 0;
    /// What a person wants to know beside it. Called only if wants_reasons().
    virtual void remark(const std::string& text) = 0;
    /// A line says something the language does not allow.
    virtual void wrong(const program& p, const statement& at, const std::string& why) = 0;
    /// After this line (0: the end) an invariant of the MM does not hold. Called only if wants_audit(line).
    virtual void broken(const program& p, std::size_t line, const std::string& what) = 0;
    /// An operation is stuck for good, and so is its thread: the process ends after this.
    virtual void never_returns(const program&) {}
    [[nodiscard]] virtual bool wants_reasons() const = 0;
    [[nodiscard]] virtual bool wants_audit(std::size_t line) const = 0;
};

/// Effects: plays `p`; whatever it left behind is gone afterwards. The machine is that of machine_room.hpp, or another.
template <class P>
void play(const program& p, audience& to);
template <class P>
void play(const program& p, audience& to, const pinfold::mm::options& room);

}  // namespace scenario
