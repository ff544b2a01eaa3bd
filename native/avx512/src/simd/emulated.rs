//! The instructions in plain Rust, lane by lane as Intel's manual describes them. Slow: for tests only.
//!
//! Names, argument orders and safety are those of `core::arch::x86_64`, so that either can stand behind `simd`.

#![allow(non_camel_case_types, missing_docs)] // Intel's names, documented by Intel.
#![cfg_attr(not(feature = "emulate"), allow(dead_code))] // Then only the tests look at them.

use std::array::from_fn;

/// Eight lanes of 64 bits, lane 0 lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct __m512i(pub [u64; 8]);

/// Eight lanes of 32 bits, lane 0 lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(32))]
pub struct __m256i(pub [u32; 8]);

/// Two lanes of 64 bits, lane 0 lowest: a shift count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(16))]
pub struct __m128i(pub [u64; 2]);

/// One bit a lane, lane 0 lowest.
pub type __mmask8 = u8;

const LOW_52: u64 = (1 << 52) - 1;

#[inline(always)]
fn map(a: __m512i, f: impl Fn(u64) -> u64) -> __m512i {
    __m512i(a.0.map(f))
}

#[inline(always)]
fn zip(a: __m512i, b: __m512i, f: impl Fn(u64, u64) -> u64) -> __m512i {
    __m512i(from_fn(|i| f(a.0[i], b.0[i])))
}

#[inline(always)]
fn zip3(a: __m512i, b: __m512i, c: __m512i, f: impl Fn(u64, u64, u64) -> u64) -> __m512i {
    __m512i(from_fn(|i| f(a.0[i], b.0[i], c.0[i])))
}

/// The mask of the lanes for which `f` holds.
#[inline(always)]
fn lanes_where(a: __m512i, b: __m512i, f: impl Fn(u64, u64) -> bool) -> __mmask8 {
    (0..8).fold(0, |mask, i| mask | u8::from(f(a.0[i], b.0[i])) << i)
}

fn chosen(mask: __mmask8, lane: usize) -> bool {
    mask >> lane & 1 == 1
}

// -- in and out ------------------------------------------------------------------------------------------------------

#[inline]
pub fn _mm512_setzero_si512() -> __m512i {
    __m512i([0; 8])
}

#[inline]
pub fn _mm512_set1_epi64(a: i64) -> __m512i {
    __m512i([a.cast_unsigned(); 8])
}

#[expect(clippy::too_many_arguments)]
#[inline]
pub fn _mm512_setr_epi64(e0: i64, e1: i64, e2: i64, e3: i64, e4: i64, e5: i64, e6: i64, e7: i64) -> __m512i {
    __m512i([e0, e1, e2, e3, e4, e5, e6, e7].map(i64::cast_unsigned))
}

/// The count in the low 32 bits, zeros above it.
#[inline]
pub fn _mm_cvtsi32_si128(a: i32) -> __m128i {
    __m128i([u64::from(a.cast_unsigned()), 0])
}

/// # Safety
/// 64 bytes must be readable; any alignment will do.
#[inline]
pub unsafe fn _mm512_loadu_si512(from: *const __m512i) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe { from.read_unaligned() }
}

/// # Safety
/// 64 bytes must be writable; any alignment will do.
#[inline]
pub unsafe fn _mm512_storeu_si512(to: *mut __m512i, a: __m512i) {
    // SAFETY: the caller's promise.
    unsafe { to.write_unaligned(a) }
}

/// # Safety
/// 64 bytes must be writable, and aligned to 64.
#[inline]
pub unsafe fn _mm512_store_si512(to: *mut __m512i, a: __m512i) {
    // The processor faults on a wrong address, in every build.
    assert!(to.is_aligned(), "an aligned store at {to:p}");
    // SAFETY: the caller's promise.
    unsafe { to.write(a) }
}

