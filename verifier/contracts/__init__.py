"""The verifier on chain: Solidity sources, and the pure Python that makes a circuit's contract without a compiler."""
