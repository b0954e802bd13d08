"""Benchmarks: `python -m tests.bench`."""

import os

# One thread for everybody, before NumPy is loaded: otherwise the ratio measures the number of cores.
for _library in ("OPENBLAS", "MKL", "OMP", "NUMBA"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
# Settings that hold BLAS back to the instructions of older processors would slow the peers.
for _setting in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(_setting, None)
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
