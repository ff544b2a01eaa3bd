//! What a witness needs: signs, digits, counts. These look at canonical integers.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::convert::{NEGATIVE_FROM, block_from_small};
use super::{FieldVec, GRAIN};
use crate::constants::Fr;
use crate::error::Error;
use crate::lanes::{Block, Lanes, load_words};
use crate::memory::{Buffer, wipe};
use crate::simd::*;

impl FieldVec {
    /// (s, a) with s = 1 where the centred representative is negative, else 0, and self = (1 - 2 s) a.
    pub fn split_sign(&self) -> (Self, Self) {
        let (mut signs, mut magnitudes) = (Self::zeros(self.len), Self::zeros(self.len));
        let out = signs.blocks.par_chunks_mut(GRAIN).zip(magnitudes.blocks.par_chunks_mut(GRAIN));
        out.zip(self.blocks.par_chunks(GRAIN)).for_each(|((s, a), x)| enter!(split_sign(s, a, x)));
        (signs, magnitudes)
    }

    /// `count` vectors of digits base 2^bits, 1 <= bits <= 28, least significant first.
    ///
    /// Errors with the first row whose canonical integer is not below 2^(bits * count).
    pub fn decompose(&self, bits: u32, count: usize) -> Result<Vec<Self>, Error> {
        if !(1..=28).contains(&bits) {
            return Err(Error::Parameter { expected: "1 <= bits <= 28" });
        }
        let total = u32::try_from(count).ok().and_then(|count| bits.checked_mul(count));
        let total = total.ok_or(Error::Parameter { expected: "bits * count below 2**32" })?;
        let (integers, wrong) = self.integers(total);
        if let Some(row) = wrong {
            return Err(Error::Range { row, bits: total });
        }
        let digit = |k: usize| {
            let start = bits * k as u32;
            if start >= 260 {
                return Self::zeros(self.len); // Past the limbs of an integer.
            }
            // SAFETY: the kernel writes all of `out`.
            unsafe { Self::build(self.len, |first, out| enter!(digit_blocks(out, &integers[first..], start, bits))) }
        };
        Ok((0..count).into_par_iter().map(digit).collect())
    }

    /// The canonical integers, in limbs, and the first row whose integer is not below 2^bits.
    fn integers(&self, bits: u32) -> (Buffer<Block>, Option<usize>) {
        let mut integers = Buffer::with_capacity(self.blocks.len());
        let chunks = integers.room().par_chunks_mut(GRAIN).zip(self.blocks.par_chunks(GRAIN)).enumerate();
        let wrong = chunks
            .filter_map(|(k, (out, blocks))| enter!(to_integers(out, blocks, bits)).map(|row| 8 * k * GRAIN + row))
            .min();
        // SAFETY: every chunk has been written.
        unsafe { integers.set_len(self.blocks.len()) };
        // Spare lanes are zero, which is always in range.
        (integers, wrong)
    }

    /// Entry t < 2^bits counts the t's in all columns; entries from 2^bits to `len` are zero.
    ///
    /// Errors with the row of an entry that is not below 2^bits (the first of its column), and if 2^bits > len or
    /// bits > 28.
    pub fn multiplicities(columns: &[&Self], bits: u32, len: usize) -> Result<Self, Error> {
        if bits > 28 || 1usize << bits > len {
            return Err(Error::Parameter { expected: "bits <= 28 and 2**bits <= len" });
        }
        let mut counts = vec![0u32; 1 << bits];
        for column in columns {
            let (integers, wrong) = column.integers(bits);
            if let Some(row) = wrong {
                return Err(Error::Range { row, bits });
            }
            let lanes = integers.iter().flat_map(|block| &block.0[0]);
            for &value in lanes.take(column.len) {
                counts[value as usize] += 1;
            }
        }
        let mut out = Self::zeros(len);
        for (block, counts) in out.blocks.iter_mut().zip(counts.chunks(8)) {
            let mut eight = [0; 8];
            for (out, &count) in eight.iter_mut().zip(counts) {
                *out = u64::from(count);
            }
            enter!(block_from_small(&eight, block));
        }
        wipe(&mut counts);
        Ok(out)
    }

