"""zkmargin: private margin and solvency proofs."""

__version__ = "0.1.0"
