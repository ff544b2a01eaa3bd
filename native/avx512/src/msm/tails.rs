//! A few full-width scalars, typically blinding factors, that always fall on the same few points.

use std::sync::Arc;

use crate::curve::{Adder, Affine, Care, Packed, Pair, PointVec, Table};
use crate::field_vec::Scalar;
use crate::memory::{Buffer, wipe};

/// sum_j scalars\[j\] * basis\[start + j\].
pub fn sum(basis: &PointVec, start: usize, scalars: &[Scalar]) -> Affine {
    let mut terms: Vec<Packed> = Vec::with_capacity(32 * scalars.len());
    for (j, &scalar) in scalars.iter().enumerate() {
        if !scalar.is_zero() {
            let table: Arc<Table> = basis.table(start + j);
            table.terms(scalar, &mut terms);
        }
    }
    let total = add_up(&terms);
    wipe(&mut terms);
    total.to_affine()
}

/// The sum of some points, pairwise, level by level.
fn add_up(terms: &[Packed]) -> Packed {
    let mut adder = Adder::default();
    let mut source = Buffer::filled(Packed::INFINITY, terms.len());
    source.copy_from_slice(terms);
    while source.len() > 1 {
        let half = source.len() / 2;
        let mut target = Buffer::filled(source[source.len() - 1], source.len().div_ceil(2));
        let pairs: Vec<Pair> = (0..half as u32).map(|k| Pair { left: 2 * k, right: 2 * k + 1, out: k }).collect();
        adder.add::<false>(&source, &mut target, &pairs, Care::Infinities);
        source = target;
    }
    source.first().copied().unwrap_or(Packed::INFINITY)
}
