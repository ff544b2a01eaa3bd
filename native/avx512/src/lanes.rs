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

use core::arch::x86_64::*;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use crate::constants::{Field, MASK52};

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

#[target_feature(enable = "avx512ifma,avx512vbmi2")]
#[inline]
fn splat(x: u64) -> __m512i {
    _mm512_set1_epi64(x as i64)
}

/// Eight words from memory.
#[target_feature(enable = "avx512ifma,avx512vbmi2")]
#[inline]
pub fn load_words(words: &[u64; 8]) -> __m512i {
    // SAFETY: the reference covers the 64 bytes read; the load needs no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// Eight words to memory.
#[target_feature(enable = "avx512ifma,avx512vbmi2")]
#[inline]
pub fn store_words(words: &mut [u64; 8], x: __m512i) {
    // SAFETY: the reference covers the 64 bytes written; the store needs no alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), x) }
}

impl<F: Field> Lanes<F> {
    /// Eight zeros.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn zero() -> Self {
        Self([_mm512_setzero_si512(); 5], PhantomData)
    }

    /// One element in all lanes.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn splat(limbs: &[u64; 5]) -> Self {
        Self([splat(limbs[0]), splat(limbs[1]), splat(limbs[2]), splat(limbs[3]), splat(limbs[4])], PhantomData)
    }

    /// One, in Montgomery form.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn one() -> Self {
        Self::splat(&F::R260)
    }

    /// From limbs that are known to be carried.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn from_limbs(limbs: [__m512i; 5]) -> Self {
        Self(limbs, PhantomData)
    }

    /// Reads a block.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn load(block: &Block) -> Self {
        let mut limbs = [_mm512_setzero_si512(); 5];
        for j in 0..5 {
            limbs[j] = load_words(&block.0[j]);
        }
        Self(limbs, PhantomData)
    }

    /// Writes a block.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn store(self, block: &mut Block) {
        for j in 0..5 {
            store_words(&mut block.0[j], self.0[j]);
        }
    }

    /// Writes a block for the first time.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn init(self, block: &mut MaybeUninit<Block>) {
        let rows: *mut __m512i = block.as_mut_ptr().cast();
        for j in 0..5 {
            // SAFETY: a block is five rows of 64 bytes, aligned to 64.
            unsafe { _mm512_store_si512(rows.add(j), self.0[j]) };
        }
    }

    /// As a factor of a product. Free.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn factor(self) -> Factor<F> {
        Factor(self.0, PhantomData)
    }

    /// As a summand. Free.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn loose(self) -> Loose<F> {
        Loose(self.0, PhantomData)
    }

    /// a + b, not reduced.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn add(self, other: Self) -> Loose<F> {
        self.loose().add(other)
    }

    /// a - b + K p, not reduced; b must be below K p.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn subtract<const K: usize>(self, other: Self) -> Loose<F> {
        self.loose().subtract_loose::<K>(other.loose())
    }

    /// a b 2^-260, stored.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn multiply(self, other: Self) -> Self {
        self.factor().product(other.factor()).reduce().carry()
    }

    /// a^2 2^-260, stored.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn square(self) -> Self {
        self.factor().square().reduce().carry()
    }

    /// Lane by lane: `other` where the mask has a one, else `self`.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn select(self, mask: u8, other: Self) -> Self {
        let mut limbs = self.0;
        for j in 0..5 {
            limbs[j] = _mm512_mask_blend_epi64(mask, limbs[j], other.0[j]);
        }
        Self(limbs, PhantomData)
    }

    /// The lanes whose limbs are all zero. (A multiple of p counts as not zero.)
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn all_zero_limbs(self) -> u8 {
        let [a, b, c, d, e] = self.0;
        let any = _mm512_or_si512(_mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(c, d)), e);
        _mm512_testn_epi64_mask(any, any)
    }

    /// The representative in [0, p) of a value below 4 p.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn canonical(self) -> Self {
        self.loose().check_below(4.0);
        self.subtract_if_at_least(&F::MULTIPLES[2]).subtract_if_at_least(&F::MULTIPLES[1])
    }

    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    fn subtract_if_at_least(self, limbs: &[u64; 5]) -> Self {
        let (difference, borrow) = self.borrow_of(limbs);
        difference.select(borrow, self)
    }

    /// self - limbs, and the lanes where that is negative (there the difference is meaningless).
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
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
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn less_than(self, limbs: &[u64; 5]) -> u8 {
        self.borrow_of(limbs).1
    }

    /// The lanes that are zero modulo p, for a value below 4 p.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn is_zero(self) -> u8 {
        self.canonical().all_zero_limbs()
    }

    /// Eight consecutive elements that begin at lane `offset` < 8 of `self` and run on into `next`.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
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

    /// One lane's element in all lanes.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn broadcast_lane(self, lane: usize) -> Self {
        let (index, mut limbs) = (splat(lane as u64), self.0);
        for limb in &mut limbs {
            *limb = _mm512_permutexvar_epi64(index, *limb);
        }
        Self(limbs, PhantomData)
    }

    /// The integers that these Montgomery forms stand for, in [0, p), for a value below 84 p.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn to_integers(self) -> Self {
        // The value over 2^260 is below 1, so the reduction gives less than 2 p + 1.
        let mut columns = Columns::zero();
        columns.0[..5].copy_from_slice(&self.0);
        columns.reduce().carry().canonical()
    }

    /// The Montgomery forms of integers below 2^256.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn integers_to_montgomery(self) -> Self {
        self.multiply(Self::splat(&F::R260_SQUARED))
    }

    /// The Montgomery forms of integers below 2^52: only limb 0 is read.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
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

    /// Five limbs from four 64-bit words.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn from_words(w: [__m512i; 4]) -> Self {
        let mask = splat(MASK52);
        let limbs = [
            _mm512_and_si512(w[0], mask),
            _mm512_and_si512(_mm512_shrdi_epi64::<52>(w[0], w[1]), mask),
            _mm512_and_si512(_mm512_shrdi_epi64::<40>(w[1], w[2]), mask),
            _mm512_and_si512(_mm512_shrdi_epi64::<28>(w[2], w[3]), mask),
            _mm512_srli_epi64::<16>(w[3]),
        ];
        Self(limbs, PhantomData)
    }

    /// Four 64-bit words from five limbs; the value is below 2^256.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn to_words(self) -> [__m512i; 4] {
        let [a, b, c, d, e] = self.0;
        [
            _mm512_or_si512(a, _mm512_slli_epi64::<52>(b)),
            _mm512_or_si512(_mm512_srli_epi64::<12>(b), _mm512_slli_epi64::<40>(c)),
            _mm512_or_si512(_mm512_srli_epi64::<24>(c), _mm512_slli_epi64::<28>(d)),
            _mm512_or_si512(_mm512_srli_epi64::<36>(d), _mm512_slli_epi64::<16>(e)),
        ]
    }

    /// Eight integers of four words each, as they lie one after the other in memory.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn from_packed(words: &[u64; 32]) -> Self {
        let row = |k: usize| load_words(words[8 * k..8 * k + 8].try_into().unwrap());
        let (a, b, c, d) = (row(0), row(1), row(2), row(3));
        let first = _mm512_setr_epi64(0, 4, 8, 12, 1, 5, 9, 13);
        let second = _mm512_setr_epi64(2, 6, 10, 14, 3, 7, 11, 15);
        // Words 0 and 1, then 2 and 3, of elements 0 to 3 and of elements 4 to 7.
        let (ab01, ab23) = (_mm512_permutex2var_epi64(a, first, b), _mm512_permutex2var_epi64(a, second, b));
        let (cd01, cd23) = (_mm512_permutex2var_epi64(c, first, d), _mm512_permutex2var_epi64(c, second, d));
        Self::from_words([
            _mm512_shuffle_i64x2::<0x44>(ab01, cd01),
            _mm512_shuffle_i64x2::<0xee>(ab01, cd01),
            _mm512_shuffle_i64x2::<0x44>(ab23, cd23),
            _mm512_shuffle_i64x2::<0xee>(ab23, cd23),
        ])
    }

    /// Inverse of `from_packed`; the value is below 2^256.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn to_packed(self, words: &mut [u64; 32]) {
        let w = self.to_words();
        let (ab01, cd01) = (_mm512_shuffle_i64x2::<0x44>(w[0], w[1]), _mm512_shuffle_i64x2::<0xee>(w[0], w[1]));
        let (ab23, cd23) = (_mm512_shuffle_i64x2::<0x44>(w[2], w[3]), _mm512_shuffle_i64x2::<0xee>(w[2], w[3]));
        let first = _mm512_setr_epi64(0, 4, 8, 12, 1, 5, 9, 13);
        let second = _mm512_setr_epi64(2, 6, 10, 14, 3, 7, 11, 15);
        let rows = [
            _mm512_permutex2var_epi64(ab01, first, ab23),
            _mm512_permutex2var_epi64(ab01, second, ab23),
            _mm512_permutex2var_epi64(cd01, first, cd23),
            _mm512_permutex2var_epi64(cd01, second, cd23),
        ];
        for k in 0..4 {
            store_words((&mut words[8 * k..8 * k + 8]).try_into().unwrap(), rows[k]);
        }
    }
}

