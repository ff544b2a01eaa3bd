//! Vectors over Fr that leave nothing behind, and their encodings.

use std::ops::{Deref, DerefMut};

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, BigInteger, PrimeField};
use zeroize::Zeroize;

/// A canonical integer.
pub type Integer = BigInt<4>;

/// A vector over Fr. It may carry a witness or blinding, so its memory is overwritten when it is dropped.
pub struct Scalars(Vec<Fr>);

impl Scalars {
    /// `length` zeros.
    pub fn zeros(length: usize) -> Self {
        Self(vec![Fr::ZERO; length])
    }

    /// A copy, with room to grow to `capacity` without moving (a moved vector would leave its entries behind).
    pub fn copy_with_capacity(values: &[Fr], capacity: usize) -> Self {
        let mut copy = Vec::with_capacity(capacity.max(values.len()));
        copy.extend_from_slice(values);
        Self(copy)
    }

    /// The vector itself, for routines that resize it. They must stay within its capacity.
    pub fn as_vec_mut(&mut self) -> &mut Vec<Fr> {
        &mut self.0
    }
}

impl From<Vec<Fr>> for Scalars {
    fn from(values: Vec<Fr>) -> Self {
        Self(values)
    }
}

impl From<&[Fr]> for Scalars {
    fn from(values: &[Fr]) -> Self {
        Self(values.to_vec())
    }
}

impl Deref for Scalars {
    type Target = [Fr];

    fn deref(&self) -> &[Fr] {
        &self.0
    }
}

impl DerefMut for Scalars {
    fn deref_mut(&mut self) -> &mut [Fr] {
        &mut self.0
    }
}

impl Drop for Scalars {
    fn drop(&mut self) {
        self.0.iter_mut().zeroize();
    }
}

/// The 256-bit little-endian integer in 32 bytes.
pub fn integer_from_bytes(bytes: &[u8]) -> Integer {
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
        *limb = chunk.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
    }
    BigInt(limbs)
}

/// Write a 256-bit integer to 32 bytes, little-endian.
pub fn integer_to_bytes(integer: &Integer, bytes: &mut [u8]) {
    for (chunk, limb) in bytes.chunks_exact_mut(8).zip(integer.0) {
        chunk.copy_from_slice(&limb.to_le_bytes());
    }
}

/// The field element of a signed 64-bit integer.
pub fn from_signed(value: i64) -> Fr {
    let magnitude = Fr::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

/// Whether the centred representative is negative, and its magnitude.
pub fn sign_and_magnitude(value: &Fr) -> (bool, Integer) {
    let integer = value.into_bigint();
    let negative = integer > Fr::MODULUS_MINUS_ONE_DIV_TWO;
    if !negative {
        return (false, integer);
    }
    let mut magnitude = Fr::MODULUS;
    magnitude.sub_with_borrow(&integer);
    (true, magnitude)
}
