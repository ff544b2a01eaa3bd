"""What a clearing house's proofs and signatures say: books, acts, contexts. The contracts compute the same bytes."""

from zkmargin.verifier.statements.clearing.acts import (
    Act,
    Consent,
    fold_act,
    house_context,
    novation_digest,
    reblinding_act,
    settlement_digest,
    sweep_act,
    sweep_context,
    sweep_novation_digest,
    withdrawal_act,
)
from zkmargin.verifier.statements.clearing.books import Book, empty_book, verify_reblinding
from zkmargin.verifier.statements.clearing.house import House

__all__ = [
    "Act",
    "Book",
    "Consent",
    "House",
    "empty_book",
    "fold_act",
    "house_context",
    "novation_digest",
    "reblinding_act",
    "settlement_digest",
    "sweep_act",
    "sweep_context",
    "sweep_novation_digest",
    "verify_reblinding",
    "withdrawal_act",
]