/// # Safety
/// 32 bytes must be writable; any alignment will do.
#[inline]
pub unsafe fn _mm256_storeu_si256(to: *mut __m256i, a: __m256i) {
    // SAFETY: the caller's promise.
    unsafe { to.write_unaligned(a) }
}

pub const _MM_HINT_T0: i32 = 3;

/// A hint, which plain code need not follow.
///
/// # Safety
/// None is needed; the instruction's own signature asks for it.
#[inline]
pub unsafe fn _mm_prefetch<const STRATEGY: i32>(_address: *const i8) {}

// -- arithmetic ------------------------------------------------------------------------------------------------------

#[inline]
pub fn _mm512_add_epi64(a: __m512i, b: __m512i) -> __m512i {
    zip(a, b, u64::wrapping_add)
}

/// a + b where the mask has a one, else `source`.
#[inline]
pub fn _mm512_mask_add_epi64(source: __m512i, mask: __mmask8, a: __m512i, b: __m512i) -> __m512i {
    _mm512_mask_blend_epi64(mask, source, _mm512_add_epi64(a, b))
}

#[inline]
pub fn _mm512_sub_epi64(a: __m512i, b: __m512i) -> __m512i {
    zip(a, b, u64::wrapping_sub)
}

/// The magnitude of a signed lane; that of -2^63 is 2^63.
#[inline]
pub fn _mm512_abs_epi64(a: __m512i) -> __m512i {
    map(a, |x| x.cast_signed().unsigned_abs())
}

/// The product of the low 52 bits of two lanes, 104 bits.
#[inline(always)]
fn product_52(b: u64, c: u64) -> u128 {
    u128::from(b & LOW_52) * u128::from(c & LOW_52)
}

/// a plus the low 52 bits of the product.
#[inline]
pub fn _mm512_madd52lo_epu64(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    zip3(a, b, c, |a, b, c| a.wrapping_add(product_52(b, c) as u64 & LOW_52))
}

/// a plus the high 52 bits of the product.
#[inline]
pub fn _mm512_madd52hi_epu64(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    zip3(a, b, c, |a, b, c| a.wrapping_add((product_52(b, c) >> 52) as u64))
}

// -- bits and comparisons --------------------------------------------------------------------------------------------

#[inline]
pub fn _mm512_and_si512(a: __m512i, b: __m512i) -> __m512i {
    zip(a, b, |a, b| a & b)
}

#[inline]
pub fn _mm512_or_si512(a: __m512i, b: __m512i) -> __m512i {
    zip(a, b, |a, b| a | b)
}

/// Shifts by a lane's width or more give zero.
#[inline]
pub fn _mm512_slli_epi64<const COUNT: u32>(a: __m512i) -> __m512i {
    _mm512_sll_epi64(a, __m128i([u64::from(COUNT), 0]))
}

#[inline]
pub fn _mm512_srli_epi64<const COUNT: u32>(a: __m512i) -> __m512i {
    _mm512_srl_epi64(a, __m128i([u64::from(COUNT), 0]))
}

/// The sign bit comes in; shifts by a lane's width or more leave only signs.
#[inline]
pub fn _mm512_srai_epi64<const COUNT: u32>(a: __m512i) -> __m512i {
    map(a, |x| (x.cast_signed() >> COUNT.min(63)).cast_unsigned())
}

/// All lanes by the count's low 64 bits.
#[inline]
pub fn _mm512_sll_epi64(a: __m512i, count: __m128i) -> __m512i {
    map(a, |x| if count.0[0] < 64 { x << count.0[0] } else { 0 })
}

#[inline]
pub fn _mm512_srl_epi64(a: __m512i, count: __m128i) -> __m512i {
    map(a, |x| if count.0[0] < 64 { x >> count.0[0] } else { 0 })
}

/// The low half of b:a shifted right by the count modulo 64.
#[inline]
pub fn _mm512_shrdi_epi64<const COUNT: i32>(a: __m512i, b: __m512i) -> __m512i {
    zip(a, b, |a, b| ((u128::from(b) << 64 | u128::from(a)) >> (COUNT & 63)) as u64)
}

