//! Between five limbs and four words, between lanes and memory order.

use std::marker::PhantomData;

use super::{Lanes, load_words, splat, store_words};
use crate::constants::{Field, MASK52};
use crate::simd::*;

impl<F: Field> Lanes<F> {
    /// Five limbs from four 64-bit words.
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
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
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
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
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
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
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
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

/// Transposes an 8 x 8 matrix of words.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
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
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
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
