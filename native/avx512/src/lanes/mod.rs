//! Eight field elements side by side: five limbs of 52 bits, eight lanes each, Montgomery form with R = 2^260.
//!
//! Reduction is lazy. p is a little over 2^253, so five limbs hold values up to 84 p, and three types say what
//! state a value is in:
//!
//! * [`Lanes`]: limbs in [0, 2^52). **Stored** values, those that go to memory, are below 3.7 p.
//! * [`Loose`]: a sum or difference of such, limbs signed and not carried, the value itself at least 0.
//! * [`Factor`]: carried but not masked. The multiplication instructions read the low 52 bits of an operand only, so
//!   this is enough for a factor, and for nothing else.
//!
//! Products pass through [`Columns`]. The bounds, in multiples of p (p / 2^260 = 0.0119):
//!
//! | operation | needs | gives |
//! |---|---|---|
//! | `Columns::reduce` of a sum of products a_i b_i | each a, b below 84 | below 2 + 0.0119 sum a_i b_i |
//! | `Lanes::multiply` of stored values | 3.7 each | below 2.2 |
//! | `Loose::reduce_8` | below 10.5 | below 2.4 |
//! | `Loose::reduce_16` | below 42 | below 3.7 |
//! | `Lanes::canonical` | below 4 | below 1 |
//!
//! Debug builds and the feature `debug-bounds` check each of them at run time.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use crate::constants::Field;
use crate::simd::*;

mod layout;
mod reduction;
#[cfg(test)]
mod tests;

pub use layout::{transpose, transpose_lanes};

/// The bound on stored values, in multiples of p.
pub const STORED: f64 = 3.7;

/// Eight field elements in memory: limb by limb, eight lanes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Block(pub [[u64; 8]; 5]);

impl Block {
    /// Eight zeros.
    pub const ZERO: Block = Block([[0; 8]; 5]);

    /// The limbs of one lane.
    pub fn lane(&self, lane: usize) -> [u64; 5] {
        std::array::from_fn(|j| self.0[j][lane])
    }

    /// Overwrites one lane.
    pub fn set_lane(&mut self, lane: usize, limbs: [u64; 5]) {
        for (row, limb) in self.0.iter_mut().zip(limbs) {
            row[lane] = limb;
        }
    }
}

/// Carried and masked limbs.
#[derive(Clone, Copy)]
pub struct Lanes<F>(pub [__m512i; 5], PhantomData<F>);

/// Signed limbs, not carried.
#[derive(Clone, Copy)]
pub struct Loose<F>(pub [__m512i; 5], PhantomData<F>);

/// Limbs of which only the low 52 bits count.
#[derive(Clone, Copy)]
pub struct Factor<F>([__m512i; 5], PhantomData<F>);

/// Ten columns of a sum of products, weights 2^0, 2^52, ..., 2^468.
///
/// One product adds less than 10 * 2^52 to a column, so 300 fit before `carry`.
#[derive(Clone, Copy)]
pub struct Columns<F>(pub [__m512i; 10], PhantomData<F>);

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline]
fn splat(x: u64) -> __m512i {
    _mm512_set1_epi64(x as i64)
}

