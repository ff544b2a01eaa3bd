"""Policies: rules, the constraints they emit, their exact evaluation, and the shipped presets. See docs/policies.md."""
