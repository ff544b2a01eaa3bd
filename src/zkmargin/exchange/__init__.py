"""The exchange's side of solvency: balances, batches, the epoch's folder, proving, customers' files."""
