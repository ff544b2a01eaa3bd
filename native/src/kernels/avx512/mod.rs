//! The engine for processors with AVX-512 IFMA: the kernels of `zkmargin-avx512` behind the common trait.
//!
//! Vectors and points stay in the kernels' own layout. What that crate has no kernel for, and no proof needs warm (powers
//! of tau, domains beyond 2^24), is portable code between two conversions.

mod convert;

use ark_bn254::{Fr, G1Affine};
use zkmargin_avx512::{
    DeferredWiping, EMULATED, FieldVec, Packed, PointVec, Scalar, defer_wiping, msm as kernel_msm, ntt,
    unavailable_reason,
};

use super::checks::{
    check_basis, check_bits, check_combination, check_domain, check_interpolation, check_shift, check_slice,
    check_table, check_tape, check_whole,
};
use super::engine::Engine;
use super::error::{Error, Result, require_equal};
use super::multiples::{Arithmetic, MULTIPLES, Sum, combine, transform};
use super::parallel::install;
use super::portable::Portable;
use super::scalars::Scalars;
use super::tape::Tape;
use convert::{field, portable_points, portable_scalars, refused, scalar};

/// The kernels' transforms go up to this size.
const LARGEST_TRANSFORM: usize = 1 << 24;
/// Up to this length the kernels use the caller's thread alone, and waking a pool would cost more than it gives.
const SHORT: usize = 8192;

/// The engine on AVX-512 IFMA.
pub struct Avx512;

/// Wipes on all threads when it ends.
pub struct Work(Option<DeferredWiping>);

impl Drop for Work {
    fn drop(&mut self) {
        let deferred = self.0.take();
        install(|| drop(deferred));
    }
}

/// Run a kernel that splits vectors longer than `SHORT` and nothing else.
fn on_rows<R: Send>(length: usize, kernel: impl FnOnce() -> R + Send) -> R {
    if length <= SHORT { kernel() } else { install(kernel) }
}

fn longest(vectors: &[&FieldVec]) -> usize {
    vectors.iter().map(|vector| vector.len()).max().unwrap_or(0)
}

fn lengths(vectors: &[&FieldVec]) -> Vec<usize> {
    vectors.iter().map(|vector| vector.len()).collect()
}

fn slices(tails: &[convert::Secrets]) -> Vec<&[Scalar]> {
    tails.iter().map(|tail| &tail[..]).collect()
}

impl Engine for Avx512 {
    const NAME: &'static str = "avx512";

    type Vector = FieldVec;
    type Points = PointVec;
    type Work = Work;

    fn unavailable() -> Option<String> {
        unavailable_reason()
    }

    fn emulated() -> bool {
        EMULATED
    }

    fn work() -> Work {
        Work(Some(defer_wiping()))
    }

    fn length(vector: &FieldVec) -> usize {
        vector.len()
    }

    fn from_int64(data: &[u8]) -> Result<FieldVec> {
        check_whole(data.len(), 8)?;
        let (chunks, _) = data.as_chunks::<8>();
        let values = zeroize::Zeroizing::new(chunks.iter().copied().map(i64::from_le_bytes).collect::<Vec<_>>());
        Ok(on_rows(values.len(), || FieldVec::from_i64(&values)))
    }

    fn from_bytes(data: &[u8]) -> Result<FieldVec> {
        check_whole(data.len(), 32)?;
        on_rows(data.len() / 32, || FieldVec::from_bytes(data)).map_err(refused)
    }

    fn to_bytes(vector: &FieldVec) -> Vec<u8> {
        vector.to_bytes()
    }

    fn constant(value: Fr, length: usize) -> FieldVec {
        FieldVec::constant(scalar(&value), length)
    }

    fn slice(vector: &FieldVec, start: usize, stop: usize) -> Result<FieldVec> {
        check_slice(vector.len(), start, stop)?;
        on_rows(stop - start, || vector.slice(start, stop)).map_err(refused)
    }

    fn concatenate(parts: &[&FieldVec]) -> FieldVec {
        FieldVec::concatenate(parts)
    }

    fn add(left: &FieldVec, right: &FieldVec) -> Result<FieldVec> {
        require_equal(left.len(), right.len(), "vectors")?;
        on_rows(left.len(), || left.add(right)).map_err(refused)
    }

