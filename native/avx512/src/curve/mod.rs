//! G1: y^2 = x^3 + 3 over Fq.

mod batch_add;
mod fixed_base;
mod points;
mod xyzz;

pub(crate) use batch_add::{Adder, Care, Packed, Pair, prefetch};
pub(crate) use fixed_base::Table;
pub use points::{Affine, PointVec};
pub(crate) use xyzz::Xyzz;
