// SPDX-License-Identifier: BSL-1.0
#include "answer.hpp"

#include <cerrno>

namespace scenario {

std::string errno_name(int number) {
    switch (number) {
        case EPERM: return "EPERM";
        case ENOENT: return "ENOENT";
        case EINTR: return "EINTR";
        case EIO: return "EIO";
        case ENXIO: return "ENXIO";
        case E2BIG: return "E2BIG";
        case EBADF: return "EBADF";
        case EAGAIN: return "EAGAIN";
        case ENOMEM: return "ENOMEM";
        case EACCES: return "EACCES";
        case EFAULT: return "EFAULT";
        case EBUSY: return "EBUSY";
        case EEXIST: return "EEXIST";
        case ENODEV: return "ENODEV";
        case EINVAL: return "EINVAL";
        case ETXTBSY: return "ETXTBSY";
        case EFBIG: return "EFBIG";
        case ENOSPC: return "ENOSPC";
        case ENOSYS: return "ENOSYS";
        case EMLINK: return "EMLINK";
        case EOVERFLOW: return "EOVERFLOW";
        case EOPNOTSUPP: return "EOPNOTSUPP";
        case ETIMEDOUT: return "ETIMEDOUT";
        case EREMOTEIO: return "EREMOTEIO";
        case EHWPOISON: return "EHWPOISON";
        case 512: return "ERESTARTSYS";
        default: return "E" + std::to_string(number);
    }
}

}  // namespace scenario
