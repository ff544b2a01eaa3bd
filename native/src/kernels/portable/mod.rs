//! The engine for any processor, on arkworks' field and curve arithmetic.

mod affine;
mod interpret;
mod msm;
mod multiples;
mod points;
mod polynomial;
mod straus;
mod vector;
mod witness;

use ark_bn254::{Fr, G1Affine};

use super::engine::Engine;
use super::error::Result;
use super::multiples::{combine, transform};
use super::scalars::Scalars;
use super::tape::Tape;

pub use msm::msm;
pub use points::coordinate;

/// The portable engine.
pub struct Portable;

impl Engine for Portable {
    const NAME: &'static str = "portable";

    type Vector = Scalars;
    type Points = Vec<G1Affine>;
    type Work = ();

    fn unavailable() -> Option<String> {
        None
    }

    /// Its memory is overwritten at once: it goes back to the system, and is not kept for reuse.
    fn work() {}

    fn length(vector: &Scalars) -> usize {
        vector.len()
    }

    fn from_int64(data: &[u8]) -> Result<Scalars> {
        vector::from_int64(data)
    }

    fn from_bytes(data: &[u8]) -> Result<Scalars> {
        vector::from_bytes(data)
    }

    fn to_bytes(vector: &Scalars) -> Vec<u8> {
        vector::to_bytes(vector)
    }

    fn constant(value: Fr, length: usize) -> Scalars {
        vec![value; length].into()
    }

    fn slice(vector: &Scalars, start: usize, stop: usize) -> Result<Scalars> {
        vector::slice(vector, start, stop).map(Scalars::from)
    }

    fn concatenate(parts: &[&Scalars]) -> Scalars {
        vector::concatenate(parts)
    }

    fn add(left: &Scalars, right: &Scalars) -> Result<Scalars> {
        vector::add(left, right)
    }

    fn subtract(left: &Scalars, right: &Scalars) -> Result<Scalars> {
        vector::subtract(left, right)
    }

    fn multiply(left: &Scalars, right: &Scalars) -> Result<Scalars> {
        vector::multiply(left, right)
    }

    fn scale(vector: &Scalars, factor: Fr) -> Scalars {
        vector::scale(vector, factor)
    }

    fn linear_combination(vectors: &[&Scalars], coefficients: &[Fr]) -> Result<Scalars> {
        vector::linear_combination(vectors, coefficients)
    }

    fn inner_product(left: &Scalars, right: &Scalars) -> Result<Fr> {
        vector::inner_product(left, right)
    }

    fn sum(vector: &Scalars) -> Fr {
        vector::sum(vector)
    }

    fn batch_inverse(vector: &Scalars) -> Result<Scalars> {
        vector::batch_inverse(vector)
    }

    fn prefix_sum(vector: &Scalars) -> Scalars {
        vector::prefix_sum(vector)
    }

    fn evaluate_tape(tape: &Tape, columns: &[&Scalars], constants: &[Fr]) -> Result<Scalars> {
        interpret::evaluate(tape, columns, constants)
    }

    fn split_sign(vector: &Scalars) -> (Scalars, Scalars) {
        witness::split_sign(vector)
    }

    fn decompose(vector: &Scalars, bits: usize, count: usize) -> Result<Vec<Scalars>> {
        witness::decompose(vector, bits, count)
    }

    fn multiplicities(columns: &[&Scalars], bits: usize, length: usize) -> Result<Scalars> {
        witness::multiplicities(columns, bits, length)
    }

    fn nonzero_rows(vector: &Scalars, limit: usize) -> Vec<usize> {
        witness::nonzero_rows(vector, limit)
    }

    fn interpolate(values: &[&Scalars], tails: &[&[Fr]]) -> Result<Vec<Scalars>> {
        polynomial::interpolate(values, tails)
    }

    fn evaluate_on_coset(coefficients: &[&Scalars], size: usize, shift: Fr) -> Result<Vec<Scalars>> {
        polynomial::evaluate_on_coset(coefficients, size, shift)
    }

    fn interpolate_on_coset(values: &[&Scalars], shift: Fr) -> Result<Vec<Scalars>> {
        polynomial::interpolate_on_coset(values, shift)
    }

    fn evaluate(coefficients: &[&Scalars], point: Fr) -> Vec<Fr> {
        polynomial::evaluate(coefficients, point)
    }

    fn divide_by_linear(coefficients: &Scalars, point: Fr) -> Scalars {
        polynomial::divide_by_linear(coefficients, point)
    }

    fn point_count(points: &Vec<G1Affine>) -> usize {
        points.len()
    }

    fn points(data: &[u8]) -> Result<Vec<G1Affine>> {
        points::decode(data)
    }

    fn points_to_bytes(points: &Vec<G1Affine>) -> Vec<u8> {
        points::encode(points)
    }

    fn slice_points(points: &Vec<G1Affine>, start: usize, stop: usize) -> Result<Vec<G1Affine>> {
        vector::slice(points, start, stop).map(<[G1Affine]>::to_vec)
    }

    fn concatenate_points(parts: &[&Vec<G1Affine>]) -> Vec<G1Affine> {
        parts.iter().flat_map(|part| part.iter().copied()).collect()
    }

    fn subtract_points(left: &Vec<G1Affine>, right: &Vec<G1Affine>) -> Result<Vec<G1Affine>> {
        points::subtract(left, right)
    }

    fn msm(basis: &Vec<G1Affine>, vectors: &[&Scalars], tails: &[&[Fr]]) -> Result<Vec<G1Affine>> {
        msm::batch(basis, vectors, tails)
    }

    fn fixed_base_powers(tau: Fr, count: usize) -> Vec<G1Affine> {
        points::fixed_base_powers(tau, count)
    }

    fn combine_points(bases: &[&Vec<G1Affine>], scalars: &[&Scalars]) -> Result<Vec<G1Affine>> {
        combine::<Self>(&bases.iter().map(|points| &points[..]).collect::<Vec<_>>(), scalars)
    }

    fn transform_points(points: &Vec<G1Affine>, root: Fr) -> Result<Vec<G1Affine>> {
        transform::<Self>(points, root)
    }

    fn arkworks_msm(basis: &Vec<G1Affine>, vector: &Scalars) -> Result<G1Affine> {
        msm::arkworks(basis, vector)
    }

    fn arkworks_ntt(coefficients: &Scalars) -> Result<Scalars> {
        polynomial::arkworks(coefficients)
    }
}
