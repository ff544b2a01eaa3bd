//! What a kernel refuses. No message quotes an entry of a vector, which may be secret.

use std::fmt;

/// Why a kernel did not compute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A shape or a value that the kernel's documentation excludes.
    Invalid(String),
    /// The entry at `row` does not fit the bits it was given.
    OutOfRange {
        /// The first such row.
        row: usize,
        /// The bits that were given.
        bits: usize,
    },
    /// An entry to invert is zero.
    DivisionByZero,
    /// A handle that another engine made.
    ForeignHandle {
        /// The engine that was called.
        engine: &'static str,
    },
}

/// A kernel's result.
pub type Result<T> = std::result::Result<T, Error>;

/// `Error::Invalid` unless `condition` holds.
pub fn require(condition: bool, message: impl FnOnce() -> String) -> Result<()> {
    if condition { Ok(()) } else { Err(Error::Invalid(message())) }
}

/// Two lengths that must agree.
pub fn require_equal(left: usize, right: usize, what: &str) -> Result<()> {
    require(left == right, || format!("{what}: expected equal lengths, got {left} and {right}"))
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(message) => formatter.write_str(message),
            Self::OutOfRange { row, bits } => write!(formatter, "row {row}: expected 0 <= value < 2**{bits}"),
            Self::DivisionByZero => formatter.write_str("an entry to invert is zero"),
            Self::ForeignHandle { engine } => write!(formatter, "expected a handle of the {engine} back end"),
        }
    }
}

impl std::error::Error for Error {}
