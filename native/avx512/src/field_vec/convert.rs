//! In and out: bytes, signed integers, scalars, arkworks' words.

use core::arch::x86_64::*;

use super::{FieldVec, Scalar};
use crate::constants::{Field, Fr, limbs_of_words};
use crate::error::Error;
use crate::lanes::{Block, Lanes, load_words};

impl FieldVec {
    /// From 32-byte little-endian canonical integers.
    ///
    /// Errors if the length is not a multiple of 32 or an integer is not below r.
    pub fn from_bytes(data: &[u8]) -> Result<Self, Error> {
        if !data.len().is_multiple_of(32) {
            return Err(Error::Length { expected: data.len().next_multiple_of(32), got: data.len() });
        }
        Self::from_packed(data.len() / 32, &Fr::R260_SQUARED, |i, words| {
            let bytes = &data[32 * i..data.len().min(32 * i + 256)];
            for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
                *word = u64::from_le_bytes(bytes.try_into().unwrap());
            }
        })
    }

    /// From canonical integers of four words each. Errors if one is not below r.
    pub fn from_words(integers: &[[u64; 4]]) -> Result<Self, Error> {
        Self::from_packed(integers.len(), &Fr::R260_SQUARED, |i, words| gather(integers, i, words))
    }

    /// From Montgomery forms with R = 2^256, as arkworks stores them. Errors if one is not below r.
    pub fn from_montgomery(elements: &[[u64; 4]]) -> Result<Self, Error> {
        Self::from_packed(elements.len(), &Fr::R264, |i, words| gather(elements, i, words))
    }

    /// From scalars.
    pub fn from_scalars(scalars: &[Scalar]) -> Self {
        let words: Vec<[u64; 4]> = scalars.iter().map(|s| s.to_montgomery()).collect();
        Self::from_montgomery(&words).unwrap_or_else(|_| unreachable!("a scalar is canonical"))
    }

    /// From signed integers; -1 becomes r - 1.
    pub fn from_i64(values: &[i64]) -> Self {
        // SAFETY: the kernel writes all of `out`.
        unsafe {
            Self::build(values.len(), |k, out| {
                for (i, out) in out.iter_mut().enumerate() {
                    let mut eight = [0i64; 8];
                    let rest = &values[8 * (k + i)..];
                    let count = rest.len().min(8);
                    eight[..count].copy_from_slice(&rest[..count]);
                    enter!(lanes_from_i64(&eight, out.write(Block::ZERO)));
                }
            })
        }
    }

    /// The canonical integers, 32 bytes little-endian each.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 * self.len.next_multiple_of(8));
        for block in self.blocks.iter() {
            for word in enter!(packed_integers(block)) {
                out.extend_from_slice(&word.to_le_bytes());
            }
        }
        out.truncate(32 * self.len);
        out
    }

    /// The canonical integers, four words each.
    pub fn to_words(&self) -> Vec<[u64; 4]> {
        self.unpacked(|block| enter!(packed_integers(block)))
    }

    /// The Montgomery forms with R = 2^256, as arkworks stores them.
    pub fn to_montgomery(&self) -> Vec<[u64; 4]> {
        self.unpacked(|block| enter!(packed_montgomery(block)))
    }

    /// The elements as scalars.
    pub fn to_scalars(&self) -> Vec<Scalar> {
        let canonical = |w| Scalar::from_montgomery(w).unwrap_or_else(|| unreachable!("reduced by the kernel"));
        self.to_montgomery().into_iter().map(canonical).collect()
    }

    /// One element. Panics past the end.
    pub fn get(&self, index: usize) -> Scalar {
        assert!(index < self.len, "index {index} past the length {}", self.len);
        let words = enter!(packed_montgomery(&self.blocks[index / 8]));
        let words = words[4 * (index % 8)..][..4].try_into().unwrap();
        Scalar::from_montgomery(words).unwrap_or_else(|| unreachable!("reduced by the kernel"))
    }

    fn unpacked(&self, eight: impl Fn(&Block) -> [u64; 32]) -> Vec<[u64; 4]> {
        let mut out = Vec::with_capacity(self.len.next_multiple_of(8));
        for block in self.blocks.iter() {
            out.extend(eight(block).chunks_exact(4).map(|w| <[u64; 4]>::try_from(w).unwrap()));
        }
        out.truncate(self.len);
        out
    }

    /// `read` fills in up to eight integers from the given index on; `factor` takes them to stored form.
    fn from_packed(len: usize, factor: &[u64; 5], read: impl Fn(usize, &mut [u64; 32]) + Sync) -> Result<Self, Error> {
        let bad = std::sync::atomic::AtomicUsize::new(usize::MAX);
        // SAFETY: every block is written.
        let vector = unsafe {
            Self::build(len, |k, out| {
                for (i, out) in out.iter_mut().enumerate() {
                    let mut words = [0; 32];
                    read(8 * (k + i), &mut words);
                    let wrong = enter!(lanes_from_packed(&words, factor, out.write(Block::ZERO)));
                    if wrong != 0 {
                        let index = 8 * (k + i) + wrong.trailing_zeros() as usize;
                        bad.fetch_min(index, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            })
        };
        match bad.into_inner() {
            usize::MAX => Ok(vector),
            index => Err(Error::NotCanonical { index }),
        }
    }
}

fn gather(integers: &[[u64; 4]], start: usize, words: &mut [u64; 32]) {
    let rest = &integers[start..];
    for (out, integer) in words.chunks_exact_mut(4).zip(rest) {
        out.copy_from_slice(integer);
    }
}

/// Converts eight integers and returns the lanes that are not below r.
#[target_feature(enable = "avx512ifma,avx512vbmi2")]
fn lanes_from_packed(words: &[u64; 32], factor: &[u64; 5], out: &mut Block) -> u8 {
    let integers = Lanes::<Fr>::from_packed(words);
    integers.multiply(Lanes::splat(factor)).store(out);
    !integers.less_than(&Fr::LIMBS)
}

#[target_feature(enable = "avx512ifma,avx512vbmi2")]
fn lanes_from_i64(values: &[i64; 8], out: &mut Block) {
    // SAFETY: the array covers the 64 bytes read; the load needs no alignment.
    let x = unsafe { _mm512_loadu_si512(values.as_ptr().cast()) };
    let zero = _mm512_setzero_si512();
    let magnitude = Lanes::<Fr>::from_words([_mm512_abs_epi64(x), zero, zero, zero]).integers_to_montgomery();
    let negated = Lanes::zero().subtract::<4>(magnitude).reduce_8();
    magnitude.select(_mm512_cmplt_epi64_mask(x, zero), negated).store(out);
}

#[target_feature(enable = "avx512ifma,avx512vbmi2")]
fn packed_integers(block: &Block) -> [u64; 32] {
    let mut words = [0; 32];
    Lanes::<Fr>::load(block).to_integers().to_packed(&mut words);
    words
}

#[target_feature(enable = "avx512ifma,avx512vbmi2")]
fn packed_montgomery(block: &Block) -> [u64; 32] {
    let mut words = [0; 32];
    Lanes::<Fr>::load(block).multiply(Lanes::splat(&Fr::R256_LIMBS)).canonical().to_packed(&mut words);
    words
}

/// (r - 1) / 2 + 1: the least integer that counts as negative.
pub(crate) const NEGATIVE_FROM: [u64; 5] = {
    let mut limbs = limbs_of_words(Fr::HALF);
    limbs[0] += 1; // No carry: the low limb of (r - 1) / 2 is not all ones.
    limbs
};

/// Digits below 2^52, one a lane, to stored form.
#[target_feature(enable = "avx512ifma,avx512vbmi2")]
pub(crate) fn block_from_small(values: &[u64; 8], out: &mut Block) {
    Lanes::<Fr>::from_small_integers(load_words(values)).store(out);
}
