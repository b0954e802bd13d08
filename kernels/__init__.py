"""The numeric half: compiled kernels and the optimizers that call them.

Importing this package loads nothing; its modules load numba when the first kernel is compiled.
"""