    /// The first `limit` rows whose entry is not zero.
    pub fn nonzero_rows(&self, limit: usize) -> Vec<usize> {
        self.rows_where(limit, |block| !enter!(zero_lanes(block)))
    }

    /// The first `limit` rows whose entry is zero.
    pub(super) fn nonzero_complement(&self, limit: usize) -> Vec<usize> {
        self.rows_where(limit, |block| enter!(zero_lanes(block)))
    }

    fn rows_where(&self, limit: usize, lanes: impl Fn(&Block) -> u8 + Sync) -> Vec<usize> {
        let found = AtomicUsize::new(0);
        let rows_of_chunk = |(k, chunk): (usize, &[Block])| {
            let mut rows = Vec::new();
            for (i, block) in chunk.iter().enumerate() {
                let mask = lanes(block);
                for lane in (0..8).filter(|lane| mask >> lane & 1 == 1) {
                    rows.push(8 * (k * GRAIN + i) + lane);
                }
                if rows.len() >= limit {
                    break;
                }
            }
            found.fetch_add(rows.len(), Ordering::Relaxed);
            rows
        };
        let rows: Vec<Vec<usize>> = self.blocks.par_chunks(GRAIN).enumerate().map(rows_of_chunk).collect();
        rows.into_iter().flatten().filter(|&row| row < self.len).take(limit).collect()
    }
}

/// Writes canonical integers, in limbs, and returns the first row that is not below 2^bits.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn to_integers(out: &mut [MaybeUninit<Block>], blocks: &[Block], bits: u32) -> Option<usize> {
    let mut first = None;
    for (i, (out, block)) in out.iter_mut().zip(blocks).enumerate() {
        let x = Lanes::<Fr>::load(block).to_integers();
        x.init(out);
        let mut wrong = 0;
        for j in 0..5 {
            let room = bits.saturating_sub(52 * j as u32).min(63);
            let high = _mm512_srl_epi64(x.0[j], _mm_cvtsi32_si128(room as i32));
            wrong |= _mm512_test_epi64_mask(high, high);
        }
        if wrong != 0 && first.is_none() {
            first = Some(8 * i + wrong.trailing_zeros() as usize);
        }
    }
    first
}

/// `bits` <= 28 bits of each integer from bit `start` < 260 on, in stored form.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn digit_blocks(out: &mut [MaybeUninit<Block>], integers: &[Block], start: u32, bits: u32) {
    let (limb, offset) = ((start / 52) as usize, start % 52);
    let (right, left) = (_mm_cvtsi32_si128(offset as i32), _mm_cvtsi32_si128(52 - offset as i32));
    let mask = _mm512_set1_epi64((1 << bits) - 1);
    for (out, integers) in out.iter_mut().zip(integers) {
        let mut digit = _mm512_srl_epi64(load_words(&integers.0[limb]), right);
        if let Some(next) = integers.0.get(limb + 1) {
            digit = _mm512_or_si512(digit, _mm512_sll_epi64(load_words(next), left));
        }
        Lanes::<Fr>::from_small_integers(_mm512_and_si512(digit, mask)).init(out);
    }
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn split_sign(signs: &mut [Block], magnitudes: &mut [Block], blocks: &[Block]) {
    for ((sign, magnitude), block) in signs.iter_mut().zip(magnitudes).zip(blocks) {
        let x = Lanes::<Fr>::load(block);
        let negative = !x.to_integers().less_than(&NEGATIVE_FROM);
        Lanes::zero().select(negative, Lanes::<Fr>::one()).store(sign);
        let negated = Lanes::zero().subtract::<4>(x).reduce_8();
        x.select(negative, negated).store(magnitude);
    }
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn zero_lanes(block: &Block) -> u8 {
    Lanes::<Fr>::load(block).is_zero()
}
