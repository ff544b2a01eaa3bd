//! Kernels over vectors of Fr and of G1 points.

pub mod engine;
pub mod error;
pub mod group;
pub mod parallel;
pub mod portable;
pub mod scalars;
pub mod tape;
