//! Fourier transforms of points.
//!
//! Four at a time: with i = root^(n / 4) and w a power of root, one step of four points is
//!
//! ```text
//! a + b + c + d,
//! w (a - c) + i w (b - d),
//! w^2 ((a + c) - (b + d)),
//! w^3 (a - c) - i w^3 (b - d):
//! ```
//!
//! three chains of doublings where two steps of two points have four multiplications, and the chains are nearly all of
//! the cost. Where w = 1 one multiplication by i is left. Every pass reads one vector and writes another, so that the
//! order is natural at both ends (Stockham).

use std::ops::Range;

use ark_bn254::Fr;
use ark_ff::Field;

use super::chains::{Chain, chain};
use super::{Arithmetic, Sum};
use crate::kernels::checks::check_root;
use crate::kernels::error::Result;
use crate::kernels::parallel::map_items;

/// sum_j root^(ij) points[j] for each i.
pub fn transform<A: Arithmetic>(points: &[A::Point], root: Fr) -> Result<Vec<A::Point>> {
    let size = points.len();
    check_root(size, root)?;
    let roots: Vec<Fr> = std::iter::successors(Some(Fr::ONE), |power| Some(*power * root)).take(size).collect();
    let mut points = points.to_vec();
    let mut stride = 1;
    while 4 * stride <= size {
        points = pass_of_four::<A>(&points, stride, &roots);
        stride *= 4;
    }
    if stride < size {
        let (left, right) = points.split_at(size / 2);
        let halves = map_items(&cut::<A>(0..size / 2), |_, block| {
            let [both] = A::sums_and_differences([[&left[block.clone()], &right[block.clone()]]]);
            both
        });
        let half = |k: usize| halves.iter().flat_map(move |both| both[k].iter().copied());
        points = half(0).chain(half(1)).collect();
    }
    Ok(points)
}

/// One pass: points u, u + n/4, u + n/2 and u + 3n/4 give those from 4 (u - u % stride) + u % stride in strides.
fn pass_of_four<A: Arithmetic>(points: &[A::Point], stride: usize, roots: &[Fr]) -> Vec<A::Point> {
    let quarter = points.len() / 4;
    // w = root^(u - u % stride): one in the first stride.
    let blocks = [cut::<A>(0..stride), cut::<A>(stride..quarter)].concat();
    let results: Vec<[Vec<A::Point>; 4]> = map_items(&blocks, |_, block| {
        let inputs: [&[A::Point]; 4] = [0, 1, 2, 3].map(|k| &points[k * quarter..][block.clone()]);
        if block.start < stride {
            first_steps::<A>(inputs, &roots[quarter])
        } else {
            steps::<A>(inputs, block.clone(), stride, roots)
        }
    });
    let mut output = vec![A::INFINITY; points.len()];
    for (block, parts) in blocks.iter().zip(results) {
        for (k, part) in parts.into_iter().enumerate() {
            for (u, point) in block.clone().zip(part) {
                output[4 * (u - u % stride) + u % stride + k * stride] = point;
            }
        }
    }
    output
}

/// The range in blocks: a step of four points has three sums.
fn cut<A: Arithmetic>(range: Range<usize>) -> Vec<Range<usize>> {
    let steps = A::BLOCK / 3;
    range.clone().step_by(steps).map(|start| start..range.end.min(start + steps)).collect()
}

/// Steps of four points with w = 1.
fn first_steps<A: Arithmetic>([a, b, c, d]: [&[A::Point]; 4], i: &Fr) -> [Vec<A::Point>; 4] {
    let [[ac, a_c], [bd, b_d]] = A::sums_and_differences([[a, c], [b, d]]);
    let by_i = chain([i]);
    let turned: Vec<Sum<'_>> = (0..b_d.len()).map(|first| Sum { chain: &by_i, first }).collect();
    let turned = A::sums(&b_d, &turned);
    let [[first, third], [second, fourth]] = A::sums_and_differences([[&ac, &bd], [&a_c, &turned]]);
    [first, second, third, fourth]
}

/// Steps of four points for every u of a range.
fn steps<A: Arithmetic>(
    [a, b, c, d]: [&[A::Point]; 4],
    range: Range<usize>,
    stride: usize,
    roots: &[Fr],
) -> [Vec<A::Point>; 4] {
    let [[ac, a_c], [bd, b_d]] = A::sums_and_differences([[a, c], [b, d]]);
    let [[first, difference]] = A::sums_and_differences([[&ac, &bd]]);
    let power = |exponent: usize| &roots[exponent % roots.len()];
    let quarter = roots.len() / 4;
    let from = range.start / stride;
    // The three chains of every w that occurs.
    let chains: Vec<[Chain; 3]> = (from..range.end.div_ceil(stride))
        .map(|number| {
            let w = number * stride;
            let odd = |w: usize, i: usize| chain([power(w), power(w + i)]);
            [odd(w, quarter), chain([power(2 * w)]), odd(3 * w, 3 * quarter)]
        })
        .collect();
    let mut bases = Vec::with_capacity(3 * range.len());
    let mut wanted = Vec::with_capacity(3 * range.len());
    for (place, u) in range.enumerate() {
        let [second, third, fourth] = &chains[u / stride - from];
        let first = bases.len();
        bases.extend([a_c[place], b_d[place], difference[place]]);
        wanted.extend([
            Sum { chain: second, first },
            Sum { chain: third, first: first + 2 },
            Sum { chain: fourth, first },
        ]);
    }
    let totals = A::sums(&bases, &wanted);
    let every_third = |k: usize| totals.iter().skip(k).step_by(3).copied().collect();
    [first, every_third(0), every_third(1), every_third(2)]
}