/// Eight words from memory.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline]
pub fn load_words(words: &[u64; 8]) -> __m512i {
    // SAFETY: the reference covers the 64 bytes read; the load needs no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// Eight words to memory.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline]
pub fn store_words(words: &mut [u64; 8], x: __m512i) {
    // SAFETY: the reference covers the 64 bytes written; the store needs no alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), x) }
}

impl<F: Field> Lanes<F> {
    /// Eight zeros.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn zero() -> Self {
        Self([_mm512_setzero_si512(); 5], PhantomData)
    }

    /// One element in all lanes.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn splat(limbs: &[u64; 5]) -> Self {
        Self([splat(limbs[0]), splat(limbs[1]), splat(limbs[2]), splat(limbs[3]), splat(limbs[4])], PhantomData)
    }

    /// One, in Montgomery form.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn one() -> Self {
        Self::splat(&F::R260)
    }

    /// Reads a block.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn load(block: &Block) -> Self {
        let mut limbs = [_mm512_setzero_si512(); 5];
        for j in 0..5 {
            limbs[j] = load_words(&block.0[j]);
        }
        Self(limbs, PhantomData)
    }

    /// Writes a block.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn store(self, block: &mut Block) {
        for j in 0..5 {
            store_words(&mut block.0[j], self.0[j]);
        }
    }

    /// Writes a block for the first time.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn init(self, block: &mut MaybeUninit<Block>) {
        let rows: *mut __m512i = block.as_mut_ptr().cast();
        for j in 0..5 {
            // SAFETY: a block is five rows of 64 bytes, aligned to 64.
            unsafe { _mm512_store_si512(rows.add(j), self.0[j]) };
        }
    }

    /// As a factor of a product. Free.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn factor(self) -> Factor<F> {
        Factor(self.0, PhantomData)
    }

    /// As a summand. Free.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn loose(self) -> Loose<F> {
        Loose(self.0, PhantomData)
    }

    /// a + b, not reduced.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn add(self, other: Self) -> Loose<F> {
        self.loose().add(other)
    }

    /// a - b + K p, not reduced; b must be below K p.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn subtract<const K: usize>(self, other: Self) -> Loose<F> {
        self.loose().subtract_loose::<K>(other.loose())
    }

    /// a b 2^-260, stored.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn multiply(self, other: Self) -> Self {
        self.factor().product(other.factor()).reduce().carry()
    }

    /// a^2 2^-260, stored.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn square(self) -> Self {
        self.factor().square().reduce().carry()
    }

    /// Lane by lane: `other` where the mask has a one, else `self`.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn select(self, mask: u8, other: Self) -> Self {
        let mut limbs = self.0;
        for j in 0..5 {
            limbs[j] = _mm512_mask_blend_epi64(mask, limbs[j], other.0[j]);
        }
        Self(limbs, PhantomData)
    }

    /// The lanes whose limbs are all zero. (A multiple of p counts as not zero.)
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn all_zero_limbs(self) -> u8 {
        let [a, b, c, d, e] = self.0;
        let any = _mm512_or_si512(_mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(c, d)), e);
        _mm512_testn_epi64_mask(any, any)
    }

    /// The representative in [0, p) of a value below 4 p.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn canonical(self) -> Self {
        self.loose().check_below(4.0);
        self.subtract_if_at_least(&F::MULTIPLES[2]).subtract_if_at_least(&F::MULTIPLES[1])
    }

    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    fn subtract_if_at_least(self, limbs: &[u64; 5]) -> Self {
        let (difference, borrow) = self.borrow_of(limbs);
        difference.select(borrow, self)
    }

    /// self - limbs, and the lanes where that is negative (there the difference is meaningless).
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    fn borrow_of(self, limbs: &[u64; 5]) -> (Self, u8) {
        let mut d = self.0;
        for j in 0..5 {
            d[j] = _mm512_sub_epi64(d[j], splat(limbs[j]));
        }
        let d = Loose::<F>(d, PhantomData).carry_unchecked();
        (d, _mm512_cmplt_epi64_mask(d.0[4], _mm512_setzero_si512()))
    }

    /// The lanes whose integer is below the given one; for carried limbs.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn less_than(self, limbs: &[u64; 5]) -> u8 {
        self.borrow_of(limbs).1
    }

    /// The lanes that are zero modulo p, for a value below 4 p.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn is_zero(self) -> u8 {
        self.canonical().all_zero_limbs()
    }

    /// Eight consecutive elements that begin at lane `offset` < 8 of `self` and run on into `next`.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn align(self, next: Self, offset: usize) -> Self {
        let lane = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
        let index = _mm512_add_epi64(lane, splat(offset as u64));
        let mut limbs = self.0;
        for j in 0..5 {
            limbs[j] = _mm512_permutex2var_epi64(limbs[j], index, next.0[j]);
        }
        Self(limbs, PhantomData)
    }

    /// The integers that these Montgomery forms stand for, in [0, p), for a value below 84 p.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn to_integers(self) -> Self {
        // The value over 2^260 is below 1, so the reduction gives less than 2 p + 1.
        let mut columns = Columns::zero();
        columns.0[..5].copy_from_slice(&self.0);
        columns.reduce().carry().canonical()
    }

    /// The Montgomery forms of integers below 2^256.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn integers_to_montgomery(self) -> Self {
        self.multiply(Self::splat(&F::R260_SQUARED))
    }

    /// The Montgomery forms of integers below 2^52: only limb 0 is read.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn from_small_integers(integers: __m512i) -> Self {
        let mut columns = Columns::<F>::zero();
        for j in 0..5 {
            let b = splat(F::R260_SQUARED[j]);
            columns.0[j] = _mm512_madd52lo_epu64(columns.0[j], integers, b);
            columns.0[j + 1] = _mm512_madd52hi_epu64(columns.0[j + 1], integers, b);
        }
        columns.reduce().carry()
    }
}
