"""Solvency of an exchange: circuits, batches of customers, the settlement, openings."""
