//! What can be wrong with the arguments of a kernel. No message quotes a value: values may be secret.

use std::fmt;

/// An argument outside what a kernel accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Two lengths that must agree do not.
    Length {
        /// The length that was needed.
        expected: usize,
        /// The length that came.
        got: usize,
    },
    /// Bytes or words that are not below the modulus.
    NotCanonical {
        /// The first such entry.
        index: usize,
    },
    /// An inverse of zero was asked for.
    ZeroInverse {
        /// The first entry that is zero.
        index: usize,
    },
    /// An entry does not fit the bits it was given.
    Range {
        /// The first such row.
        row: usize,
        /// The bits it should fit.
        bits: u32,
    },
    /// Coordinates that are not a point of the curve.
    NotOnCurve {
        /// The first such point.
        index: usize,
    },
    /// A size that is not a power of two, or beyond the field's roots of unity or the kernels' limits.
    Size {
        /// The size that came.
        got: usize,
    },
    /// A parameter outside its documented range.
    Parameter {
        /// Its name and what it must satisfy.
        expected: &'static str,
    },
    /// A coset through zero.
    ZeroShift,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Error::Length { expected, got } => write!(f, "expected length {expected}, got {got}"),
            Error::NotCanonical { index } => write!(f, "entry {index}: expected an integer below the modulus"),
            Error::ZeroInverse { index } => write!(f, "entry {index} is zero and has no inverse"),
            Error::Range { row, bits } => write!(f, "row {row}: expected 0 <= value < 2**{bits}"),
            Error::NotOnCurve { index } => write!(f, "point {index} is not on the curve"),
            Error::Size { got } => write!(f, "expected a power of two up to 2**24, got {got}"),
            Error::Parameter { expected } => write!(f, "expected {expected}"),
            Error::ZeroShift => f.write_str("expected a coset shift other than zero"),
        }
    }
}

impl std::error::Error for Error {}