    fn subtract(left: &FieldVec, right: &FieldVec) -> Result<FieldVec> {
        require_equal(left.len(), right.len(), "vectors")?;
        on_rows(left.len(), || left.subtract(right)).map_err(refused)
    }

    fn multiply(left: &FieldVec, right: &FieldVec) -> Result<FieldVec> {
        require_equal(left.len(), right.len(), "vectors")?;
        on_rows(left.len(), || left.multiply(right)).map_err(refused)
    }

    fn scale(vector: &FieldVec, factor: Fr) -> FieldVec {
        on_rows(vector.len(), || vector.scale(scalar(&factor)))
    }

    fn linear_combination(vectors: &[&FieldVec], coefficients: &[Fr]) -> Result<FieldVec> {
        check_combination(vectors.len(), coefficients.len())?;
        let coefficients: Vec<_> = coefficients.iter().map(scalar).collect();
        on_rows(longest(vectors), || FieldVec::linear_combination(vectors, &coefficients)).map_err(refused)
    }

    fn inner_product(left: &FieldVec, right: &FieldVec) -> Result<Fr> {
        require_equal(left.len(), right.len(), "vectors")?;
        install(|| left.inner_product(right)).map(field).map_err(refused)
    }

    fn sum(vector: &FieldVec) -> Fr {
        field(install(|| vector.sum()))
    }

    fn batch_inverse(vector: &FieldVec) -> Result<FieldVec> {
        install(|| vector.batch_inverse()).map_err(refused)
    }

    fn prefix_sum(vector: &FieldVec) -> FieldVec {
        on_rows(vector.len(), || vector.prefix_sum())
    }

    fn evaluate_tape(tape: &Tape, columns: &[&FieldVec], constants: &[Fr]) -> Result<FieldVec> {
        check_tape(tape, &lengths(columns), constants.len())?;
        let compiled = convert::tape(tape).map_err(refused)?;
        let constants: Vec<_> = constants.iter().map(scalar).collect();
        install(|| compiled.evaluate(columns, &constants)).map_err(refused)
    }

    fn split_sign(vector: &FieldVec) -> (FieldVec, FieldVec) {
        install(|| vector.split_sign())
    }

    fn decompose(vector: &FieldVec, bits: usize, count: usize) -> Result<Vec<FieldVec>> {
        check_bits(bits)?;
        install(|| vector.decompose(bits as u32, count)).map_err(refused)
    }

    fn multiplicities(columns: &[&FieldVec], bits: usize, length: usize) -> Result<FieldVec> {
        check_table(bits, length)?;
        install(|| FieldVec::multiplicities(columns, bits as u32, length)).map_err(refused)
    }

    fn nonzero_rows(vector: &FieldVec, limit: usize) -> Vec<usize> {
        install(|| vector.nonzero_rows(limit))
    }

    fn interpolate(values: &[&FieldVec], tails: &[&[Fr]]) -> Result<Vec<FieldVec>> {
        check_interpolation(&lengths(values), tails)?;
        if longest(values) > LARGEST_TRANSFORM {
            return through_portable(values, |values| Portable::interpolate(values, tails));
        }
        let tails = convert::tails(tails);
        install(|| ntt::interpolate_blinded(values, &slices(&tails))).map_err(refused)
    }

    fn evaluate_on_coset(coefficients: &[&FieldVec], size: usize, shift: Fr) -> Result<Vec<FieldVec>> {
        check_domain(size)?;
        check_shift(shift)?;
        if size > LARGEST_TRANSFORM {
            return through_portable(coefficients, |parts| Portable::evaluate_on_coset(parts, size, shift));
        }
        install(|| ntt::evaluate_on_coset(coefficients, size, scalar(&shift))).map_err(refused)
    }

    fn interpolate_on_coset(values: &[&FieldVec], shift: Fr) -> Result<Vec<FieldVec>> {
        check_shift(shift)?;
        values.iter().try_for_each(|column| check_domain(column.len()))?;
        if longest(values) > LARGEST_TRANSFORM {
            return through_portable(values, |values| Portable::interpolate_on_coset(values, shift));
        }
        install(|| ntt::interpolate_on_coset(values, scalar(&shift))).map_err(refused)
    }

    fn evaluate(coefficients: &[&FieldVec], point: Fr) -> Vec<Fr> {
        install(|| FieldVec::evaluate(coefficients, scalar(&point))).into_iter().map(field).collect()
    }

