//! Polynomials in coefficient form, low to high: evaluation and division by a linear factor.

use rayon::prelude::*;

use super::reduce::{inner_product_lanes, sum_lanes};
use super::{FieldVec, Scalar};
use crate::constants::{Fr, limbs_of_words};
use crate::element::Element;
use crate::lanes::{Block, Lanes, transpose_lanes};
use crate::memory::Buffer;

/// Blocks of powers of the point kept at hand: 20 kB, two thirds of the first-level cache.
const POWERS: usize = 64;

impl FieldVec {
    /// Each polynomial's value at one point.
    ///
    /// Inner products with 1, z, ..., z^511, one reduction for 48 products; then Horner's rule in z^512.
    pub fn evaluate(polynomials: &[&Self], point: Scalar) -> Vec<Scalar> {
        let powers = enter!(power_blocks(point, Scalar::ONE, POWERS));
        let step = point.power(8 * POWERS as u64).to_lane_limbs();
        polynomials.par_iter().map(|f| enter!(evaluate(&f.blocks, &powers, &step))).collect()
    }

    /// The quotient (f(X) - f(z)) / (X - z), one coefficient fewer; empty for an empty or constant f.
    pub fn divide_by_linear(&self, point: Scalar) -> Self {
        if self.len < 2 {
            return Self::zeros(0);
        }
        // Eight segments run side by side, one a lane. Segments are whole numbers of 8 x 8 tiles; zero coefficients
        // above the top change nothing.
        let tiles = self.blocks.len().div_ceil(8);
        let segment = |s: usize| {
            let range = (s * tiles).min(self.blocks.len())..((s + 1) * tiles).min(self.blocks.len());
            &self.blocks[range]
        };
        // What comes into segment s from above: (the coefficients above it, as a polynomial)(z).
        let powers = enter!(power_blocks(point, Scalar::ONE, POWERS));
        let step = point.power(8 * POWERS as u64).to_lane_limbs();
        let values: Vec<Scalar> =
            (1..8usize).into_par_iter().map(|s| enter!(evaluate(segment(s), &powers, &step))).collect();
        let across = point.power(8 * tiles as u64);
        let mut carries = [Scalar::ZERO; 8];
        for s in (0..7).rev() {
            carries[s] = values[s] + across * carries[s + 1];
        }
        let mut blocks = Buffer::filled(Block::ZERO, 8 * tiles);
        enter!(divide(&mut blocks, &self.blocks, tiles, &carries, point));
        blocks.truncate((self.len - 1).div_ceil(8));
        Self::from_blocks(blocks, self.len - 1)
    }

    /// Adds (X^n - 1) sum_j tail\[j\] X^j, n the number of coefficients, which becomes n + len(tail).
    pub(crate) fn blind(&mut self, tail: &[Scalar]) {
        let n = self.len;
        self.blocks.grow(Block::ZERO, (n + tail.len()).div_ceil(8));
        self.len += tail.len();
        let set = |blocks: &mut [Block], i: usize, x: Scalar| blocks[i / 8].set_lane(i % 8, x.to_lane_limbs());
        for (j, &blinding) in tail.iter().enumerate() {
            let lower = self.get(j) - blinding;
            set(&mut self.blocks, j, lower);
            set(&mut self.blocks, n + j, blinding);
        }
    }

    /// Entry i is `self[i] * factor^i`.
    pub fn scale_by_powers(&self, factor: Scalar) -> Self {
        // SAFETY: the kernel writes all of `out`.
        unsafe {
            Self::build(self.len, |k, out| {
                let start = factor.power(8 * k as u64);
                enter!(scale_by_powers(out, &self.blocks[k..k + out.len()], factor, start))
            })
        }
    }
}

/// start, start z, ..., start z^7 in the lanes.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
pub(crate) fn eight_powers(point: Scalar, start: Scalar) -> Lanes<Fr> {
    let (mut block, mut power) = (Block::ZERO, start);
    for lane in 0..8 {
        block.set_lane(lane, limbs_of_words(power.to_lane_words()));
        power = power * point;
    }
    Lanes::load(&block)
}

/// start z^i for i < 8 count.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
pub(crate) fn power_blocks(point: Scalar, start: Scalar, count: usize) -> Buffer<Block> {
    let mut power = eight_powers(point, start);
    let step = Lanes::splat(&point.power(8).to_lane_limbs());
    let mut out = Buffer::filled(Block::ZERO, count);
    for block in out.iter_mut() {
        power.store(block);
        power = power.multiply(step);
    }
    out
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn evaluate(blocks: &[Block], powers: &[Block], step: &[u64; 5]) -> Scalar {
    let (mut total, step) = (Lanes::<Fr>::zero(), Lanes::splat(step));
    for chunk in blocks.chunks(powers.len()).rev() {
        total = total.multiply(step).add(inner_product_lanes(chunk, powers)).reduce_8();
    }
    sum_lanes(total)
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn scale_by_powers(out: &mut [std::mem::MaybeUninit<Block>], blocks: &[Block], factor: Scalar, start: Scalar) {
    let mut power = eight_powers(factor, start);
    let step = Lanes::splat(&factor.power(8).to_lane_limbs());
    for (out, block) in out.iter_mut().zip(blocks) {
        Lanes::load(block).multiply(power).init(out);
        power = power.multiply(step);
    }
}

/// b_i = c_i + z b_{i+1} from the top down; the quotient's coefficient i is b_{i+1}, which is what each step starts from.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn divide(out: &mut [Block], blocks: &[Block], tiles: usize, carries: &[Element<Fr>; 8], point: Scalar) {
    let mut carry = Block::ZERO;
    for (lane, value) in carries.iter().enumerate() {
        carry.set_lane(lane, value.to_lane_limbs());
    }
    let (mut b, point) = (Lanes::<Fr>::load(&carry), Lanes::splat(&point.to_lane_limbs()));
    for t in (0..tiles).rev() {
        let mut tile = [Lanes::zero(); 8];
        for s in 0..8 {
            tile[s] = Lanes::load(blocks.get(s * tiles + t).unwrap_or(&Block::ZERO));
        }
        transpose_lanes(&mut tile);
        for c in tile.iter_mut().rev() {
            let coefficient = *c;
            *c = b;
            b = b.multiply(point).add(coefficient).reduce_8();
        }
        transpose_lanes(&mut tile);
        for s in 0..8 {
            tile[s].store(&mut out[s * tiles + t]);
        }
    }
}
