//! Run-time checks of the ranges that lazy reduction relies on. Only compiled in where they are asked for.

use crate::constants::Field;
use crate::simd::__m512i;

/// Panics unless every lane's value is in [0, multiple * p).
///
/// Signed limbs, not necessarily carried. The comparison is in floating point: a value that misses the upper bound by
/// less than a part in 2^40 passes.
#[inline(never)]
pub fn check<F: Field>(limbs: &[__m512i; 5], multiple: f64) {
    // SAFETY: both types are plain 64-bit words without padding, of the same size.
    let words: &[[i64; 8]; 5] = unsafe { &*std::ptr::from_ref(limbs).cast() };
    for lane in 0..8 {
        let mut carry = 0i128;
        let mut value = 0f64;
        for (j, row) in words.iter().enumerate() {
            carry += i128::from(row[lane]);
            let digit = if j < 4 { carry & ((1 << 52) - 1) } else { carry };
            value += digit as f64 * 2f64.powi(52 * j as i32);
            carry >>= 52;
        }
        let p = F::LIMBS.iter().enumerate().map(|(j, &x)| x as f64 * 2f64.powi(52 * j as i32)).sum::<f64>();
        let ratio = value / p;
        assert!(
            ratio >= 0.0 && ratio < multiple * (1.0 + 2f64.powi(-40)),
            "a lane holds {ratio} p, outside [0, {multiple} p)"
        );
    }
}
