//! Multi-scalar multiplication of a few points: one chain of doublings shared by all of them.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, BigInteger};
use zeroize::Zeroizing;

use crate::kernels::scalars::sign_and_magnitude;

/// Width of the non-adjacent form: digits are odd, below 2^4 in magnitude, five places or more apart.
const WIDTH: usize = 5;
/// 1P, 3P, ..., 15P.
const MULTIPLES: usize = 1 << (WIDTH - 2);

/// sum_i scalars[i] * points[i], for scalars of any width.
pub fn straus(points: &[G1Affine], scalars: &[Fr]) -> G1Projective {
    let mut digits = Vec::with_capacity(scalars.len());
    let mut multiples = Vec::with_capacity(scalars.len() * MULTIPLES);
    for (point, scalar) in points.iter().zip(scalars) {
        let (negative, magnitude) = sign_and_magnitude(scalar);
        let Some(form) = magnitude.find_wnaf(WIDTH) else { continue };
        digits.push(Zeroizing::new(form));
        let mut multiple = if negative { -point.into_group() } else { point.into_group() };
        let double = multiple.double();
        for _ in 0..MULTIPLES {
            multiples.push(multiple);
            multiple += double;
        }
    }
    let tables = G1Projective::normalize_batch(&multiples);
    let places = digits.iter().map(|form| form.len()).max().unwrap_or(0);
    let mut total = G1Projective::ZERO;
    for place in (0..places).rev() {
        total.double_in_place();
        for (form, table) in digits.iter().zip(tables.chunks_exact(MULTIPLES)) {
            let digit = form.get(place).copied().unwrap_or(0);
            let multiple = (digit.unsigned_abs() / 2) as usize;
            if digit > 0 {
                total += table[multiple];
            } else if digit < 0 {
                total -= table[multiple];
            }
        }
    }
    total
}
