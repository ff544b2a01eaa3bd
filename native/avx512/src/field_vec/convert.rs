//! In and out: bytes, signed integers, scalars, arkworks' words.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::{FieldVec, GRAIN, Scalar};
use crate::constants::{Field, Fr, limbs_of_words};
use crate::error::Error;
use crate::lanes::{Block, Lanes, load_words};
use crate::memory::wipe;
use crate::simd::*;

impl FieldVec {
    /// From 32-byte little-endian canonical integers.
    ///
    /// Errors if the length is not a multiple of 32 or an integer is not below r.
    pub fn from_bytes(data: &[u8]) -> Result<Self, Error> {
        match data.as_chunks() {
            (integers, []) => Self::from_integers(integers, &Fr::R260_SQUARED),
            _ => Err(Error::Length { expected: data.len().next_multiple_of(32), got: data.len() }),
        }
    }

    /// From canonical integers of four words each. Errors if one is not below r.
    pub fn from_words(integers: &[[u64; 4]]) -> Result<Self, Error> {
        Self::from_integers(bytes_of(integers), &Fr::R260_SQUARED)
    }

    /// From Montgomery forms with R = 2^256, as arkworks stores them. Errors if one is not below r.
    pub fn from_montgomery(elements: &[[u64; 4]]) -> Result<Self, Error> {
        Self::from_integers(bytes_of(elements), &Fr::R264)
    }

    /// From scalars.
    pub fn from_scalars(scalars: &[Scalar]) -> Self {
        let mut words: Vec<[u64; 4]> = scalars.iter().map(|s| s.to_montgomery()).collect();
        let vector = Self::from_montgomery(&words).unwrap_or_else(|_| unreachable!("a scalar is canonical"));
        wipe(&mut words);
        vector
    }

    /// From signed integers; -1 becomes r - 1.
    pub fn from_i64(values: &[i64]) -> Self {
        // SAFETY: the kernel writes all of `out`.
        unsafe { Self::build(values.len(), |k, out| enter!(from_i64(out, &values[8 * k..]))) }
    }

    /// The canonical integers, 32 bytes little-endian each.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.unpacked(false).into_flattened()
    }

    /// The canonical integers, four words each.
    pub fn to_words(&self) -> Vec<[u64; 4]> {
        self.unpacked(false).into_iter().map(words_of).collect()
    }

    /// The Montgomery forms with R = 2^256, as arkworks stores them.
    pub fn to_montgomery(&self) -> Vec<[u64; 4]> {
        self.unpacked(true).into_iter().map(words_of).collect()
    }

    /// The elements as scalars.
    pub fn to_scalars(&self) -> Vec<Scalar> {
        let canonical = |w| Scalar::from_montgomery(w).unwrap_or_else(|| unreachable!("reduced by the kernel"));
        self.to_montgomery().into_iter().map(canonical).collect()
    }

    /// One element. Panics past the end.
    pub fn get(&self, index: usize) -> Scalar {
        assert!(index < self.len, "index {index} past the length {}", self.len);
        let mut eight = [[0; 32]; 8];
        enter!(unpack(&mut eight, &self.blocks[index / 8..][..1], true));
        Scalar::from_montgomery(words_of(eight[index % 8])).unwrap_or_else(|| unreachable!("reduced by the kernel"))
    }

    fn unpacked(&self, montgomery: bool) -> Vec<[u8; 32]> {
        let mut out = vec![[0; 32]; self.len];
        let chunks = out.par_chunks_mut(8 * GRAIN).zip(self.blocks.par_chunks(GRAIN));
        chunks.for_each(|(out, blocks)| enter!(unpack(out, blocks, montgomery)));
        out
    }

    /// `factor` takes the integers to stored form.
    fn from_integers(integers: &[[u8; 32]], factor: &[u64; 5]) -> Result<Self, Error> {
        let bad = AtomicUsize::new(usize::MAX);
        // SAFETY: the kernel writes all of `out`.
        let vector = unsafe {
            Self::build(integers.len(), |k, out| {
                if let Some(index) = enter!(pack(out, &integers[8 * k..], factor)) {
                    bad.fetch_min(8 * k + index, Ordering::Relaxed);
                }
            })
        };
        match bad.into_inner() {
            usize::MAX => Ok(vector),
            index => Err(Error::NotCanonical { index }),
        }
    }
}

fn words_of(bytes: [u8; 32]) -> [u64; 4] {
    let (words, _) = bytes.as_chunks();
    std::array::from_fn(|k| u64::from_le_bytes(words[k]))
}

/// Words as the bytes they are in memory. This module is for x86-64 only, so those are little-endian.
fn bytes_of(words: &[[u64; 4]]) -> &[[u8; 32]] {
    // SAFETY: plain data of the same size; bytes need no alignment.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
}

/// Converts integers, at least one for each block, and returns the index of the first that is not below r.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn pack(out: &mut [MaybeUninit<Block>], integers: &[[u8; 32]], factor: &[u64; 5]) -> Option<usize> {
    let (factor, mut bad) = (Lanes::<Fr>::splat(factor), None);
    for (i, (out, eight)) in out.iter_mut().zip(integers.chunks(8)).enumerate() {
        let mut words = [0; 32];
        for (words, integer) in words.chunks_exact_mut(4).zip(eight) {
            words.copy_from_slice(&words_of(*integer));
        }
        let integers = Lanes::<Fr>::from_packed(&words);
        integers.multiply(factor).init(out);
        let wrong = !integers.less_than(&Fr::LIMBS);
        if wrong != 0 && bad.is_none() {
            bad = Some(8 * i + wrong.trailing_zeros() as usize);
        }
    }
    bad
}

/// Converts blocks to integers, or to Montgomery forms with R = 2^256; `out` may end before the last block does.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn unpack(out: &mut [[u8; 32]], blocks: &[Block], montgomery: bool) {
    let factor = Lanes::<Fr>::splat(&Fr::R256_LIMBS);
    for (out, block) in out.chunks_mut(8).zip(blocks) {
        let x = Lanes::<Fr>::load(block);
        let x = if montgomery { x.multiply(factor).canonical() } else { x.to_integers() };
        let mut words = [0; 32];
        x.to_packed(&mut words);
        for (out, words) in out.as_flattened_mut().chunks_exact_mut(8).zip(words) {
            out.copy_from_slice(&words.to_le_bytes());
        }
    }
}

/// Converts signed integers, at least one for each block.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn from_i64(out: &mut [MaybeUninit<Block>], values: &[i64]) {
    let zero = _mm512_setzero_si512();
    for (out, eight) in out.iter_mut().zip(values.chunks(8)) {
        let mut words = [0; 8];
        for (word, value) in words.iter_mut().zip(eight) {
            *word = value.cast_unsigned();
        }
        let x = load_words(&words);
        let magnitude = Lanes::<Fr>::from_words([_mm512_abs_epi64(x), zero, zero, zero]).integers_to_montgomery();
        let negated = Lanes::zero().subtract::<4>(magnitude).reduce_8();
        magnitude.select(_mm512_cmplt_epi64_mask(x, zero), negated).init(out);
    }
}

/// (r - 1) / 2 + 1: the least integer that counts as negative.
pub(crate) const NEGATIVE_FROM: [u64; 5] = {
    let mut limbs = limbs_of_words(Fr::HALF);
    limbs[0] += 1; // No carry: the low limb of (r - 1) / 2 is not all ones.
    limbs
};

/// Digits below 2^52, one a lane, to stored form.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
pub(crate) fn block_from_small(values: &[u64; 8], out: &mut Block) {
    Lanes::<Fr>::from_small_integers(load_words(values)).store(out);
}