impl<F: Field> Loose<F> {
    /// Reads limbs as `keep` left them.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn load(block: &Block) -> Self {
        Self(Lanes::<F>::load(block).0, PhantomData)
    }

    /// Writes limbs as they are: for scratch memory inside a kernel.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn keep(self, block: &mut Block) {
        Lanes::<F>(self.0, PhantomData).store(block);
    }

    /// Lane by lane: `other` where the mask has a one, else `self`.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn select(self, mask: u8, other: Self) -> Self {
        Self(Lanes::<F>(self.0, PhantomData).select(mask, Lanes(other.0, PhantomData)).0, PhantomData)
    }

    /// Adds a carried value.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn add(self, other: Lanes<F>) -> Self {
        self.add_loose(other.loose())
    }

    /// Adds limb by limb.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn add_loose(self, other: Self) -> Self {
        let mut limbs = self.0;
        for j in 0..5 {
            limbs[j] = _mm512_add_epi64(limbs[j], other.0[j]);
        }
        Self(limbs, PhantomData)
    }

    /// a - b + K p; b must be below K p.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn subtract_loose<const K: usize>(self, other: Self) -> Self {
        other.check_below(K as f64);
        let mut limbs = self.0;
        for j in 0..5 {
            let raised = _mm512_add_epi64(limbs[j], splat(F::MULTIPLES[K][j]));
            limbs[j] = _mm512_sub_epi64(raised, other.0[j]);
        }
        Self(limbs, PhantomData)
    }

    /// Propagates carries; the value, below 84 p, does not change.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn carry(self) -> Lanes<F> {
        self.check_below(84.0);
        self.carry_unchecked()
    }

    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    fn carry_unchecked(self) -> Lanes<F> {
        let (mut limbs, mask) = (self.0, splat(MASK52));
        for j in 0..4 {
            limbs[j + 1] = _mm512_add_epi64(limbs[j + 1], _mm512_srai_epi64::<52>(limbs[j]));
            limbs[j] = _mm512_and_si512(limbs[j], mask);
        }
        Lanes(limbs, PhantomData)
    }

    /// Propagates carries for use as a factor; the value, below 84 p, does not change.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn factor(self) -> Factor<F> {
        self.check_below(84.0);
        let mut limbs = self.0;
        for j in 0..4 {
            limbs[j + 1] = _mm512_add_epi64(limbs[j + 1], _mm512_srai_epi64::<52>(limbs[j]));
        }
        Factor(limbs, PhantomData)
    }

    /// From below 10.5 p to below 2.4 p.
    ///
    /// The top limb must not be negative before carrying: all limbs at least 0, or the value at least p / 4.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn reduce_8(self) -> Lanes<F> {
        self.check_below(10.5);
        let index = _mm512_srai_epi64::<46>(self.0[4]);
        let mut limbs = self.0;
        for j in 0..5 {
            let multiples = _mm512_permutexvar_epi64(index, load_words(&F::TABLE_8[j]));
            limbs[j] = _mm512_sub_epi64(limbs[j], multiples);
        }
        let reduced = Loose::<F>(limbs, PhantomData);
        reduced.check_below(2.4);
        reduced.carry_unchecked()
    }

    /// From below 42 p to stored, below 3.7 p. The top limb must not be negative, as for `reduce_8`.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn reduce_16(self) -> Lanes<F> {
        self.check_below(42.0);
        let index = _mm512_srai_epi64::<47>(self.0[4]);
        let mut limbs = self.0;
        for j in 0..5 {
            let (low, high) = F::TABLE_16[j].split_at(8);
            let (low, high) = (load_words(low.try_into().unwrap()), load_words(high.try_into().unwrap()));
            limbs[j] = _mm512_sub_epi64(limbs[j], _mm512_permutex2var_epi64(low, index, high));
        }
        let reduced = Loose::<F>(limbs, PhantomData);
        reduced.check_below(STORED);
        reduced.carry_unchecked()
    }

    /// Asserts, where bounds are checked, that every lane is in [0, multiple * p).
    #[inline(always)]
    pub fn check_below(&self, multiple: f64) {
        if cfg!(any(debug_assertions, feature = "debug-bounds")) {
            crate::bounds::check::<F>(&self.0, multiple);
        }
    }
}