    fn divide_by_linear(coefficients: &FieldVec, point: Fr) -> FieldVec {
        install(|| coefficients.divide_by_linear(scalar(&point)))
    }

    fn point_count(points: &PointVec) -> usize {
        points.len()
    }

    fn points(data: &[u8]) -> Result<PointVec> {
        check_whole(data.len(), 64)?;
        install(|| PointVec::from_bytes(data)).map_err(|error| match error {
            zkmargin_avx512::Error::NotCanonical { index } => {
                Error::Invalid(format!("point {index}: expected coordinates below q"))
            }
            zkmargin_avx512::Error::NotOnCurve { index } => {
                Error::Invalid(format!("point {index}: expected a point on y^2 = x^3 + 3"))
            }
            other => refused(other),
        })
    }

    fn points_to_bytes(points: &PointVec) -> Vec<u8> {
        points.to_bytes()
    }

    fn slice_points(points: &PointVec, start: usize, stop: usize) -> Result<PointVec> {
        check_slice(points.len(), start, stop)?;
        points.slice(start, stop).map_err(refused)
    }

    fn concatenate_points(parts: &[&PointVec]) -> PointVec {
        PointVec::concatenate(parts)
    }

    fn subtract_points(left: &PointVec, right: &PointVec) -> Result<PointVec> {
        require_equal(left.len(), right.len(), "points")?;
        install(|| left.subtract(right)).map_err(refused)
    }

    fn msm(basis: &PointVec, vectors: &[&FieldVec], tails: &[&[Fr]]) -> Result<Vec<G1Affine>> {
        check_basis(basis.len(), &lengths(vectors), tails)?;
        let tails = convert::tails(tails);
        let sums = install(|| kernel_msm(basis, vectors, &slices(&tails))).map_err(refused)?;
        Ok(sums.iter().map(convert::point).collect())
    }

    fn fixed_base_powers(tau: Fr, count: usize) -> PointVec {
        convert::points(&Portable::fixed_base_powers(tau, count))
    }

    fn combine_points(bases: &[&PointVec], scalars: &[&FieldVec]) -> Result<PointVec> {
        let bases: Vec<_> = bases.iter().map(|points| points.points()).collect();
        let scalars: Vec<_> = scalars.iter().map(|vector| portable_scalars(vector)).collect();
        combine::<Self>(&bases, &scalars.iter().collect::<Vec<_>>()).map(|points| PointVec::from_points(&points))
    }

    fn transform_points(points: &PointVec, root: Fr) -> Result<PointVec> {
        transform::<Self>(points.points(), root).map(|points| PointVec::from_points(&points))
    }

    fn arkworks_msm(basis: &PointVec, vector: &FieldVec) -> Result<G1Affine> {
        Portable::arkworks_msm(&portable_points(basis), &portable_scalars(vector))
    }

    fn arkworks_ntt(coefficients: &FieldVec) -> Result<FieldVec> {
        Ok(convert::vector(&Portable::arkworks_ntt(&portable_scalars(coefficients))?))
    }
}

impl Arithmetic for Avx512 {
    type Point = Packed;

    const INFINITY: Packed = Packed::INFINITY;
    // Tables of 0.8 MB.
    const BLOCK: usize = 768;

    fn sums(bases: &[Packed], sums: &[Sum<'_>]) -> Vec<Packed> {
        // The kernels read the same steps.
        const { assert!(MULTIPLES == zkmargin_avx512::MULTIPLES) };
        let sums: Vec<_> = sums.iter().map(|&Sum { chain, first }| zkmargin_avx512::Sum { chain, first }).collect();
        zkmargin_avx512::sums(bases, &sums)
    }

    fn sums_and_differences<const N: usize>(pairs: [[&[Packed]; 2]; N]) -> [[Vec<Packed>; 2]; N] {
        zkmargin_avx512::sums_and_differences(pairs)
    }
}

/// Portable code on converted vectors.
fn through_portable(
    vectors: &[&FieldVec],
    kernel: impl FnOnce(&[&Scalars]) -> Result<Vec<Scalars>>,
) -> Result<Vec<FieldVec>> {
    let converted: Vec<Scalars> = vectors.iter().map(|vector| portable_scalars(vector)).collect();
    let results = kernel(&converted.iter().collect::<Vec<_>>())?;
    Ok(results.iter().map(|result| convert::vector(result)).collect())
}
