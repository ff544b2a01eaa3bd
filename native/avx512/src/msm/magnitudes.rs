//! Scalars as signed magnitudes, and their digits.

use super::plan::{self, Window};
use crate::constants::Fr;
use crate::curve::{Packed, PointVec};
use crate::field_vec::{FieldVec, NEGATIVE_FROM};
use crate::lanes::{Block, Lanes, load_words, store_words};
use crate::memory::Buffer;
use crate::simd::*;

/// Eight magnitudes, their signs and their bit lengths.
#[derive(Clone, Copy)]
struct Eight {
    words: [[u64; 8]; 4],
    bits: [u8; 8],
    negative: u8,
    /// The index of the first of them in the basis.
    index: u32,
}

impl Eight {
    const EMPTY: Self = Self { words: [[0; 8]; 4], bits: [0; 8], negative: 0, index: 0 };
}

/// All of one vector's scalars, in groups of eight.
pub struct Magnitudes {
    groups: Buffer<Eight>,
    histogram: [u32; 257],
}

impl Magnitudes {
    /// Reads a vector. Scalars of points at infinity count as zero.
    pub fn new(basis: &PointVec, vector: &FieldVec) -> Self {
        let mut groups = Buffer::filled(Eight::EMPTY, vector.blocks().len());
        for (i, (group, block)) in groups.iter_mut().zip(vector.blocks()).enumerate() {
            enter!(magnitudes(block, 8 * i as u32, group));
        }
        if basis.has_infinities() {
            for group in groups.iter_mut() {
                for lane in 0..8 {
                    if basis.points().get(group.index as usize + lane) == Some(&Packed::INFINITY) {
                        group.bits[lane] = 0;
                    }
                }
            }
        }
        let mut histogram = [0; 257];
        for group in groups.iter() {
            for bits in group.bits {
                histogram[bits as usize] += 1;
            }
        }
        Self { groups, histogram }
    }

    /// The entries that are not zero, in one class or two.
    pub fn classes(&self) -> Vec<Entries> {
        plan::classes(&self.histogram).into_iter().map(|(from, to)| self.class(from, to)).collect()
    }

    fn class(&self, from: u32, to: u32) -> Entries {
        let count = self.histogram[from as usize..=to as usize].iter().sum::<u32>() as usize;
        let windows = plan::windows(count, to);
        let used = (to as usize + 1).div_ceil(64);
        // Eight to spare: groups are written whole.
        let mut entries = Entries {
            len: count,
            points: Buffer::filled(0, count + 8),
            words: vec![Buffer::filled(0, count + 8); used],
            windows,
        };
        let bias = bias(&entries.windows);
        let mut filled = 0;
        for group in self.groups.iter() {
            let mut mask = 0u8;
            for lane in 0..8 {
                mask |= u8::from((from..=to).contains(&u32::from(group.bits[lane]))) << lane;
            }
            if mask != 0 {
                enter!(append(&mut entries, filled, group, mask, &bias));
                filled += mask.count_ones() as usize;
            }
        }
        entries
    }
}

/// sum_w (2^(width_w - 1) - 1) 2^offset_w: added to a magnitude, it makes every digit minus its share a signed one.
fn bias(windows: &[Window]) -> [u64; 4] {
    let mut bias = [0u64; 4];
    for window in windows {
        for bit in window.offset..window.offset + window.width - 1 {
            bias[(bit / 64) as usize] |= 1 << (bit % 64);
        }
    }
    bias
}

/// Scalars of one class, ready to be cut into digits.
pub struct Entries {
    len: usize,
    /// Twice the point's index, plus one if the scalar is negative.
    points: Buffer<u32>,
    /// Word k of magnitude + bias. (v + bias fits: v <= 2^bits, and the bias is less, in bits + 1 bits.)
    words: Vec<Buffer<u64>>,
    windows: Vec<Window>,
}

