//! BN254 kernels for processors with AVX-512 IFMA: field vectors, number-theoretic transforms and multi-scalar
//! multiplication.
//!
//! Everything but [`available`] and [`unavailable_reason`] exists on x86-64 only, and may be called only where
//! `available()` is true; elsewhere it panics. Kernels use the rayon pool they are called in: the caller installs one
//! with as many threads as it wants used.
//!
//! With the feature `emulate` the vector instructions are plain Rust and every x86-64 processor runs the kernels, some
//! fifteen times slower: for tests.

// Elsewhere only the availability check is of use.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]

mod constants;
mod detect;
mod element;
mod error;
mod safegcd;

/// Calls a kernel that is compiled for AVX-512, once it is sure that the processor can run it.
#[cfg(target_arch = "x86_64")]
macro_rules! enter {
    ($kernel:ident $(::<$generic:tt>)? ($($argument:expr),* $(,)?)) => {{
        $crate::detect::require();
        // SAFETY: the line above has found every feature that the kernel is compiled for (none, when emulated).
        #[allow(unused_unsafe)]
        unsafe { $kernel $(::<$generic>)? ($($argument),*) }
    }};
}

#[cfg(target_arch = "x86_64")]
mod bounds;
#[cfg(target_arch = "x86_64")]
mod curve;
#[cfg(target_arch = "x86_64")]
mod field_vec;
#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(target_arch = "x86_64")]
mod memory;
#[cfg(target_arch = "x86_64")]
mod msm;
#[cfg(target_arch = "x86_64")]
pub mod ntt;
#[cfg(target_arch = "x86_64")]
mod shared;
#[cfg(target_arch = "x86_64")]
mod simd;
#[cfg(target_arch = "x86_64")]
mod tape;

pub use constants::{Field, Fq, Fr};
#[cfg(target_arch = "x86_64")]
pub use curve::{Affine, MULTIPLES, Packed, PointVec, Sum, sums, sums_and_differences};
pub use detect::{EMULATED, REQUIRED, available, unavailable_reason};
pub use element::Element;
pub use error::Error;
#[cfg(target_arch = "x86_64")]
pub use field_vec::{FieldVec, Scalar};
#[cfg(target_arch = "x86_64")]
pub use memory::{DeferredWiping, defer_wiping, release_memory};
#[cfg(target_arch = "x86_64")]
pub use msm::msm;
#[cfg(target_arch = "x86_64")]
pub use tape::Tape;
