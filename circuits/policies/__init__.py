"""Policies: rules, the obligations they emit, their exact evaluation, and the shipped presets. See docs/policies.md."""
