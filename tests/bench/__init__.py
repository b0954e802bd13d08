"""Benchmarks: `python -m tests.bench`."""

import os

# One thread for everybody, before NumPy is loaded: otherwise the ratio measures the number of cores.
for _library in ("OPENBLAS", "MKL", "OMP", "NUMBA"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
