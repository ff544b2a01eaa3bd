"""Rules: one file a family, from parameters to constraints and public columns."""
