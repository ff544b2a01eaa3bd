//! Checks of shapes and parameters that the engines share.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, FftField, Field};

use super::error::{Result, require, require_equal};
use super::tape::Tape;

/// Digits stay small enough to count in a table.
const MAX_BITS: usize = 28;

/// The width of a digit.
pub fn check_bits(bits: usize) -> Result<()> {
    require((1..=MAX_BITS).contains(&bits), || format!("bits: expected 1 to {MAX_BITS}, got {bits}"))
}

/// The width of a table's index, and the length of the column that it fits.
pub fn check_table(bits: usize, length: usize) -> Result<()> {
    check_bits(bits)?;
    require(1 << bits <= length, || format!("expected a length of at least 2^{bits}, got {length}"))
}

/// Encodings of `width` bytes each.
pub fn check_whole(bytes: usize, width: usize) -> Result<()> {
    require(bytes.is_multiple_of(width), || format!("expected a multiple of {width} bytes, got {bytes}"))
}

/// Bounds inside and in order.
pub fn check_slice(length: usize, start: usize, stop: usize) -> Result<()> {
    require(start <= stop && stop <= length, || {
        format!("slice: expected 0 <= start <= stop <= {length}, got {start} and {stop}")
    })
}

/// As many coefficients as vectors, and at least one.
pub fn check_combination(vectors: usize, coefficients: usize) -> Result<()> {
    require(vectors > 0, || "expected at least one vector".into())?;
    require_equal(vectors, coefficients, "vectors and coefficients")
}

/// The number of points of a domain.
pub fn check_domain(size: usize) -> Result<()> {
    require(size.is_power_of_two() && size.trailing_zeros() <= Fr::TWO_ADICITY, || {
        format!("domain size: expected a power of two up to 2^{}, got {size}", Fr::TWO_ADICITY)
    })
}

/// The shift of a coset.
pub fn check_shift(shift: Fr) -> Result<()> {
    require(shift != Fr::ZERO, || "shift: expected an invertible element, got zero".into())
}

/// A primitive root of one for a transform of `size` points.
pub fn check_root(size: usize, root: Fr) -> Result<()> {
    check_domain(size)?;
    let primitive = if size == 1 { root == Fr::ONE } else { root.pow([size as u64 / 2]) == -Fr::ONE };
    require(primitive, || format!("root: expected a primitive root of one of order {size}"))
}

/// As many vectors of scalars as of points, at least one, all of one length.
pub fn check_rows(points: &[usize], scalars: &[usize]) -> Result<()> {
    require(!points.is_empty(), || "expected at least one vector of points".into())?;
    require_equal(points.len(), scalars.len(), "vectors of points and of scalars")?;
    let lengths_agree = points.iter().chain(scalars).all(|&length| length == points[0]);
    require(lengths_agree, || "points and scalars: expected vectors of one length".into())
}

/// No tails, or one a vector.
pub fn check_tails(vectors: usize, tails: usize) -> Result<()> {
    if tails == 0 { Ok(()) } else { require_equal(vectors, tails, "vectors and tails") }
}

/// Vectors of values on domains, each longer than its tail.
pub fn check_interpolation(lengths: &[usize], tails: &[&[Fr]]) -> Result<()> {
    check_tails(lengths.len(), tails.len())?;
    lengths.iter().try_for_each(|&length| check_domain(length))?;
    for (index, (&length, tail)) in lengths.iter().zip(tails).enumerate() {
        require(tail.is_empty() || tail.len() < length, || {
            format!("tail {index}: expected fewer than {length} entries, got {}", tail.len())
        })?;
    }
    Ok(())
}

/// A basis that is long enough for every vector and its tail.
pub fn check_basis(basis: usize, lengths: &[usize], tails: &[&[Fr]]) -> Result<()> {
    check_tails(lengths.len(), tails.len())?;
    let tail = |index: usize| tails.get(index).map_or(0, |tail| tail.len());
    let needed = lengths.iter().enumerate().map(|(index, length)| length + tail(index)).max().unwrap_or(0);
    require(needed <= basis, || format!("expected a basis of at least {needed} points, got {basis}"))
}

/// The columns and the number of constants that a tape is run on.
pub fn check_tape(tape: &Tape, lengths: &[usize], constants: usize) -> Result<()> {
    let lengths_agree = lengths.windows(2).all(|pair| pair[0] == pair[1]);
    require(!lengths.is_empty() && lengths_agree, || "columns: expected at least one, all of one length".into())?;
    require_equal(tape.constants, constants, "constants")?;
    require(tape.inputs.iter().all(|&(column, _)| column < lengths.len()), || {
        "tape: an input names a column that is not there".into()
    })
}
