//! G1: y^2 = x^3 + 3 over Fq.

mod batch_add;
mod points;
mod xyzz;

pub(crate) use batch_add::{Adder, Care, Packed, Pair};
pub use points::{Affine, PointVec};
pub(crate) use xyzz::Xyzz;