impl<F: Field> Factor<F> {
    /// The columns of a b.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn product(self, other: Self) -> Columns<F> {
        Columns::zero().add_product(self, other)
    }

    /// The columns of a^2: the ten cross products once, doubled.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn square(self) -> Columns<F> {
        let (a, mut t) = (self.0, Columns::<F>::zero().0);
        for i in 0..5 {
            for j in i + 1..5 {
                t[i + j] = _mm512_madd52lo_epu64(t[i + j], a[i], a[j]);
                t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], a[i], a[j]);
            }
        }
        for column in &mut t[1..9] {
            *column = _mm512_add_epi64(*column, *column);
        }
        for i in 0..5 {
            t[2 * i] = _mm512_madd52lo_epu64(t[2 * i], a[i], a[i]);
            t[2 * i + 1] = _mm512_madd52hi_epu64(t[2 * i + 1], a[i], a[i]);
        }
        Columns(t, PhantomData)
    }
}

impl<F: Field> Columns<F> {
    /// An empty sum.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn zero() -> Self {
        Self([_mm512_setzero_si512(); 10], PhantomData)
    }

    /// Adds a b.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn add_product(self, a: Factor<F>, b: Factor<F>) -> Self {
        let mut t = self.0;
        for i in 0..5 {
            for j in 0..5 {
                t[i + j] = _mm512_madd52lo_epu64(t[i + j], a.0[i], b.0[j]);
                t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], a.0[i], b.0[j]);
            }
        }
        Self(t, PhantomData)
    }

    /// Montgomery's reduction: the sum over 2^260, plus less than 2 p.
    ///
    /// Four steps use N = k p = -1 modulo 2^52, for which m = t_i itself: (t + m N) / 2^52 = (t >> 52) + m FOLDED.
    /// Each adds at most 2^52 N <= 2^104 p, in all p after the division. The fifth, which would add as much again,
    /// uses p and an explicit m.
    #[target_feature(enable = "avx512ifma,avx512vbmi2")]
    #[inline]
    pub fn reduce(self) -> Loose<F> {
        let mut t = self.0;
        for i in 0..4 {
            let m = t[i];
            t[i + 1] = _mm512_add_epi64(t[i + 1], _mm512_srli_epi64::<52>(m));
            for j in 0..5 {
                let n = splat(F::FOLDED[j]);
                t[i + 1 + j] = _mm512_madd52lo_epu64(t[i + 1 + j], m, n);
                if i + 2 + j < 10 {
                    t[i + 2 + j] = _mm512_madd52hi_epu64(t[i + 2 + j], m, n);
                }
            }
        }
        let m = _mm512_madd52lo_epu64(_mm512_setzero_si512(), t[4], splat(F::NEGATIVE_INVERSE_52));
        let lowest = _mm512_madd52lo_epu64(t[4], m, splat(F::LIMBS[0]));
        t[5] = _mm512_add_epi64(t[5], _mm512_srli_epi64::<52>(lowest));
        for j in 0..5 {
            let p = splat(F::LIMBS[j]);
            if j > 0 {
                t[4 + j] = _mm512_madd52lo_epu64(t[4 + j], m, p);
            }
            t[5 + j] = _mm512_madd52hi_epu64(t[5 + j], m, p);
        }
        Loose([t[5], t[6], t[7], t[8], t[9]], PhantomData)
    }
}

