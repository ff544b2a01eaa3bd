"""The broker's statement: every listed account meets its requirement under one policy, in one proof."""
