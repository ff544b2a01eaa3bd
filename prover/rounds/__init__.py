"""The prover's rounds, one file and one pure function each, in the order of docs/protocol.md."""
