"""Statements of a clearing house that are its own: the sweep. Margin of its books is the margin statement's."""
