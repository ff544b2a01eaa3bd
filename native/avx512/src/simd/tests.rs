//! The emulation: known answers worked out from Intel's descriptions, and the processor itself where it has AVX-512.

use core::arch::x86_64 as arch;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::emulated::*;

const TOP: u64 = 1 << 63;
const ONES: u64 = u64::MAX;
const LOW_52: u64 = (1 << 52) - 1;

/// Lanes that are told apart at a glance: 10 to 17, and 20 to 27.
const A: __m512i = __m512i([10, 11, 12, 13, 14, 15, 16, 17]);
const B: __m512i = __m512i([20, 21, 22, 23, 24, 25, 26, 27]);

/// The value in lane 0, lane numbers in the others, which must not disturb it.
fn first(x: u64) -> __m512i {
    __m512i([x, 1, 2, 3, 4, 5, 6, 7])
}

fn count(x: u64) -> __m128i {
    __m128i([x, ONES]) // The upper half does not count.
}

#[test]
fn constants_and_memory() {
    assert_eq!(_mm512_setzero_si512().0, [0; 8]);
    assert_eq!(_mm512_set1_epi64(-1).0, [ONES; 8]);
    assert_eq!(_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, i64::MIN).0, [0, 1, 2, 3, 4, 5, 6, TOP]);
    assert_eq!(_mm_cvtsi32_si128(-1).0, [0xffff_ffff, 0]);
    let words: [u64; 10] = std::array::from_fn(|i| i as u64);
    // SAFETY: words 1 to 8 of ten, aligned to 8 only, which is enough.
    let loaded = unsafe { _mm512_loadu_si512(words[1..].as_ptr().cast()) };
    assert_eq!(loaded.0, [1, 2, 3, 4, 5, 6, 7, 8]);
    let mut stored = [9u64; 10];
    // SAFETY: as above.
    unsafe { _mm512_storeu_si512(stored[1..].as_mut_ptr().cast(), A) };
    assert_eq!(stored, [9, 10, 11, 12, 13, 14, 15, 16, 17, 9]);
    let mut aligned = B;
    // SAFETY: the type is aligned to 64.
    unsafe { _mm512_store_si512(&mut aligned, A) };
    assert_eq!(aligned, A);
    let mut half = [9u32; 10];
    // SAFETY: words 1 to 8 of ten, aligned to 4 only, which is enough.
    unsafe { _mm256_storeu_si256(half[1..].as_mut_ptr().cast(), _mm512_cvtepi64_epi32(first(7 << 32 | 8))) };
    assert_eq!(half, [9, 8, 1, 2, 3, 4, 5, 6, 7, 9]);
}

