//! The two fields of BN254 and every constant the kernels derive from their moduli, computed at compile time.
//!
//! Words are 64-bit, limbs 52-bit, both little-endian. A word array holds 256 bits, a limb array 260.

use std::fmt::Debug;

/// Low 52 bits.
pub const MASK52: u64 = (1 << 52) - 1;

/// The 52-bit limbs of a 256-bit integer.
pub const fn limbs_of_words(w: [u64; 4]) -> [u64; 5] {
    [
        w[0] & MASK52,
        (w[0] >> 52 | w[1] << 12) & MASK52,
        (w[1] >> 40 | w[2] << 24) & MASK52,
        (w[2] >> 28 | w[3] << 36) & MASK52,
        w[3] >> 16,
    ]
}

/// Whether a >= b.
pub const fn at_least(a: &[u64; 4], b: &[u64; 4]) -> bool {
    let mut i = 4;
    while i > 0 {
        i -= 1;
        if a[i] != b[i] {
            return a[i] > b[i];
        }
    }
    true
}

/// a - b modulo 2^256.
pub const fn subtract_words(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let (mut out, mut borrow, mut i) = ([0; 4], false, 0);
    while i < 4 {
        let (x, b1) = a[i].overflowing_sub(b[i]);
        let (x, b2) = x.overflowing_sub(borrow as u64);
        out[i] = x;
        borrow = b1 | b2;
        i += 1;
    }
    out
}

/// 2^exponent modulo p, for p < 2^255.
const fn power_of_two(exponent: u32, p: &[u64; 4]) -> [u64; 4] {
    let (mut x, mut e) = ([1, 0, 0, 0], 0);
    while e < exponent {
        x = [x[0] << 1, x[1] << 1 | x[0] >> 63, x[2] << 1 | x[1] >> 63, x[3] << 1 | x[2] >> 63];
        if at_least(&x, p) {
            x = subtract_words(&x, p);
        }
        e += 1;
    }
    x
}

/// -1/p modulo 2^64, by Newton's iteration.
const fn negative_inverse(p0: u64) -> u64 {
    let (mut x, mut i) = (1u64, 0);
    while i < 6 {
        x = x.wrapping_mul(2u64.wrapping_sub(p0.wrapping_mul(x)));
        i += 1;
    }
    x.wrapping_neg()
}

/// k a, in limbs; the top limb takes what exceeds 260 bits.
const fn multiple(a: &[u64; 5], k: u64) -> [u64; 5] {
    let (mut out, mut carry, mut i) = ([0; 5], 0u128, 0);
    while i < 5 {
        carry += a[i] as u128 * k as u128;
        out[i] = if i < 4 { carry as u64 & MASK52 } else { carry as u64 };
        carry >>= 52;
        i += 1;
    }
    out
}

/// (k p + 1) / 2^52 for k = -1/p modulo 2^52.
const fn folded_modulus(p: &[u64; 5], k: u64) -> [u64; 5] {
    let (mut out, mut carry, mut i) = ([0; 5], 1u128, 0);
    while i < 5 {
        carry += p[i] as u128 * k as u128;
        if i > 0 {
            out[i - 1] = carry as u64 & MASK52;
        }
        carry >>= 52;
        i += 1;
    }
    out[4] = carry as u64;
    out
}

const fn limbs_at_most(a: &[u64; 5], b: &[u64; 5]) -> bool {
    let mut i = 5;
    while i > 0 {
        i -= 1;
        if a[i] != b[i] {
            return a[i] < b[i];
        }
    }
    true
}

/// Multiples of p to subtract, by the index i = value >> shift: the greatest that is at most i 2^shift - 2^228.
///
/// The 2^228 cover carries that have not reached the top limb yet. What is left lies in [0, 2^shift + p + 2^229).
/// Transposed: entry [limb][i].
const fn reduction_table<const N: usize>(p: &[u64; 5], shift: u32) -> [[u64; N]; 5] {
    let (mut table, mut i, mut times) = ([[0; N]; 5], 1, 0);
    while i < N {
        // i 2^shift - 2^228 in limbs: 2^228 is bit 20 of limb 4.
        let limit = [0, 0, 0, 0, ((i as u64) << (shift - 208)) - (1 << 20)];
        while limbs_at_most(&multiple(p, times + 1), &limit) {
            times += 1;
        }
        let entry = multiple(p, times);
        let mut j = 0;
        while j < 5 {
            table[j][i] = entry[j];
            j += 1;
        }
        i += 1;
    }
    table
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Fr {}
    impl Sealed for super::Fq {}
}

