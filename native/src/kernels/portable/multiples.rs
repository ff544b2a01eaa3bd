//! Sums of multiples in affine coordinates: the steps of one round of all chains share an inversion.

use ark_bn254::{Fq, G1Affine};
use ark_ff::AdditiveGroup;

use super::Portable;
use super::affine::Adder;
use crate::kernels::multiples::{Arithmetic, DOUBLE, MULTIPLES, Step, Sum, image};

impl Arithmetic for Portable {
    type Point = G1Affine;

    const INFINITY: G1Affine = G1Affine::new_unchecked(Fq::ZERO, Fq::ZERO);
    const BLOCK: usize = 512;

    fn sums(bases: &[G1Affine], wanted: &[Sum<'_>]) -> Vec<G1Affine> {
        sums(bases, wanted)
    }

    fn sums_and_differences<const N: usize>(pairs: [[&[G1Affine]; 2]; N]) -> [[Vec<G1Affine>; 2]; N] {
        let length = pairs[0][0].len();
        let mut totals: Vec<G1Affine> = pairs.iter().flat_map(|[left, _]| [*left, *left]).flatten().copied().collect();
        Adder::default().add(&mut totals, |index, _| {
            let (part, place) = (index / length, index % length);
            let right = pairs[part / 2][1][place];
            if part % 2 == 0 { right } else { -right }
        });
        let part = |number: usize| totals[number * length..(number + 1) * length].to_vec();
        std::array::from_fn(|pair| [part(2 * pair), part(2 * pair + 1)])
    }
}

/// The odd multiples of some bases, all first multiples, then all third ones, and so on.
struct Tables {
    bases: usize,
    points: Vec<G1Affine>,
    images: Vec<Fq>,
}

impl Tables {
    fn new(bases: &[G1Affine], adder: &mut Adder) -> Self {
        let mut points = Vec::with_capacity(MULTIPLES * bases.len());
        points.extend_from_slice(bases);
        let mut doubles = bases.to_vec();
        adder.add(&mut doubles, |_, point| *point);
        for multiple in 1..MULTIPLES {
            points.extend_from_within((multiple - 1) * bases.len()..);
            adder.add(&mut points[multiple * bases.len()..], |base, _| doubles[base]);
        }
        let images = points.iter().map(image).collect();
        Self { bases: bases.len(), points, images }
    }

    fn addend(&self, step: Step, first: usize) -> G1Affine {
        let multiple = step as usize >> 3;
        let place = multiple % MULTIPLES * self.bases + first + multiple / MULTIPLES;
        let point = &self.points[place];
        let x = if step & 4 == 0 { point.x } else { self.images[place] };
        let y = if step & 2 == 0 { point.y } else { -point.y };
        G1Affine::new_unchecked(x, y)
    }
}

/// Every sum. All chains advance together by one step, doubling or addition as it comes.
fn sums(bases: &[G1Affine], sums: &[Sum<'_>]) -> Vec<G1Affine> {
    let mut adder = Adder::default();
    let tables = Tables::new(bases, &mut adder);
    // Longest first, so that the chains which go on are the first ones.
    let mut order: Vec<usize> = (0..sums.len()).collect();
    order.sort_unstable_by_key(|&index| std::cmp::Reverse(sums[index].chain.len()));
    let sums: Vec<Sum<'_>> = order.iter().map(|&index| sums[index]).collect();
    let mut totals = vec![G1Affine::identity(); sums.len()];
    let mut unfinished = sums.len();
    for round in 0.. {
        while unfinished > 0 && sums[unfinished - 1].chain.len() <= round {
            unfinished -= 1;
        }
        if unfinished == 0 {
            break;
        }
        adder.add(&mut totals[..unfinished], |place, total| {
            let Sum { chain, first } = sums[place];
            match chain[round] {
                DOUBLE => *total,
                step => tables.addend(step, first),
            }
        });
    }
    let mut ordered = totals.clone();
    for (&index, total) in order.iter().zip(totals) {
        ordered[index] = total;
    }
    ordered
}
