//! Number-theoretic transforms in natural order, as two passes of short transforms (Bailey's four-step method).
//!
//! With n = rows * columns, i = i1 * columns + i2 and k = k2 * rows + k1,
//!
//! X\[k\] = sum_i2 v^(i2 k2) \[ w^(i2 k1) sum_i1 u^(i1 k1) x\[i\] \], u = w^columns, v = w^rows.
//!
//! Pass 1 takes eight columns at a time, one a lane, and transposes its output in 8 x 8 tiles; pass 2 takes eight rows
//! at a time, again one a lane. Both short transforms give bit-reversed order in a buffer, which is undone by where
//! each block is stored, so natural order at both ends costs nothing and no permuted order is needed inside a proof.
//! The twiddle multiplication between the passes also reduces what the first pass left unreduced.
//!
//! The inverse is the forward transform with k replaced by -k, which again only changes where blocks are stored.

mod domain;
mod small;
mod transform;

use std::mem::MaybeUninit;
use std::sync::Arc;

use rayon::prelude::*;

use crate::constants::Fr;
use crate::error::Error;
use crate::field_vec::{FieldVec, Scalar};
use crate::lanes::{Block, Lanes, Loose, transpose_lanes};
use crate::memory::Buffer;
use crate::shared::Shared;
pub use domain::root_of_unity;
use domain::{Domain, bit_reverse};

/// Sizes below this are done by scalar arithmetic.
const SMALL: usize = 64;

/// Sizes from this on are spread over several cores even when there is one vector.
const SPREAD: usize = 1 << 13;

/// For each polynomial, low to high, its values on the domain of `size` points, natural order.
///
/// A polynomial may have any number of coefficients.
pub fn evaluate(coefficients: &[&FieldVec], size: usize) -> Result<Vec<FieldVec>, Error> {
    each(coefficients, |_, f| forward(f, size, None))
}

/// For each vector of n = 2^k values on the domain, the n coefficients of its interpolant.
pub fn interpolate(values: &[&FieldVec]) -> Result<Vec<FieldVec>, Error> {
    interpolate_blinded(values, &[])
}

/// For each k, the coefficients of the interpolant of n values plus (X^n - 1) sum_j tails\[k\]\[j\] X^j.
///
/// `tails` is empty or as long as `values`. Errors for a tail that is not shorter than its vector.
pub fn interpolate_blinded(values: &[&FieldVec], tails: &[&[Scalar]]) -> Result<Vec<FieldVec>, Error> {
    if !tails.is_empty() && tails.len() != values.len() {
        return Err(Error::Length { expected: values.len(), got: tails.len() });
    }
    each(values, |k, v| {
        let tail = tails.get(k).copied().unwrap_or_default();
        if !tail.is_empty() && tail.len() >= v.len() {
            return Err(Error::Parameter { expected: "tails shorter than their vectors" });
        }
        let mut coefficients = inverse(v, None, tail.len())?;
        coefficients.blind(tail);
        Ok(coefficients)
    })
}

/// For each polynomial, its values on the coset shift * H of `size` points.
///
/// A polynomial may have any number of coefficients. Errors for a shift of zero.
pub fn evaluate_on_coset(coefficients: &[&FieldVec], size: usize, shift: Scalar) -> Result<Vec<FieldVec>, Error> {
    if shift.is_zero() {
        return Err(Error::ZeroShift);
    }
    each(coefficients, |_, f| forward(f, size, Some(shift)))
}

/// Inverse of `evaluate_on_coset`, for polynomials of degree below the number of values.
pub fn interpolate_on_coset(values: &[&FieldVec], shift: Scalar) -> Result<Vec<FieldVec>, Error> {
    if shift.is_zero() {
        return Err(Error::ZeroShift);
    }
    each(values, |_, v| inverse(v, Some(shift), 0))
}

