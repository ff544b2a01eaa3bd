//! Scalars in two halves: (x, y) -> (beta x, y) multiplies a point of G1 by LAMBDA, a cube root of one.
//!
//! The pairs (a, b) with a + b LAMBDA = 0 modulo r are a lattice with the short basis (A, -B), (B, C). A scalar less the
//! lattice point next to it is a pair half as wide as the scalar (Gallant, Lambert, Vanstone).

use ark_bn254::{Fr, G1Affine, g1};
use ark_ec::scalar_mul::glv::GLVConfig;

use crate::kernels::scalars::{Integer, sign_and_magnitude};

const A: u128 = 147_946_756_881_789_319_000_765_030_803_803_410_728;
const B: u128 = 9_931_322_734_385_697_763;
const C: u128 = 147_946_756_881_789_319_010_696_353_538_189_108_491;

/// C 2^256 / r and B 2^256 / r, rounded.
const C_SHARE: [u64; 3] = [0x5398_fd03_00ff_6565, 0x4cce_f014_a773_d2d2, 2];
const B_SHARE: [u64; 3] = [0xd91d_232e_c7e0_b3d7, 2, 0];

/// (k, l) with scalar = k + l LAMBDA, both below 2^127 in magnitude. A scalar of magnitude below 2^125 is (scalar, 0).
pub fn halves(scalar: &Fr) -> [i128; 2] {
    let (negative, magnitude) = sign_and_magnitude(scalar);
    // The scalar is c (A, -B) + b (B, C) in the lattice's basis, rounded; it is enough to know the rest modulo 2^128,
    // as it is below (9/16) (B + C).
    let (c, b) = (rounded_product(&magnitude, &C_SHARE), rounded_product(&magnitude, &B_SHARE));
    let low = u128::from(magnitude.0[0]) | u128::from(magnitude.0[1]) << 64;
    let first = low.wrapping_sub(c.wrapping_mul(A)).wrapping_sub(b.wrapping_mul(B)) as i128;
    let second = c.wrapping_mul(B).wrapping_sub(b.wrapping_mul(C)) as i128;
    if negative { [-first, -second] } else { [first, second] }
}

/// left * right / 2^256, rounded, below 2^128.
fn rounded_product(left: &Integer, right: &[u64; 3]) -> u128 {
    let mut limbs = [0; 7];
    limbs[3] = 1 << 63;
    for (i, &a) in left.0.iter().enumerate() {
        let mut carry = 0;
        for (j, &b) in right.iter().enumerate() {
            let sum = u128::from(a) * u128::from(b) + u128::from(limbs[i + j]) + carry;
            limbs[i + j] = sum as u64;
            carry = sum >> 64;
        }
        // Above the rounding bit nothing has been added yet where the first rows end; a carry goes on as far as it must.
        for limb in &mut limbs[i + 3..] {
            let sum = u128::from(*limb) + carry;
            *limb = sum as u64;
            carry = sum >> 64;
        }
    }
    u128::from(limbs[4]) | u128::from(limbs[5]) << 64
}

/// The x of LAMBDA * point.
pub fn image(point: &G1Affine) -> ark_bn254::Fq {
    point.x * g1::Config::ENDO_COEFFS[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{AdditiveGroup, Field, PrimeField};

    fn signed(value: i128) -> Fr {
        let magnitude = Fr::from(value.unsigned_abs());
        if value < 0 { -magnitude } else { magnitude }
    }

    #[test]
    fn halves_are_short_and_make_the_scalar() {
        let lambda = g1::Config::LAMBDA;
        let half = Fr::from_bigint(Fr::MODULUS_MINUS_ONE_DIV_TWO).unwrap();
        let mut scalars =
            vec![Fr::ZERO, Fr::ONE, -Fr::ONE, half, -half, half + Fr::ONE, lambda, -lambda, lambda.square()];
        let mut power = Fr::from(5);
        for _ in 0..2000 {
            power *= Fr::from(0x9e37_79b9_7f4a_7c15_u64) + lambda;
            scalars.push(power);
        }
        for edge in [A, B, C] {
            for quotient in [1, 2, 3] {
                scalars.push(Fr::from(edge / quotient) * lambda + Fr::from(edge / 2));
            }
        }
        for scalar in scalars {
            let [first, second] = halves(&scalar);
            assert_eq!(signed(first) + signed(second) * lambda, scalar);
            assert!(first.unsigned_abs().max(second.unsigned_abs()) < 1 << 127);
        }
    }

    #[test]
    fn small_scalars_stay_small() {
        for value in [0, 1, -1, 1 << 20, -(1 << 60), (1 << 125) - 1, 1 - (1 << 125)] {
            assert_eq!(halves(&signed(value)), [value, 0]);
        }
    }
}