#[inline]
pub fn _mm512_cmplt_epi64_mask(a: __m512i, b: __m512i) -> __mmask8 {
    lanes_where(a, b, |a, b| a.cast_signed() < b.cast_signed())
}

#[inline]
pub fn _mm512_cmplt_epu64_mask(a: __m512i, b: __m512i) -> __mmask8 {
    lanes_where(a, b, |a, b| a < b)
}

/// The lanes with a bit in common.
#[inline]
pub fn _mm512_test_epi64_mask(a: __m512i, b: __m512i) -> __mmask8 {
    lanes_where(a, b, |a, b| a & b != 0)
}

/// The lanes without a bit in common.
#[inline]
pub fn _mm512_testn_epi64_mask(a: __m512i, b: __m512i) -> __mmask8 {
    lanes_where(a, b, |a, b| a & b == 0)
}

// -- moving lanes ----------------------------------------------------------------------------------------------------

/// b where the mask has a one, else a.
#[inline]
pub fn _mm512_mask_blend_epi64(mask: __mmask8, a: __m512i, b: __m512i) -> __m512i {
    __m512i(from_fn(|i| if chosen(mask, i) { b.0[i] } else { a.0[i] }))
}

/// The chosen lanes moved down to the lowest ones, zeros above them.
#[inline]
pub fn _mm512_maskz_compress_epi64(mask: __mmask8, a: __m512i) -> __m512i {
    let (mut out, mut next) = ([0; 8], 0);
    for (i, &lane) in a.0.iter().enumerate() {
        if chosen(mask, i) {
            out[next] = lane;
            next += 1;
        }
    }
    __m512i(out)
}

/// Lane i is lane index\[i\] modulo 8 of a.
#[inline]
pub fn _mm512_permutexvar_epi64(index: __m512i, a: __m512i) -> __m512i {
    map(index, |k| a.0[(k & 7) as usize])
}

/// The same where the mask has a one, else zero.
#[inline]
pub fn _mm512_maskz_permutexvar_epi64(mask: __mmask8, index: __m512i, a: __m512i) -> __m512i {
    _mm512_mask_blend_epi64(mask, _mm512_setzero_si512(), _mm512_permutexvar_epi64(index, a))
}

/// Lane i is lane index\[i\] modulo 16 of a and b, b's lanes counting from 8.
#[inline]
pub fn _mm512_permutex2var_epi64(a: __m512i, index: __m512i, b: __m512i) -> __m512i {
    map(index, |k| if k & 8 == 0 { a.0[(k & 7) as usize] } else { b.0[(k & 7) as usize] })
}

/// Quarters of 128 bits: two of a, then two of b, each by two bits of the mask, lowest first.
#[inline]
pub fn _mm512_shuffle_i64x2<const MASK: i32>(a: __m512i, b: __m512i) -> __m512i {
    __m512i(from_fn(|i| {
        let quarter = (MASK >> (i / 2 * 2) & 3) as usize;
        let source = if i < 4 { a } else { b };
        source.0[2 * quarter + i % 2]
    }))
}

/// The lower lane of each quarter of a, then of b.
#[inline]
pub fn _mm512_unpacklo_epi64(a: __m512i, b: __m512i) -> __m512i {
    __m512i(from_fn(|i| if i % 2 == 0 { a.0[i] } else { b.0[i - 1] }))
}

/// The upper lane of each quarter of a, then of b.
#[inline]
pub fn _mm512_unpackhi_epi64(a: __m512i, b: __m512i) -> __m512i {
    __m512i(from_fn(|i| if i % 2 == 0 { a.0[i + 1] } else { b.0[i] }))
}

/// The low 32 bits of each lane.
#[inline]
pub fn _mm512_cvtepi64_epi32(a: __m512i) -> __m256i {
    __m256i(a.0.map(|x| x as u32))
}
