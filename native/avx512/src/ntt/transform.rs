//! One transform inside the lanes: entry i of the transform is block i, and eight transforms run side by side.
//!
//! Decimation in the order natural to bit-reversed, with one twiddle factor a block of butterflies: stage s splits
//! residues modulo X^2h - z^2 into residues modulo X^h - z and X^h + z. The first block of every stage has z = 1 and
//! needs no multiplication, in all one stage's worth.
//!
//! Bounds, in multiples of p: input stored, 3.7. The first block's outputs are below 3.7 + 4; any other butterfly adds
//! at most 3. After S <= 12 stages everything is below 7.7 + 3 * 11 < 42, which `reduce_16` takes back.

use crate::constants::Fr;
use crate::lanes::{Block, Lanes, Loose};

/// Blocks that are transformed depth first once they fit the first-level cache: 20 kB.
const CACHED: usize = 64;

/// The most stages for which the bounds hold.
pub const MAX_STAGES: u32 = 12;

/// Transforms `buffer` in place, natural order to bit-reversed, unreduced (see `Loose::load`), from stage `first` on.
///
/// `roots[k]` is w^bitreverse(k) for a root of unity w whose order is at least the transform's size.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
pub fn transform(buffer: &mut [Block], roots: &[[u64; 5]], first: u32) {
    let stages = buffer.len().trailing_zeros();
    assert!(buffer.len().is_power_of_two() && stages <= MAX_STAGES && roots.len() >= buffer.len() / 2);
    let wide = stages.saturating_sub(CACHED.trailing_zeros());
    for stage in first..wide {
        butterflies(buffer, roots, stage, 0, 1 << stage);
    }
    // Every block of the last wide stage's output is now a transform of its own.
    for part in 0..1usize << wide {
        for stage in first.max(wide)..stages {
            let blocks = 1 << (stage - wide);
            butterflies(buffer, roots, stage, part * blocks, (part + 1) * blocks);
        }
    }
}

/// Blocks `from..to` of a stage.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline]
fn butterflies(buffer: &mut [Block], roots: &[[u64; 5]], stage: u32, from: usize, to: usize) {
    let size = buffer.len() >> stage;
    for k in from..to {
        let (upper, lower) = buffer[k * size..(k + 1) * size].split_at_mut(size / 2);
        if k == 0 {
            for (u, v) in upper.iter_mut().zip(lower) {
                plain_butterfly(u, v, stage == 0);
            }
        } else {
            let root = Lanes::splat(&roots[k]);
            for (u, v) in upper.iter_mut().zip(lower) {
                butterfly(u, v, root);
            }
        }
    }
}

/// (u, v) -> (u + z v, u - z v + 3 p). The product is below 2 + 42 * 0.0119 < 3.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline]
fn butterfly(u: &mut Block, v: &mut Block, root: Lanes<Fr>) {
    let product = Loose::<Fr>::load(v).factor().product(root.factor()).reduce();
    let upper = Loose::load(u);
    upper.subtract_loose::<3>(product).keep(v);
    upper.add_loose(product).keep(u);
}

/// (u, v) -> (u + v, u - v + 4 p), reduced first unless they are stored values.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline]
fn plain_butterfly(u: &mut Block, v: &mut Block, stored: bool) {
    let (mut a, mut b) = (Loose::<Fr>::load(u), Loose::<Fr>::load(v));
    if !stored {
        (a, b) = (a.reduce_16().loose(), b.reduce_16().loose());
    }
    a.subtract_loose::<4>(b).keep(v);
    a.add_loose(b).keep(u);
}