/// Transposes an 8 x 8 matrix of words.
#[target_feature(enable = "avx512ifma,avx512vbmi2")]
#[inline]
pub fn transpose(r: [__m512i; 8]) -> [__m512i; 8] {
    let mut pairs = r;
    for i in 0..4 {
        pairs[2 * i] = _mm512_unpacklo_epi64(r[2 * i], r[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_epi64(r[2 * i], r[2 * i + 1]);
    }
    // pairs[2 i + k]: columns k, k + 2, k + 4, k + 6 of rows 2 i and 2 i + 1.
    let mut quads = pairs;
    for h in 0..2 {
        for k in 0..2 {
            let (a, b) = (pairs[4 * h + k], pairs[4 * h + 2 + k]);
            quads[4 * h + k] = _mm512_shuffle_i64x2::<0x88>(a, b);
            quads[4 * h + 2 + k] = _mm512_shuffle_i64x2::<0xdd>(a, b);
        }
    }
    // quads[4 h + c]: columns c and c + 4 of rows 4 h to 4 h + 3.
    let mut out = quads;
    for c in 0..4 {
        out[c] = _mm512_shuffle_i64x2::<0x88>(quads[c], quads[4 + c]);
        out[c + 4] = _mm512_shuffle_i64x2::<0xdd>(quads[c], quads[4 + c]);
    }
    out
}

/// Transposes an 8 x 8 matrix of elements: entry j of row i becomes entry i of row j.
#[target_feature(enable = "avx512ifma,avx512vbmi2")]
#[inline]
pub fn transpose_lanes<F: Field>(rows: &mut [Lanes<F>; 8]) {
    for j in 0..5 {
        let mut limb = [_mm512_setzero_si512(); 8];
        for i in 0..8 {
            limb[i] = rows[i].0[j];
        }
        let limb = transpose(limb);
        for i in 0..8 {
            rows[i].0[j] = limb[i];
        }
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
