//! Sums, inner products and prefix sums.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{FieldVec, GRAIN, Scalar};
use crate::constants::Fr;
use crate::error::Error;
use crate::lanes::{Block, Columns, Lanes, Loose};
use crate::simd::*;

/// Products that share one reduction: 2 + 48 * 3.7^2 * 0.0119 < 10, within `reduce_8`; 480 * 2^52 in a column.
pub(super) const PRODUCTS: usize = 48;

impl FieldVec {
    /// `sum_i self[i] * other[i]`, equal lengths.
    pub fn inner_product(&self, other: &Self) -> Result<Scalar, Error> {
        self.same_length(other)?;
        let pairs = self.blocks.par_chunks(GRAIN).zip(other.blocks.par_chunks(GRAIN));
        Ok(pairs.map(|(a, b)| enter!(inner_product(a, b))).reduce(|| Scalar::ZERO, |a, b| a + b))
    }

    /// `sum_i self[i]`.
    pub fn sum(&self) -> Scalar {
        self.blocks.par_chunks(GRAIN).map(|chunk| enter!(sum(chunk))).reduce(|| Scalar::ZERO, |a, b| a + b)
    }

    /// Exclusive prefix sums: entry i is `self[0] + ... + self[i - 1]`, entry 0 is zero.
    pub fn prefix_sum(&self) -> Self {
        // Each chunk's sum first, so that the chunks can run on several cores.
        let sums: Vec<Scalar> = if self.blocks.len() <= GRAIN || rayon::current_num_threads() == 1 {
            vec![Scalar::ZERO]
        } else {
            self.blocks.par_chunks(GRAIN).map(|chunk| enter!(sum(chunk))).collect()
        };
        let starts: Vec<[u64; 5]> = sums
            .iter()
            .scan(Scalar::ZERO, |total, &sum| {
                let start = total.to_lane_limbs();
                *total = *total + sum;
                Some(start)
            })
            .collect();
        // SAFETY: the kernel writes all of `out`.
        unsafe {
            Self::build(self.len, |k, out| enter!(prefix_sum(out, &self.blocks[k..k + out.len()], &starts[k / GRAIN])))
        }
    }
}

/// The sum of the eight lanes of a value below 4 p.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
pub(super) fn sum_lanes(x: Lanes<Fr>) -> Scalar {
    let mut words = [0; 32];
    x.canonical().to_packed(&mut words);
    let element = |w: &[u64]| Scalar::from_lane_words(w.try_into().unwrap());
    words.chunks(4).map(element).fold(Scalar::ZERO, |a, b| a + b)
}

/// The inner product lane by lane, below 2.4 p.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline]
pub(super) fn inner_product_lanes(a: &[Block], b: &[Block]) -> Lanes<Fr> {
    let mut total = Lanes::<Fr>::zero();
    for (a, b) in a.chunks(PRODUCTS).zip(b.chunks(PRODUCTS)) {
        let mut columns = Columns::<Fr>::zero();
        for (a, b) in a.iter().zip(b) {
            columns = columns.add_product(Lanes::load(a).factor(), Lanes::load(b).factor());
        }
        total = columns.reduce().carry().loose().reduce_8().add(total).reduce_8();
    }
    total
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn inner_product(a: &[Block], b: &[Block]) -> Scalar {
    sum_lanes(inner_product_lanes(a, b))
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn sum(blocks: &[Block]) -> Scalar {
    let mut total = Lanes::<Fr>::zero();
    for pair in blocks.chunks(2) {
        // 2.4 + 2 * 3.7 < 10.5.
        let mut next = total.loose();
        for block in pair {
            next = next.add(Lanes::load(block));
        }
        total = next.reduce_8();
    }
    sum_lanes(total)
}

/// Moves every lane up by `N` places, zeros coming in.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline]
fn shift_lanes<const N: usize>(x: Loose<Fr>) -> Loose<Fr> {
    let source = _mm512_sub_epi64(_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7), _mm512_set1_epi64(N as i64));
    let mut limbs = x.0;
    for limb in &mut limbs {
        *limb = _mm512_maskz_permutexvar_epi64(0xff << N, source, *limb);
    }
    Loose::from_limbs(limbs)
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn prefix_sum(out: &mut [MaybeUninit<Block>], blocks: &[Block], start: &[u64; 5]) {
    let mut running = Lanes::<Fr>::splat(start).loose();
    for (out, block) in out.iter_mut().zip(blocks) {
        // Inclusive sums within the block, in three steps. Eight stored values are below 29.6 p, and 2^55 in a limb, so
        // nothing needs to be carried before the one reduction.
        let x = Lanes::<Fr>::load(block);
        let pairs = x.loose().add_loose(shift_lanes::<1>(x.loose()));
        let quads = pairs.add_loose(shift_lanes::<2>(pairs));
        let mut before = quads.add_loose(shift_lanes::<4>(quads)).0;
        // Exclusive ones, limb by limb: no limb goes below zero.
        for j in 0..5 {
            before[j] = _mm512_sub_epi64(before[j], x.0[j]);
        }
        // Seven stored values and `running`, which is below 7.4 p.
        let sums = Loose::from_limbs(before).add_loose(running).reduce_16();
        sums.init(out);
        running = sums.add(x).broadcast_lane(7);
    }
}
