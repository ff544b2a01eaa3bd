//! Every vector instruction that the kernels use, by Intel's names, from one place: the processor's own, or with the
//! feature `emulate` the same operations in plain Rust, for tests where the processor lacks them.
//!
//! With the feature no kernel may be compiled for AVX-512, or the compiler would use those instructions by itself.
//! Hence each kernel says `#[cfg_attr(not(feature = "emulate"), target_feature(...))]`.

#[cfg(any(test, feature = "emulate"))]
mod emulated;
#[cfg(test)]
mod tests;

#[cfg(not(feature = "emulate"))]
use core::arch::x86_64 as instructions;
#[cfg(feature = "emulate")]
use emulated as instructions;

// One list for both, so that neither can lack what the other has.
pub use instructions::{
    __m512i, _MM_HINT_T0, _mm_cvtsi32_si128, _mm_prefetch, _mm256_storeu_si256, _mm512_abs_epi64, _mm512_add_epi64,
    _mm512_and_si512, _mm512_cmplt_epi64_mask, _mm512_cmplt_epu64_mask, _mm512_cvtepi64_epi32, _mm512_loadu_si512,
    _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_mask_add_epi64, _mm512_mask_blend_epi64,
    _mm512_maskz_compress_epi64, _mm512_maskz_permutexvar_epi64, _mm512_or_si512, _mm512_permutex2var_epi64,
    _mm512_permutexvar_epi64, _mm512_set1_epi64, _mm512_setr_epi64, _mm512_setzero_si512, _mm512_shrdi_epi64,
    _mm512_shuffle_i64x2, _mm512_sll_epi64, _mm512_slli_epi64, _mm512_srai_epi64, _mm512_srl_epi64, _mm512_srli_epi64,
    _mm512_store_si512, _mm512_storeu_si512, _mm512_sub_epi64, _mm512_test_epi64_mask, _mm512_testn_epi64_mask,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};