fn each(
    vectors: &[&FieldVec],
    transform: impl Fn(usize, &FieldVec) -> Result<FieldVec, Error> + Sync,
) -> Result<Vec<FieldVec>, Error> {
    match vectors {
        [single] => Ok(vec![transform(0, single)?]),
        _ => vectors.par_iter().enumerate().map(|(k, v)| transform(k, v)).collect(),
    }
}

fn forward(coefficients: &FieldVec, size: usize, shift: Option<Scalar>) -> Result<FieldVec, Error> {
    if !size.is_power_of_two() {
        return Err(Error::Size { got: size });
    }
    if coefficients.len() > size {
        // On the coset X^size is the constant shift^size: scale first, then fold.
        let scaled = shift.map(|shift| coefficients.scale_by_powers(shift));
        let folded = scaled.as_ref().unwrap_or(coefficients).fold(size)?;
        return forward(&folded, size, None);
    }
    if size < SMALL {
        return small::forward(coefficients, size, shift);
    }
    let domain = Domain::get(size)?;
    let scale = shift.map(|shift| domain.coset(shift, false)).transpose()?;
    Ok(run(&domain, coefficients, false, scale, 0))
}

/// The coefficients, in memory with room for `spare` more.
fn inverse(values: &FieldVec, shift: Option<Scalar>, spare: usize) -> Result<FieldVec, Error> {
    if !values.len().is_power_of_two() {
        return Err(Error::Size { got: values.len() });
    }
    if values.len() < SMALL {
        return small::inverse(values, shift);
    }
    let domain = Domain::get(values.len())?;
    let scale = shift.map(|shift| domain.coset(shift, true)).transpose()?;
    Ok(run(&domain, values, true, scale, spare))
}

/// Both passes. `scale` multiplies the input of a forward transform, the output of an inverse one. The result has room
/// for `spare` more elements.
fn run(domain: &Domain, input: &FieldVec, inverse: bool, scale: Option<Arc<Buffer<Block>>>, spare: usize) -> FieldVec {
    let (rows, columns, count) = (domain.rows, domain.columns, domain.size() / 8);
    let scale = scale.as_ref().map(|table| &table[..]);
    let plan = Plan { domain, inverse, before: scale.filter(|_| !inverse), after: scale.filter(|_| inverse) };
    let twiddles = domain.twiddles(inverse);
    let spread = domain.size() >= SPREAD && rayon::current_num_threads() > 1;
    let mut between: Buffer<Block> = Buffer::with_capacity(count);
    let mut out: Buffer<Block> = Buffer::with_capacity(count + spare.div_ceil(8));
    {
        let tiles = Shared::new(between.room());
        let column = |buffer: &mut [Block], j: usize| {
            let twiddles = &twiddles[j * rows..(j + 1) * rows];
            enter!(pass_1(&plan, input.blocks(), buffer, twiddles, j, &tiles));
        };
        for_each(spread, columns / 8, rows, column);
    }
    // SAFETY: pass 1 has written every tile: group g < rows / 8, tile j < columns / 8, eight blocks each.
    unsafe { between.set_len(count) };
    {
        let target = Shared::new(&mut out.room()[..count]);
        let groups = Shared::new(&mut between);
        let row = |_: &mut [Block], g: usize| {
            // SAFETY: each group is visited once, and groups do not overlap.
            let buffer = unsafe { groups.range(g * columns, columns) };
            enter!(pass_2(&plan, buffer, g, &target));
        };
        for_each(spread, rows / 8, 0, row);
    }
    // SAFETY: pass 2 has written block k2 * rows / 8 + g for all k2 < columns, g < rows / 8: all of them.
    unsafe { out.set_len(count) };
    FieldVec::from_blocks(out, domain.size())
}

/// Runs the tasks, each with a scratch buffer of `scratch` blocks, on several cores or one.
fn for_each(spread: bool, tasks: usize, scratch: usize, task: impl Fn(&mut [Block], usize) + Sync) {
    let new = || Buffer::filled(Block::ZERO, scratch);
    if spread {
        let least = tasks.div_ceil(4 * rayon::current_num_threads());
        (0..tasks).into_par_iter().with_min_len(least).for_each_init(new, |buffer, k| task(buffer, k));
    } else {
        let mut buffer = new();
        (0..tasks).for_each(|k| task(&mut buffer, k));
    }
}

