// SPDX-License-Identifier: BSL-1.0
// Errors as Linux numbers them; results carry them negative. Source: spec 00 §5.
#pragma once

namespace pinfold::mm::err {

inline constexpr int enoent = 2, esrch = 3, eintr = 4, enxio = 6, e2big = 7, eagain = 11, enomem = 12, eacces = 13, efault = 14, ebusy = 16, eexist = 17, enodev = 19,
                     einval = 22, enospc = 28, emlink = 31, eoverflow = 75, eopnotsupp = 95, eremoteio = 121, ehwpoison = 133,
                     erestartsys = 512;

}  // namespace pinfold::mm::err
