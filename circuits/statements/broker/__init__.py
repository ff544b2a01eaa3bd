"""The broker's statement: every account of a list is adequate under one policy, in one proof."""