/// One of the two prime fields of BN254. Only the modulus is given; the rest follows from it.
pub trait Field: sealed::Sealed + Copy + Debug + Eq + Send + Sync + 'static {
    /// The modulus p, in words.
    const MODULUS: [u64; 4];
    /// The modulus in limbs.
    const LIMBS: [u64; 5] = limbs_of_words(Self::MODULUS);
    /// -1/p modulo 2^64.
    const NEGATIVE_INVERSE: u64 = negative_inverse(Self::MODULUS[0]);
    /// -1/p modulo 2^52.
    const NEGATIVE_INVERSE_52: u64 = Self::NEGATIVE_INVERSE & MASK52;
    /// N = k p = -1 modulo 2^52, as (N + 1) / 2^52: with N in place of p, Montgomery's factor m is the limb itself.
    const FOLDED: [u64; 5] = folded_modulus(&Self::LIMBS, Self::NEGATIVE_INVERSE_52);
    /// 0, p, ..., 15 p.
    const MULTIPLES: [[u64; 5]; 16] = {
        let (mut out, mut k) = ([[0; 5]; 16], 0);
        while k < 16 {
            out[k] = multiple(&Self::LIMBS, k as u64);
            k += 1;
        }
        out
    };
    /// Reduction by bits 254 to 256: for values below 8 * 2^254 = 10.5 p.
    const TABLE_8: [[u64; 8]; 5] = reduction_table::<8>(&Self::LIMBS, 254);
    /// Reduction by bits 255 to 258: for values below 16 * 2^255 = 42.3 p.
    const TABLE_16: [[u64; 16]; 5] = reduction_table::<16>(&Self::LIMBS, 255);
    /// 2^256 mod p: one in the words' Montgomery form.
    const R256: [u64; 4] = power_of_two(256, &Self::MODULUS);
    /// 2^512 mod p.
    const R256_SQUARED: [u64; 4] = power_of_two(512, &Self::MODULUS);
    /// 2^768 mod p.
    const R256_CUBED: [u64; 4] = power_of_two(768, &Self::MODULUS);
    /// 2^260 mod p, in words.
    const R260_WORDS: [u64; 4] = power_of_two(260, &Self::MODULUS);
    /// 2^252 mod p, in words: one sixteenth in the words' Montgomery form.
    const SIXTEENTH: [u64; 4] = power_of_two(252, &Self::MODULUS);
    /// 2^260 mod p: one in the limbs' Montgomery form.
    const R260: [u64; 5] = limbs_of_words(Self::R260_WORDS);
    /// 2^520 mod p: takes an integer into the limbs' Montgomery form.
    const R260_SQUARED: [u64; 5] = limbs_of_words(power_of_two(520, &Self::MODULUS));
    /// 2^264 mod p: takes the words' Montgomery form into the limbs'.
    const R264: [u64; 5] = limbs_of_words(power_of_two(264, &Self::MODULUS));
    /// 2^256 mod p in limbs: takes the limbs' Montgomery form into the words'.
    const R256_LIMBS: [u64; 5] = limbs_of_words(Self::R256);
    /// (p - 1) / 2, the greatest integer that counts as positive.
    const HALF: [u64; 4] = {
        let p = Self::MODULUS;
        [p[0] >> 1 | p[1] << 63, p[1] >> 1 | p[2] << 63, p[2] >> 1 | p[3] << 63, p[3] >> 1]
    };
}

/// The scalar field, of prime order r.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fr;

/// The base field, of prime order q: coordinates of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fq;

impl Field for Fr {
    const MODULUS: [u64; 4] = [0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d, 0x30644e72e131a029];
}

impl Field for Fq {
    const MODULUS: [u64; 4] = [0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d, 0x30644e72e131a029];
}
