//! G1: y^2 = x^3 + 3 over Fq.

mod batch_add;
mod chains;
mod fixed_base;
mod points;
mod xyzz;

pub use batch_add::Packed;
pub(crate) use batch_add::{Adder, Care, Pair, prefetch};
pub use chains::{MULTIPLES, Sum, sums, sums_and_differences};
pub(crate) use fixed_base::Table;
pub use points::{Affine, PointVec};
pub(crate) use xyzz::Xyzz;
