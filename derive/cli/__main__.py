"""`python -m derive.cli`."""

from . import main

main()
