//! Elementwise arithmetic and linear combinations.

use std::mem::MaybeUninit;

use super::{FieldVec, Scalar};
use crate::constants::Fr;
use crate::error::Error;
use crate::lanes::{Block, Columns, Lanes};

/// Terms of a linear combination that share one reduction: 2 + 64 * 3.7 * 0.0119 < 5, within `reduce_8`.
const TERMS: usize = 64;

impl FieldVec {
    /// self + other, equal lengths.
    pub fn add(&self, other: &Self) -> Result<Self, Error> {
        self.same_length(other)?;
        // SAFETY: the kernel writes all of `out`.
        Ok(unsafe {
            Self::build(self.len, |k, out| {
                let (a, b) = (&self.blocks[k..k + out.len()], &other.blocks[k..k + out.len()]);
                enter!(add(out, a, b))
            })
        })
    }

    /// self - other, equal lengths.
    pub fn subtract(&self, other: &Self) -> Result<Self, Error> {
        self.same_length(other)?;
        // SAFETY: the kernel writes all of `out`.
        Ok(unsafe {
            Self::build(self.len, |k, out| {
                let (a, b) = (&self.blocks[k..k + out.len()], &other.blocks[k..k + out.len()]);
                enter!(subtract(out, a, b))
            })
        })
    }

    /// self * other elementwise, equal lengths.
    pub fn multiply(&self, other: &Self) -> Result<Self, Error> {
        self.same_length(other)?;
        // SAFETY: the kernel writes all of `out`.
        Ok(unsafe {
            Self::build(self.len, |k, out| {
                let (a, b) = (&self.blocks[k..k + out.len()], &other.blocks[k..k + out.len()]);
                enter!(multiply(out, a, b))
            })
        })
    }

    /// factor * self.
    pub fn scale(&self, factor: Scalar) -> Self {
        let factor = factor.to_lane_limbs();
        // SAFETY: the kernel writes all of `out`.
        unsafe { Self::build(self.len, |k, out| enter!(scale(out, &self.blocks[k..k + out.len()], &factor))) }
    }

    /// `sum_k coefficients[k] * vectors[k]`, in one pass.
    ///
    /// Lengths may differ: the shorter are read as padded with zeros. Errors if the counts differ or are zero.
    pub fn linear_combination(vectors: &[&Self], coefficients: &[Scalar]) -> Result<Self, Error> {
        if vectors.len() != coefficients.len() {
            return Err(Error::Length { expected: vectors.len(), got: coefficients.len() });
        }
        let len = vectors.iter().map(|v| v.len).max().ok_or(Error::Parameter { expected: "at least one vector" })?;
        let coefficients: Vec<[u64; 5]> = coefficients.iter().map(|c| c.to_lane_limbs()).collect();
        // SAFETY: the kernel writes all of `out`.
        Ok(unsafe {
            Self::build(len, |first, out| {
                let columns: Vec<&[Block]> =
                    vectors.iter().map(|v| v.blocks.get(first..).unwrap_or_default()).collect();
                enter!(linear_combination(out, &columns, &coefficients))
            })
        })
    }
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn add(out: &mut [MaybeUninit<Block>], a: &[Block], b: &[Block]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        Lanes::<Fr>::load(a).add(Lanes::load(b)).reduce_8().init(out);
    }
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn subtract(out: &mut [MaybeUninit<Block>], a: &[Block], b: &[Block]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        Lanes::<Fr>::load(a).subtract::<4>(Lanes::load(b)).reduce_8().init(out);
    }
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn multiply(out: &mut [MaybeUninit<Block>], a: &[Block], b: &[Block]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        Lanes::<Fr>::load(a).multiply(Lanes::load(b)).init(out);
    }
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn scale(out: &mut [MaybeUninit<Block>], a: &[Block], factor: &[u64; 5]) {
    let factor = Lanes::<Fr>::splat(factor);
    for (out, a) in out.iter_mut().zip(a) {
        Lanes::load(a).multiply(factor).init(out);
    }
}

/// Columns may be shorter than `out`.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn linear_combination(out: &mut [MaybeUninit<Block>], columns: &[&[Block]], coefficients: &[[u64; 5]]) {
    for (i, out) in out.iter_mut().enumerate() {
        let mut total = Lanes::<Fr>::zero();
        for (columns, coefficients) in columns.chunks(TERMS).zip(coefficients.chunks(TERMS)) {
            let mut sum = Columns::<Fr>::zero();
            for (column, coefficient) in columns.iter().zip(coefficients) {
                if let Some(block) = column.get(i) {
                    sum = sum.add_product(Lanes::load(block).factor(), Lanes::splat(coefficient).factor());
                }
            }
            total = sum.reduce().add(total).reduce_8();
        }
        total.init(out);
    }
}