impl Entries {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// Twice each point's index, plus one if the scalar is negative.
    pub fn points(&self) -> &[u32] {
        &self.points[..self.len]
    }

    /// One window's digits: twice the magnitude, plus one if negative.
    pub fn digits(&self, window: Window, out: &mut Buffer<u32>) {
        out.grow(0, self.points.len());
        enter!(digits(self, window, out));
        out.truncate(self.len);
    }
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn magnitudes(block: &Block, index: u32, eight: &mut Eight) {
    let x = Lanes::<Fr>::load(block).to_integers();
    let negative = !x.less_than(&NEGATIVE_FROM);
    let negated = Lanes::<Fr>::zero().subtract::<1>(x).carry();
    let words = x.select(negative, negated).to_words();
    (eight.negative, eight.index) = (negative, index);
    for k in 0..4 {
        store_words(&mut eight.words[k], words[k]);
    }
    for lane in 0..8 {
        let top = (0..4).rev().find(|&k| eight.words[k][lane] != 0);
        eight.bits[lane] = top.map_or(0, |k| (64 * (k as u32 + 1) - eight.words[k][lane].leading_zeros()) as u8);
    }
}

/// Writes the lanes in the mask at entry `start` on (and rubbish behind them), the bias added.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn append(entries: &mut Entries, start: usize, group: &Eight, mask: u8, bias: &[u64; 4]) {
    let lanes = (0..8).filter(|lane| mask >> lane & 1 == 1);
    for (point, lane) in entries.points[start..].iter_mut().zip(lanes) {
        *point = (group.index + lane) << 1 | u32::from(group.negative >> lane & 1);
    }
    let mut carry = 0u8;
    for (k, words) in entries.words.iter_mut().enumerate() {
        let word = _mm512_maskz_compress_epi64(mask, load_words(&group.words[k]));
        let bias = _mm512_set1_epi64(bias[k] as i64);
        let sum = _mm512_add_epi64(word, bias);
        let over = _mm512_cmplt_epu64_mask(sum, bias);
        let with_carry = _mm512_mask_add_epi64(sum, carry, sum, _mm512_set1_epi64(1));
        carry = over | (carry & _mm512_testn_epi64_mask(with_carry, with_carry));
        let target: &mut [u64; 8] = (&mut words[start..start + 8]).try_into().unwrap();
        store_words(target, with_carry);
    }
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn digits(entries: &Entries, window: Window, out: &mut [u32]) {
    let (k, shift) = ((window.offset / 64) as usize, window.offset % 64);
    let right = _mm_cvtsi32_si128(shift as i32);
    // A shift by 64 gives zero.
    let left = _mm_cvtsi32_si128(64 - shift as i32);
    let mask = _mm512_set1_epi64((1i64 << window.width) - 1);
    let share = _mm512_set1_epi64((1i64 << (window.width - 1)) - 1);
    let low = &entries.words[k][..];
    let high = entries.words.get(k + 1).map(|words| &words[..]);
    for i in (0..entries.len).step_by(8) {
        let mut field = _mm512_srl_epi64(load_words(low[i..i + 8].try_into().unwrap()), right);
        if let Some(high) = high {
            let high = load_words(high[i..i + 8].try_into().unwrap());
            field = _mm512_or_si512(field, _mm512_sll_epi64(high, left));
        }
        let digit = _mm512_sub_epi64(_mm512_and_si512(field, mask), share);
        let sign = _mm512_srli_epi64::<63>(digit);
        let code = _mm512_or_si512(_mm512_slli_epi64::<1>(_mm512_abs_epi64(digit)), sign);
        let target: &mut [u32; 8] = (&mut out[i..i + 8]).try_into().unwrap();
        // SAFETY: the reference covers the 32 bytes written; the store needs no alignment.
        unsafe { _mm256_storeu_si256(target.as_mut_ptr().cast(), _mm512_cvtepi64_epi32(code)) };
    }
}
