//! The trait that every engine implements; `prover/kernels/interface.py` documents each operation.

use ark_bn254::{Fr, G1Affine};

use super::error::Result;
use super::tape::Tape;

/// Field, polynomial and curve kernels over an engine's own memory layout.
///
/// Single scalars and single points cross this boundary in arkworks' types. An engine checks shapes itself: whoever
/// calls it passes handles and numbers on as they came.
pub trait Engine: 'static {
    /// The name by which it is chosen.
    const NAME: &'static str;

    /// A vector over Fr. It may hold secrets: dropping it overwrites its memory, or see `work`.
    type Vector: Send + Sync + 'static;
    /// A vector of G1 points, public.
    type Points: Send + Sync + 'static;
    /// What `work` gives.
    type Work: Send + Sync + 'static;

    /// Why this machine cannot run the engine, if it cannot.
    fn unavailable() -> Option<String>;

    /// Whether this build emulates the engine's instructions, which is slow and for tests.
    fn emulated() -> bool {
        false
    }

    /// While one of these lives, the memory of dropped vectors may wait for its reuse before it is overwritten. Dropping
    /// the last one overwrites what is left.
    fn work() -> Self::Work;

    /// Number of entries.
    fn length(vector: &Self::Vector) -> usize;
    /// Little-endian signed 64-bit integers to field elements.
    fn from_int64(data: &[u8]) -> Result<Self::Vector>;
    /// 32-byte little-endian canonical integers to field elements.
    fn from_bytes(data: &[u8]) -> Result<Self::Vector>;
    /// Inverse of `from_bytes`.
    fn to_bytes(vector: &Self::Vector) -> Vec<u8>;
    /// `length` equal entries.
    fn constant(value: Fr, length: usize) -> Self::Vector;
    /// Entries `start..stop`.
    fn slice(vector: &Self::Vector, start: usize, stop: usize) -> Result<Self::Vector>;
    /// One after the other.
    fn concatenate(parts: &[&Self::Vector]) -> Self::Vector;

    /// Elementwise sum.
    fn add(left: &Self::Vector, right: &Self::Vector) -> Result<Self::Vector>;
    /// Elementwise difference.
    fn subtract(left: &Self::Vector, right: &Self::Vector) -> Result<Self::Vector>;
    /// Elementwise product.
    fn multiply(left: &Self::Vector, right: &Self::Vector) -> Result<Self::Vector>;
    /// Every entry times `factor`.
    fn scale(vector: &Self::Vector, factor: Fr) -> Self::Vector;
    /// Sum of scaled vectors, shorter ones read as padded with zeros.
    fn linear_combination(vectors: &[&Self::Vector], coefficients: &[Fr]) -> Result<Self::Vector>;
    /// Sum of products.
    fn inner_product(left: &Self::Vector, right: &Self::Vector) -> Result<Fr>;
    /// Sum of entries.
    fn sum(vector: &Self::Vector) -> Fr;
    /// Elementwise inverse.
    fn batch_inverse(vector: &Self::Vector) -> Result<Self::Vector>;
    /// Exclusive prefix sums.
    fn prefix_sum(vector: &Self::Vector) -> Self::Vector;
    /// A straight-line program on every row.
    fn evaluate_tape(tape: &Tape, columns: &[&Self::Vector], constants: &[Fr]) -> Result<Self::Vector>;

    /// Sign and magnitude of the centred representatives.
    fn split_sign(vector: &Self::Vector) -> (Self::Vector, Self::Vector);
    /// Digits base 2^bits, least significant first.
    fn decompose(vector: &Self::Vector, bits: usize, count: usize) -> Result<Vec<Self::Vector>>;
    /// How often each t < 2^bits occurs.
    fn multiplicities(columns: &[&Self::Vector], bits: usize, length: usize) -> Result<Self::Vector>;
    /// The first `limit` rows that are not zero.
    fn nonzero_rows(vector: &Self::Vector, limit: usize) -> Vec<usize>;

    /// Coefficients of interpolants on H, each plus (X^n - 1) times its tail.
    fn interpolate(values: &[&Self::Vector], tails: &[&[Fr]]) -> Result<Vec<Self::Vector>>;
    /// Values on shift * H.
    fn evaluate_on_coset(coefficients: &[&Self::Vector], size: usize, shift: Fr) -> Result<Vec<Self::Vector>>;
    /// Coefficients from values on shift * H.
    fn interpolate_on_coset(values: &[&Self::Vector], shift: Fr) -> Result<Vec<Self::Vector>>;
    /// Values at one point.
    fn evaluate(coefficients: &[&Self::Vector], point: Fr) -> Vec<Fr>;
    /// Quotient by X - point.
    fn divide_by_linear(coefficients: &Self::Vector, point: Fr) -> Self::Vector;

    /// Number of points.
    fn point_count(points: &Self::Points) -> usize;
    /// 64-byte little-endian affine points, checked to be canonical and on the curve.
    fn points(data: &[u8]) -> Result<Self::Points>;
    /// Inverse of `points`.
    fn points_to_bytes(points: &Self::Points) -> Vec<u8>;
    /// Points `start..stop`.
    fn slice_points(points: &Self::Points, start: usize, stop: usize) -> Result<Self::Points>;
    /// One after the other.
    fn concatenate_points(parts: &[&Self::Points]) -> Self::Points;
    /// Elementwise difference.
    fn subtract_points(left: &Self::Points, right: &Self::Points) -> Result<Self::Points>;
    /// Inner products of the basis with each vector and its tail.
    fn msm(basis: &Self::Points, vectors: &[&Self::Vector], tails: &[&[Fr]]) -> Result<Vec<G1Affine>>;
    /// Powers of tau times the generator.
    fn fixed_base_powers(tau: Fr, count: usize) -> Self::Points;
    /// Row by row, sum of multiples.
    fn combine_points(bases: &[&Self::Points], scalars: &[&Self::Vector]) -> Result<Self::Points>;
    /// Fourier transform of points.
    fn transform_points(points: &Self::Points, root: Fr) -> Result<Self::Points>;

    /// arkworks' own multi-scalar multiplication, for comparison: no dispatch, nothing of ours.
    fn arkworks_msm(basis: &Self::Points, vector: &Self::Vector) -> Result<G1Affine>;
    /// arkworks' own transform on H, for comparison.
    fn arkworks_ntt(coefficients: &Self::Vector) -> Result<Self::Vector>;
}
