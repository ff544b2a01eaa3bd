//! Sums, products and their reduction.

use std::marker::PhantomData;

use super::{Block, Columns, Factor, Lanes, Loose, STORED, load_words, splat};
use crate::constants::{Field, MASK52};
use crate::simd::*;

impl<F: Field> Loose<F> {
    /// From limbs as they are.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn from_limbs(limbs: [__m512i; 5]) -> Self {
        Self(limbs, PhantomData)
    }

    /// One lane's value in all lanes.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn broadcast_lane(self, lane: usize) -> Self {
        let (index, mut limbs) = (splat(lane as u64), self.0);
        for limb in &mut limbs {
            *limb = _mm512_permutexvar_epi64(index, *limb);
        }
        Self(limbs, PhantomData)
    }

    /// Reads limbs as `keep` left them.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn load(block: &Block) -> Self {
        Self(Lanes::<F>::load(block).0, PhantomData)
    }

    /// Writes limbs as they are: for scratch memory inside a kernel.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn keep(self, block: &mut Block) {
        Lanes::<F>(self.0, PhantomData).store(block);
    }

    /// Lane by lane: `other` where the mask has a one, else `self`.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn select(self, mask: u8, other: Self) -> Self {
        Self(Lanes::<F>(self.0, PhantomData).select(mask, Lanes(other.0, PhantomData)).0, PhantomData)
    }

    /// Adds a carried value.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn add(self, other: Lanes<F>) -> Self {
        self.add_loose(other.loose())
    }

    /// Adds limb by limb.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn add_loose(self, other: Self) -> Self {
        let mut limbs = self.0;
        for j in 0..5 {
            limbs[j] = _mm512_add_epi64(limbs[j], other.0[j]);
        }
        Self(limbs, PhantomData)
    }

    /// a - b + K p; b must be below K p.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
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
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn carry(self) -> Lanes<F> {
        self.check_below(84.0);
        self.carry_unchecked()
    }

    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub(super) fn carry_unchecked(self) -> Lanes<F> {
        let (mut limbs, mask) = (self.0, splat(MASK52));
        for j in 0..4 {
            limbs[j + 1] = _mm512_add_epi64(limbs[j + 1], _mm512_srai_epi64::<52>(limbs[j]));
            limbs[j] = _mm512_and_si512(limbs[j], mask);
        }
        Lanes(limbs, PhantomData)
    }

    /// Propagates carries for use as a factor; the value, below 84 p, does not change.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
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
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
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
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
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
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn product(self, other: Self) -> Columns<F> {
        Columns::zero().add_product(self, other)
    }

    /// The columns of a^2: the ten cross products once, doubled.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
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
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    #[inline]
    pub fn zero() -> Self {
        Self([_mm512_setzero_si512(); 10], PhantomData)
    }

    /// Adds a b.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
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
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
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