#[test]
fn arithmetic() {
    assert_eq!(_mm512_add_epi64(A, B).0, [30, 32, 34, 36, 38, 40, 42, 44]);
    assert_eq!(_mm512_add_epi64(first(ONES), first(2)).0, [1, 2, 4, 6, 8, 10, 12, 14]);
    assert_eq!(_mm512_mask_add_epi64(A, 0b1000_0010, B, B).0, [10, 42, 12, 13, 14, 15, 16, 54]);
    assert_eq!(_mm512_sub_epi64(B, A).0, [10; 8]);
    assert_eq!(_mm512_sub_epi64(first(0), first(1)).0, [ONES, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(_mm512_abs_epi64(first(5u64.wrapping_neg())), first(5));
    assert_eq!(_mm512_abs_epi64(first(TOP)), first(TOP));
}

#[test]
fn products_of_52_bits() {
    // (2^52 - 1)^2 = 2^104 - 2^53 + 1: high part 2^52 - 2, low part 1.
    let (a, b) = (first(LOW_52), first(LOW_52));
    assert_eq!(_mm512_madd52lo_epu64(A, a, b).0, [11, 12, 16, 22, 30, 40, 52, 66]);
    assert_eq!(_mm512_madd52hi_epu64(A, a, b).0, [10 + LOW_52 - 1, 11, 12, 13, 14, 15, 16, 17]);
    // Bits from 52 on are not read.
    assert_eq!(_mm512_madd52lo_epu64(A, first(ONES), first(1 << 52 | 1)).0[0], 10 + LOW_52);
    assert_eq!(_mm512_madd52hi_epu64(A, first(3 << 51), first(6)).0[0], 10 + 3);
    // The sum is over all 64 bits, and wraps.
    assert_eq!(_mm512_madd52lo_epu64(first(ONES), first(3), first(5)).0[0], 14);
    assert_eq!(_mm512_madd52hi_epu64(first(ONES), first(1 << 51), first(4)).0[0], 1);
}

#[test]
fn bits() {
    assert_eq!(_mm512_and_si512(first(0b1100), first(0b1010)).0[0], 0b1000);
    assert_eq!(_mm512_or_si512(first(0b1100), first(0b1010)).0[0], 0b1110);
    assert_eq!(_mm512_slli_epi64::<60>(first(0x23)).0[..2], [3 << 60, 1 << 60]);
    assert_eq!(_mm512_srli_epi64::<60>(first(0xab << 56)).0[..2], [0xa, 0]);
    assert_eq!(_mm512_slli_epi64::<64>(A).0, [0; 8]);
    assert_eq!(_mm512_srli_epi64::<64>(B).0, [0; 8]);
    assert_eq!(_mm512_srai_epi64::<1>(first(TOP)).0[..3], [3 << 62, 0, 1]);
    assert_eq!(_mm512_srai_epi64::<64>(first(TOP)).0[..2], [ONES, 0]);
    assert_eq!(_mm512_sll_epi64(first(5), count(62)).0[..2], [1 << 62, 1 << 62]);
    assert_eq!(_mm512_srl_epi64(first(TOP), count(63)).0[..2], [1, 0]);
    for past in [64, 1 << 32, ONES] {
        assert_eq!(_mm512_sll_epi64(first(ONES), count(past)).0, [0; 8]);
        assert_eq!(_mm512_srl_epi64(first(ONES), count(past)).0, [0; 8]);
    }
    assert_eq!(_mm512_shrdi_epi64::<4>(first(0x50), first(0x9a)).0[0], 0xa << 60 | 5);
    assert_eq!(_mm512_shrdi_epi64::<64>(A, B), A);
}

#[test]
fn comparisons() {
    let (a, b) = (first(ONES), __m512i([0, 1, 3, 2, 5, 5, 0, ONES]));
    // Lane 0 is -1 when signed, and lane 7 of b too.
    assert_eq!(_mm512_cmplt_epi64_mask(a, b), 0b0001_0101);
    assert_eq!(_mm512_cmplt_epu64_mask(a, b), 0b1001_0100);
    let (a, b) = (__m512i([0, 1, 2, 3, 4, TOP, 6, ONES]), __m512i([1, 1, 1, 1, 1, TOP, 8, 0]));
    assert_eq!(_mm512_test_epi64_mask(a, b), 0b0010_1010);
    assert_eq!(_mm512_testn_epi64_mask(a, b), 0b1101_0101);
}

#[test]
fn moves() {
    assert_eq!(_mm512_mask_blend_epi64(0b1000_0110, A, B).0, [10, 21, 22, 13, 14, 15, 16, 27]);
    assert_eq!(_mm512_maskz_compress_epi64(0b1010_0010, A).0, [11, 15, 17, 0, 0, 0, 0, 0]);
    assert_eq!(_mm512_maskz_compress_epi64(0xff, A), A);
    // An index counts modulo 8, or 16: 8 + 5 and 2^63 + 6 here.
    let index = __m512i([7, 7, 0, 13, TOP | 6, 1, 8, 15]);
    assert_eq!(_mm512_permutexvar_epi64(index, A).0, [17, 17, 10, 15, 16, 11, 10, 17]);
    assert_eq!(_mm512_maskz_permutexvar_epi64(0b0100_1001, index, A).0, [17, 0, 0, 15, 0, 0, 10, 0]);
    assert_eq!(_mm512_permutex2var_epi64(A, index, B).0, [17, 17, 10, 25, 16, 11, 20, 27]);
    // Quarters 1 and 3 of a, 2 and 0 of b.
    assert_eq!(_mm512_shuffle_i64x2::<0b00_10_11_01>(A, B).0, [12, 13, 16, 17, 24, 25, 20, 21]);
    assert_eq!(_mm512_unpacklo_epi64(A, B).0, [10, 20, 12, 22, 14, 24, 16, 26]);
    assert_eq!(_mm512_unpackhi_epi64(A, B).0, [11, 21, 13, 23, 15, 25, 17, 27]);
}

/// A type of the emulation that stands for one of the processor's.
trait Stands: Copy {
    type Real;
    fn real(self) -> Self::Real;
    fn back(real: Self::Real) -> Self;
}

macro_rules! stands {
    ($($name:ident: $real:ty),*) => {$(
        #[allow(clippy::useless_transmute)] // Some types stand for themselves.
        impl Stands for $name {
            type Real = $real;

            fn real(self) -> Self::Real {
                // SAFETY: both are plain words of the same size, the lowest first.
                unsafe { std::mem::transmute(self) }
            }

            fn back(real: Self::Real) -> Self {
                // SAFETY: as above.
                unsafe { std::mem::transmute(real) }
            }
        }
    )*};
}

stands!(__m128i: arch::__m128i, __m256i: arch::__m256i, __m512i: arch::__m512i, __mmask8: u8, i32: i32, i64: i64);

/// Arguments of every type.
#[derive(Clone, Copy, Debug)]
struct Case {
    a: __m512i,
    b: __m512i,
    c: __m512i,
    count: __m128i,
    mask: __mmask8,
    small: i32,
    word: i64,
}

/// Asserts that the processor and the emulation agree on an instruction.
macro_rules! same {
    ($case:expr, $($name:ident $(::<$n:literal>)? ($($argument:ident),*);)*) => {$({
        #[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2")]
        fn check(case: &Case) {
            let emulated = $name $(::<$n>)? ($(case.$argument),*);
            let real = Stands::back(arch::$name $(::<$n>)? ($(case.$argument.real()),*));
            assert_eq!(emulated, real, "{}: {case:x?}", stringify!($name $(::<$n>)?));
        }
        // SAFETY: the caller has found these features.
        unsafe { check($case) }
    })*};
}

#[test]
fn the_processor_agrees() {
    let found = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512ifma")
        && is_x86_feature_detected!("avx512vbmi2");
    if !found {
        println!("NOT TESTED: this processor has no AVX-512 IFMA to compare the emulation with");
        return;
    }
    let mut rng = StdRng::seed_from_u64(1);
    let edges = [0, 1, LOW_52, LOW_52 + 1, TOP - 1, TOP, ONES - 1, ONES];
    for _ in 0..20_000 {
        let mut lane = |_| match rng.gen_range(0..4) {
            0 => edges[rng.gen_range(0..edges.len())],
            1 => rng.gen_range(0..32),
            2 => rng.r#gen::<u64>() & LOW_52,
            _ => rng.r#gen(),
        };
        let [a, b, c] = [(); 3].map(|()| __m512i(std::array::from_fn(&mut lane)));
        let count = __m128i([rng.gen_range(0..70), rng.r#gen()]);
        let case = Case { a, b, c, count, mask: rng.r#gen(), small: rng.r#gen(), word: rng.r#gen() };
        same!(&case,
            _mm512_setzero_si512();
            _mm512_set1_epi64(word);
            _mm512_setr_epi64(word, word, word, word, word, word, word, word);
            _mm_cvtsi32_si128(small);
            _mm512_add_epi64(a, b);
            _mm512_mask_add_epi64(a, mask, b, c);
            _mm512_sub_epi64(a, b);
            _mm512_abs_epi64(a);
            _mm512_madd52lo_epu64(a, b, c);
            _mm512_madd52hi_epu64(a, b, c);
            _mm512_and_si512(a, b);
            _mm512_or_si512(a, b);
            _mm512_slli_epi64::<1>(a);
            _mm512_slli_epi64::<52>(a);
            _mm512_slli_epi64::<64>(a);
            _mm512_srli_epi64::<12>(a);
            _mm512_srli_epi64::<63>(a);
            _mm512_srli_epi64::<64>(a);
            _mm512_srai_epi64::<46>(a);
            _mm512_srai_epi64::<52>(a);
            _mm512_srai_epi64::<64>(a);
            _mm512_sll_epi64(a, count);
            _mm512_srl_epi64(a, count);
            _mm512_shrdi_epi64::<28>(a, b);
            _mm512_shrdi_epi64::<40>(a, b);
            _mm512_shrdi_epi64::<52>(a, b);
            _mm512_shrdi_epi64::<64>(a, b);
            _mm512_cmplt_epi64_mask(a, b);
            _mm512_cmplt_epu64_mask(a, b);
            _mm512_test_epi64_mask(a, b);
            _mm512_testn_epi64_mask(a, b);
            _mm512_mask_blend_epi64(mask, a, b);
            _mm512_maskz_compress_epi64(mask, a);
            _mm512_permutexvar_epi64(a, b);
            _mm512_maskz_permutexvar_epi64(mask, a, b);
            _mm512_permutex2var_epi64(a, b, c);
            _mm512_shuffle_i64x2::<0x44>(a, b);
            _mm512_shuffle_i64x2::<0x88>(a, b);
            _mm512_shuffle_i64x2::<0xdd>(a, b);
            _mm512_shuffle_i64x2::<0xee>(a, b);
            _mm512_shuffle_i64x2::<0x2d>(a, b);
            _mm512_unpacklo_epi64(a, b);
            _mm512_unpackhi_epi64(a, b);
            _mm512_cvtepi64_epi32(a);
        );
    }
}
