//! The weighted sum of a window's buckets as sums over bit planes.
//!
//! sum_b (b + 1) B_b = sum_b B_b + sum_t 2^t O_t, with O_t the sum of the buckets whose index has bit t. Let S_0 be the
//! buckets and S_(t+1)\[i\] = S_t\[2 i\] + S_t\[2 i + 1\]; then O_t is the sum of the odd entries of S_t. Round t computes
//! S_(t+1) and halves the lists whose sums are O_0, ..., O_t: in all two additions a bucket, all of a round independent.

use super::Weighted;
use super::plan::Window;
use crate::curve::{Adder, Care, Packed, Pair};
use crate::memory::Buffer;

/// One window's share of the round's memory: S of length 2^depth, then `lists` lists of half that length.
struct Tree {
    offset: u32,
    start: u32,
    depth: u32,
    lists: u32,
}

/// The weighted sums of all windows, whose buckets lie one after the other at the start of `even`.
///
/// `even` and `odd` hold twice the buckets each.
pub fn sums(
    adder: &mut Adder,
    pairs: &mut Buffer<Pair>,
    even: &mut [Packed],
    odd: &mut [Packed],
    windows: &[Window],
    mut care: Care,
) -> Weighted {
    let mut done = Weighted::new();
    let mut start = 0;
    let mut trees: Vec<Tree> = windows
        .iter()
        .map(|window| {
            let tree = Tree { offset: window.offset, start, depth: window.width - 1, lists: 0 };
            start += window.buckets() as u32;
            tree
        })
        .collect();
    let (mut source, mut target) = (even, odd);
    loop {
        // A tree of one entry is finished: the entry is the sum over all buckets.
        trees.retain(|tree| {
            if tree.depth == 0 {
                done.push((tree.offset, source[tree.start as usize].to_affine()));
            }
            tree.depth > 0
        });
        if trees.is_empty() {
            return done;
        }
        pairs.truncate(0);
        let mut free = 0;
        for tree in &mut trees {
            round(tree, &mut free, source, pairs, &mut done);
        }
        if adder.add::<false>(source, target, pairs, care) {
            care = Care::Infinities;
        }
        std::mem::swap(&mut source, &mut target);
    }
}

/// The additions of one round of a tree, whose place then is in the target. Lists of one entry are finished.
fn round(tree: &mut Tree, free: &mut u32, source: &[Packed], pairs: &mut Buffer<Pair>, done: &mut Weighted) {
    let Tree { offset, start, depth, lists } = *tree;
    let half = 1u32 << (depth - 1);
    let mut out = *free;
    tree.start = out;
    let mut add = |left: u32, right: u32| {
        pairs.push(Pair { left, right, out });
        out += 1;
    };
    for i in 0..half {
        add(start + 2 * i, start + 2 * i + 1);
    }
    // List t has `half` entries. The newest one is the odd entries of S.
    let list = |t: u32| start + 2 * half + t * half;
    if half > 1 {
        for t in 0..lists {
            for i in 0..half / 2 {
                add(list(t) + 2 * i, list(t) + 2 * i + 1);
            }
        }
        for i in 0..half / 2 {
            add(start + 4 * i + 1, start + 4 * i + 3);
        }
    } else {
        for t in 0..lists {
            done.push((offset + t, source[list(t) as usize].to_affine()));
        }
        done.push((offset + lists, source[start as usize + 1].to_affine()));
    }
    *free = out;
    tree.depth -= 1;
    tree.lists += 1;
}
