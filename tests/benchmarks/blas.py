"""Use the same BLAS kernels as users do."""

import os
import sys

from threadpoolctl import threadpool_info

OVERRIDES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def use_the_kernels_of_users() -> None:
    """Restart the script if the environment overrides OpenBLAS's choice of kernels. Print the kernels in use."""
    if any(name in os.environ for name in OVERRIDES):
        sys.stdout.flush()
        environment = {name: value for name, value in os.environ.items() if name not in OVERRIDES}
        os.execve(sys.executable, sys.orig_argv, environment)
    for library in threadpool_info():
        if library["user_api"] == "blas":
            kernel = library.get("architecture", "unknown kernel")
            print(f"{library['prefix']} {library['version']}: {kernel}, {library['num_threads']} threads", flush=True)
