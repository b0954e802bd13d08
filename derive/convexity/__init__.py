"""Convexity certificates from the derived second derivative."""

from .certificate import Convexity, convexity, problem_convexity, with_signs
from .search import Counterexample
from .signs import Step

__all__ = ["Convexity", "Counterexample", "Step", "convexity", "problem_convexity", "with_signs"]
