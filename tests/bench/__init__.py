"""Benchmarks: `python -m tests.bench`."""

import os

# One thread for everybody, before NumPy is loaded: otherwise the ratio measures the number of cores.
for _library in ("OPENBLAS", "MKL", "OMP", "NUMBA"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
