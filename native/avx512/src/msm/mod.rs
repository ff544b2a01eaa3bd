//! Multi-scalar multiplication in G1.
//!
//! Pippenger's bucket method with every point addition an affine one in a batch:
//!
//! 1. `magnitudes`: each scalar v becomes min(v, r - v) and a sign; entries are split by width where that pays, so
//!    that small values, and the many zeros of a sparse vector, cost little.
//! 2. `plan`: signed digits, as many windows as a cost model finds best, of nearly equal widths.
//! 3. `buckets`: a counting sort by digit, then each bucket's points are added pairwise, level by level. All additions
//!    of a level are independent of each other, over all buckets.
//! 4. `planes`: sum_b (b + 1) B_b of a window, again as levels of independent additions: the sum over the buckets and,
//!    for each bit of b, the sum over those where it is set.
//! 5. Horner's rule over the bits, in scalar arithmetic.
//!
//! Windows are the tasks that run in parallel, over all vectors of a call.
//!
//! The few full-width scalars of a tail go another way: `tails`, tables of multiples of the points they belong to.

mod buckets;
mod magnitudes;
mod plan;
mod planes;
mod tails;

use std::sync::Mutex;

use rayon::prelude::*;

use crate::curve::{Affine, PointVec, Xyzz};
use crate::error::Error;
use crate::field_vec::{FieldVec, Scalar};
use buckets::Worker;
use magnitudes::{Entries, Magnitudes};
use plan::Window;

/// Point additions that one task should have before its batches are full: windows are grouped up to this.
const TASK: usize = 1 << 14;

/// Sums to be weighted with powers of two: (exponent, point).
type Weighted = Vec<(u32, Affine)>;

/// For each k: sum_i vectors\[k\]\[i\] * basis\[i\] + sum_j tails\[k\]\[j\] * basis\[len(vectors\[k\]) + j\].
///
/// `tails` is empty or as long as `vectors`; it carries a few full-width scalars beside a vector that may be small.
/// The cost follows the width of each vector's entries, a negative entry counting by its magnitude. Errors when the
/// basis is too short. The time depends on the scalars' widths and on which of them are zero. A point under a tail costs
/// half a millisecond once: multiples of it are kept with the basis, 256 kB for each of up to 16 points.
pub fn msm(basis: &PointVec, vectors: &[&FieldVec], tails: &[&[Scalar]]) -> Result<Vec<Affine>, Error> {
    if !tails.is_empty() && tails.len() != vectors.len() {
        return Err(Error::Length { expected: vectors.len(), got: tails.len() });
    }
    let tail = |k: usize| tails.get(k).copied().unwrap_or_default();
    for (k, vector) in vectors.iter().enumerate() {
        let needed = vector.len() + tail(k).len();
        if needed > basis.len() {
            return Err(Error::Length { expected: needed, got: basis.len() });
        }
    }
    if basis.len() > 1 << 31 {
        return Err(Error::Size { got: basis.len() });
    }
    let classes: Vec<(usize, Entries)> = (0..vectors.len())
        .into_par_iter()
        .flat_map_iter(|k| {
            let magnitudes = Magnitudes::new(basis, vectors[k]);
            magnitudes.classes().into_iter().map(move |entries| (k, entries))
        })
        .collect();
    let mut tasks: Vec<Task> = classes.iter().flat_map(|(k, entries)| tasks_of(*k, entries)).collect();
    // Longest first, so that cores finish together.
    tasks.sort_by_key(|task| std::cmp::Reverse(task.cost()));
    let workers: Mutex<Vec<Worker>> = Mutex::new(Vec::new());
    let run = |task: &Task| {
        let idle = workers.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        let mut worker = idle.unwrap_or_default();
        let sums = worker.run(basis.points(), task.entries, &task.windows);
        workers.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(worker);
        (task.vector, sums)
    };
    let sums: Vec<(usize, Weighted)> = tasks.par_iter().with_max_len(1).map(run).collect();
    let finish = |k: usize| {
        let own = sums.iter().filter(|(vector, _)| *vector == k).flat_map(|(_, sums)| sums);
        let tail = (0, tails::sum(basis, vectors[k].len(), tail(k)));
        horner(own.chain([&tail]))
    };
    Ok((0..vectors.len()).into_par_iter().map(finish).collect())
}

/// Some windows of one class of one vector's entries.
struct Task<'a> {
    vector: usize,
    entries: &'a Entries,
    windows: Vec<Window>,
}

impl Task<'_> {
    fn cost(&self) -> usize {
        self.windows.iter().map(|w| self.entries.len() + 2 * w.buckets()).sum()
    }
}

/// Groups neighbouring windows until a task is large enough, yet leaves something for every core.
fn tasks_of(vector: usize, entries: &Entries) -> Vec<Task<'_>> {
    let windows = entries.windows();
    let largest = windows.len().div_ceil(rayon::current_num_threads()).max(1);
    let per_task = TASK.div_ceil(entries.len().max(1)).min(largest);
    windows.chunks(per_task).map(|windows| Task { vector, entries, windows: windows.to_vec() }).collect()
}

/// sum 2^exponent * point.
fn horner<'a>(sums: impl Iterator<Item = &'a (u32, Affine)>) -> Affine {
    let mut sums: Vec<&(u32, Affine)> = sums.collect();
    sums.sort_by_key(|(exponent, _)| *exponent);
    let (mut total, mut left) = (Xyzz::INFINITY, sums.last().map_or(0, |(exponent, _)| *exponent));
    for (exponent, point) in sums.into_iter().rev() {
        while left > *exponent {
            total = total.double();
            left -= 1;
        }
        total = total.add_affine(point);
    }
    for _ in 0..left {
        total = total.double();
    }
    total.to_affine()
}
