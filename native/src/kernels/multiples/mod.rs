//! Many multiples of points at once, whatever the engine: scalars become chains of steps, transforms become sums.

mod chains;
mod endomorphism;
mod transform;

use super::checks::check_rows;
use super::error::Result;
use super::parallel::map_items;
use super::scalars::Scalars;
use chains::{Chain, chain};

pub use chains::{DOUBLE, MULTIPLES, Step};
pub use endomorphism::image;
pub use transform::transform;

/// A sum of multiples: of bases[first] by the chain's first scalar, of bases[first + 1] by its second, and so on.
#[derive(Clone, Copy)]
pub struct Sum<'a> {
    /// Steps from the top down.
    pub chain: &'a [Step],
    /// The base of the first scalar.
    pub first: usize,
}

/// What an engine does with its points. Infinity, equal and opposite points are all allowed.
pub trait Arithmetic {
    /// A point of its vectors.
    type Point: Copy + Send + Sync;

    /// The neutral element.
    const INFINITY: Self::Point;
    /// As many sums as one call had best have: their tables and scratch fit the nearer caches.
    const BLOCK: usize;

    /// Every sum.
    fn sums(bases: &[Self::Point], sums: &[Sum<'_>]) -> Vec<Self::Point>;
    /// left + right and left - right of each pair of slices, all of one length.
    fn sums_and_differences<const N: usize>(pairs: [[&[Self::Point]; 2]; N]) -> [[Vec<Self::Point>; 2]; N];
}

/// sum_k scalars[k][i] * bases[k][i] for each i.
pub fn combine<A: Arithmetic>(bases: &[&[A::Point]], scalars: &[&Scalars]) -> Result<Vec<A::Point>> {
    let lengths: Vec<usize> = bases.iter().map(|points| points.len()).collect();
    check_rows(&lengths, &scalars.iter().map(|vector| vector.len()).collect::<Vec<_>>())?;
    let blocks: Vec<usize> = (0..lengths[0]).step_by(A::BLOCK).collect();
    let results = map_items(&blocks, |_, &start| {
        let rows = start..lengths[0].min(start + A::BLOCK);
        let chains: Vec<Chain> = rows.clone().map(|row| chain(scalars.iter().map(|vector| &vector[row]))).collect();
        let terms: Vec<A::Point> = rows.flat_map(|row| bases.iter().map(move |points| points[row])).collect();
        let sum_of = |(row, chain)| Sum { chain, first: row * bases.len() };
        A::sums(&terms, &chains.iter().map(|chain| &chain[..]).enumerate().map(sum_of).collect::<Vec<_>>())
    });
    Ok(results.concat())
}
