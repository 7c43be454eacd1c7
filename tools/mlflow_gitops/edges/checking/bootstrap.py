"""Gives up what a model's code shall not have, then becomes the program that runs it.

Started by path with `python -I -S`, with the standard library alone:
`bootstrap.py MEMORY FILE_SIZE COMMAND…`, both limits in bytes.
"""

import os
import resource
import sys

_NO_NEW_PRIVILEGES = 38
"""PR_SET_NO_NEW_PRIVS, prctl(2): sudo and other setuid programs give nothing."""


def main(memory: int, file_size: int, command: list[str]) -> None:
    """Set the limits of this process and of all that it starts, and run the command in its
    place. Nothing runs if a limit cannot be set."""
    limits = {resource.RLIMIT_FSIZE: file_size, resource.RLIMIT_CORE: 0}
    if sys.platform == "linux":  # elsewhere it is not enforced, or counts something else
        limits[resource.RLIMIT_DATA] = memory
        import ctypes

        if ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            raise SystemExit("this system does not keep the model's code from more rights")
    for limit, value in limits.items():
        _, highest = resource.getrlimit(limit)
        if highest != resource.RLIM_INFINITY:
            value = min(value, highest)
        resource.setrlimit(limit, (value, value))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
