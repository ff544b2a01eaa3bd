//! Kernels over vectors of Fr and of G1 points.

#[cfg(target_arch = "x86_64")]
pub mod avx512;
pub mod checks;
pub mod engine;
pub mod error;
pub mod group;
pub mod hashing;
pub mod multiples;
pub mod parallel;
pub mod portable;
pub mod scalars;
pub mod sums;
pub mod tape;