struct Plan<'a> {
    domain: &'a Domain,
    inverse: bool,
    /// Multiplies the input.
    before: Option<&'a [Block]>,
    /// Multiplies the output.
    after: Option<&'a [Block]>,
}

/// Transforms columns 8 j to 8 j + 7 and writes tile j of every group of eight rows, transposed: block t of tile j of
/// group g holds column 8 j + t, its lanes the group's rows.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn pass_1(
    plan: &Plan,
    input: &[Block],
    buffer: &mut [Block],
    twiddles: &[Block],
    j: usize,
    tiles: &Shared<MaybeUninit<Block>>,
) {
    let (rows, stride) = (plan.domain.rows, plan.domain.columns / 8);
    // Rows past the input are zero. If at most 1 / 2^s of them are not, s stages only copy.
    let filled = input.len().saturating_sub(j).div_ceil(stride).max(1);
    let period = filled.next_power_of_two();
    for (i, slot) in buffer[..period].iter_mut().enumerate() {
        let k = i * stride + j;
        let x = Lanes::<Fr>::load(input.get(k).unwrap_or(&Block::ZERO));
        match plan.before {
            Some(scale) => x.multiply(Lanes::load(&scale[k])).store(slot),
            None => x.store(slot),
        }
    }
    for i in period..rows {
        buffer[i] = buffer[i % period];
    }
    let copies = (rows / period).trailing_zeros();
    transform::transform(buffer, &plan.domain.roots, copies);
    let bits = rows.trailing_zeros();
    for g in 0..rows / 8 {
        let mut tile = [Lanes::<Fr>::zero(); 8];
        for t in 0..8 {
            // The inverse takes row -k in the place of row k.
            let row = if plan.inverse { (rows - 8 * g - t) % rows } else { 8 * g + t };
            let value = Loose::<Fr>::load(&buffer[bit_reverse(row, bits)]).factor();
            let twiddle = Lanes::load(&twiddles[row]).factor();
            tile[t] = value.product(twiddle).reduce().carry();
        }
        transpose_lanes(&mut tile);
        // SAFETY: tile j of each group belongs to this task alone.
        let target = unsafe { tiles.range(g * plan.domain.columns + 8 * j, 8) };
        for t in 0..8 {
            tile[t].init(&mut target[t]);
        }
    }
}

/// Transforms rows 8 g to 8 g + 7, in place, and stores entry k2 of row k1 at k2 * rows + k1.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn pass_2(plan: &Plan, buffer: &mut [Block], g: usize, out: &Shared<MaybeUninit<Block>>) {
    let (stride, columns) = (plan.domain.rows / 8, plan.domain.columns);
    transform::transform(buffer, &plan.domain.roots, 0);
    let bits = columns.trailing_zeros();
    for k2 in 0..columns {
        let source = if plan.inverse { columns - 1 - k2 } else { k2 };
        let mut x = Loose::<Fr>::load(&buffer[bit_reverse(source, bits)]);
        if plan.inverse && g == 0 {
            // n - k2 * rows is in row 0 again, one entry further on than for the other rows.
            let first = Loose::<Fr>::load(&buffer[bit_reverse((columns - k2) % columns, bits)]);
            x = x.select(1, first);
        }
        let k = k2 * stride + g;
        let value = match plan.after {
            Some(scale) => x.factor().product(Lanes::load(&scale[k]).factor()).reduce().carry(),
            None => x.reduce_16(),
        };
        // SAFETY: blocks of this residue modulo `stride` belong to this task alone.
        let [slot] = (unsafe { out.range(k, 1) }) else { unreachable!("one block was asked for") };
        value.init(slot);
    }
}
