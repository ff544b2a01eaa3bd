//! One field element: the scalar arithmetic around the vector kernels, and the type of scalars in the API.

use std::marker::PhantomData;
use std::ops::{Add, Mul, Neg, Sub};

use crate::constants::{Field, at_least, limbs_of_words, subtract_words};
use crate::safegcd;

/// A field element: four words, Montgomery form with R = 2^256, in [0, p).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Element<F>([u64; 4], PhantomData<F>);

impl<F> std::fmt::Debug for Element<F> {
    // Values may be secret, so not even a debug print shows them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Element(..)")
    }
}

impl<F: Field> Element<F> {
    /// Zero.
    pub const ZERO: Self = Self([0; 4], PhantomData);
    /// One.
    pub const ONE: Self = Self(F::R256, PhantomData);

    /// From a canonical integer, little-endian words; `None` unless it is below p.
    pub fn from_canonical(words: [u64; 4]) -> Option<Self> {
        (!at_least(&words, &F::MODULUS)).then(|| Self(words, PhantomData) * Self(F::R256_SQUARED, PhantomData))
    }

    /// From an integer below p in Montgomery form with R = 2^256 (what arkworks stores); `None` if it is not below p.
    pub fn from_montgomery(words: [u64; 4]) -> Option<Self> {
        (!at_least(&words, &F::MODULUS)).then_some(Self(words, PhantomData))
    }

    /// The Montgomery form with R = 2^256.
    pub fn to_montgomery(self) -> [u64; 4] {
        self.0
    }

    /// The canonical integer, little-endian words.
    pub fn to_canonical(self) -> [u64; 4] {
        (self * Self([1, 0, 0, 0], PhantomData)).0
    }

    /// From a small integer.
    pub fn from_u64(x: u64) -> Self {
        Self([x, 0, 0, 0], PhantomData) * Self(F::R256_SQUARED, PhantomData)
    }

    /// Whether this is zero.
    pub fn is_zero(self) -> bool {
        self.0 == [0; 4]
    }

    /// 2 a.
    pub fn double(self) -> Self {
        self + self
    }

    /// a^2.
    pub fn square(self) -> Self {
        self * self
    }

    /// a^exponent. Takes a time that depends on the exponent.
    pub fn power(self, exponent: u64) -> Self {
        let mut out = Self::ONE;
        for bit in (0..64 - exponent.leading_zeros()).rev() {
            out = out.square();
            if exponent >> bit & 1 == 1 {
                out = out * self;
            }
        }
        out
    }

    /// 1 / a, or `None` for zero. Takes a time that depends on a: callers blind or batch what must not leak so.
    pub fn inverse(self) -> Option<Self> {
        if self.is_zero() {
            return None;
        }
        // The words hold a R; their inverse is 1 / (a R), and R^3 / R takes that to R / a.
        let inverse = safegcd::invert::<F>(&self.0);
        Some(Self(inverse, PhantomData) * Self(F::R256_CUBED, PhantomData))
    }

    /// The words of the Montgomery form with R = 2^260, canonical.
    pub(crate) fn to_lane_words(self) -> [u64; 4] {
        (self * Self(F::R260_WORDS, PhantomData)).0
    }

    /// The limbs of the Montgomery form with R = 2^260, canonical.
    pub(crate) fn to_lane_limbs(self) -> [u64; 5] {
        limbs_of_words(self.to_lane_words())
    }

    /// From canonical words of the Montgomery form with R = 2^260.
    pub(crate) fn from_lane_words(words: [u64; 4]) -> Self {
        debug_assert!(!at_least(&words, &F::MODULUS));
        Self(words, PhantomData) * Self(F::SIXTEENTH, PhantomData)
    }
}

impl<F: Field> Add for Element<F> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (mut sum, mut carry) = ([0; 4], 0u128);
        for i in 0..4 {
            carry += u128::from(self.0[i]) + u128::from(other.0[i]);
            sum[i] = carry as u64;
            carry >>= 64;
        }
        // 2 p < 2^255: no carry out.
        Self(if at_least(&sum, &F::MODULUS) { subtract_words(&sum, &F::MODULUS) } else { sum }, PhantomData)
    }
}

impl<F: Field> Neg for Element<F> {
    type Output = Self;

    fn neg(self) -> Self {
        if self.is_zero() { self } else { Self(subtract_words(&F::MODULUS, &self.0), PhantomData) }
    }
}

impl<F: Field> Sub for Element<F> {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl<F: Field> Mul for Element<F> {
    type Output = Self;

    /// Montgomery's product, word by word. The top word of p is below 2^62, so the two carries never collide.
    #[inline]
    fn mul(self, other: Self) -> Self {
        let (p, mut t) = (&F::MODULUS, [0u64; 4]);
        for i in 0..4 {
            let wide = |a: u64, b: u64| u128::from(a) * u128::from(b);
            let mut product = wide(self.0[i], other.0[0]) + u128::from(t[0]);
            let m = (product as u64).wrapping_mul(F::NEGATIVE_INVERSE);
            let mut reduction = (wide(m, p[0]) + u128::from(product as u64)) >> 64;
            product >>= 64;
            for j in 1..4 {
                product += wide(self.0[i], other.0[j]) + u128::from(t[j]);
                reduction += wide(m, p[j]) + u128::from(product as u64);
                t[j - 1] = reduction as u64;
                reduction >>= 64;
                product >>= 64;
            }
            t[3] = (product + reduction) as u64;
        }
        Self(if at_least(&t, &F::MODULUS) { subtract_words(&t, &F::MODULUS) } else { t }, PhantomData)
    }
}
