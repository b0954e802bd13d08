"""What every generated solver file has besides its kernels and its optimizer.

The functions of this package run nowhere in the project itself: `codegen` writes their source into the file. They
therefore use NumPy and the standard library alone. A `Statement` holds the names, which are data here and never code.
Text with gaps (`templates`, `command_line`) is kept for what differs from problem to problem only by names.
"""
