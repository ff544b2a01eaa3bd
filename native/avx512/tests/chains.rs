//! Sums of multiples by chains against arkworks.

#![cfg(target_arch = "x86_64")]

mod common;

use ark_bn254::{Fr, G1Affine, G1Projective, g1};
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field};
use common::*;
use rand::Rng;
use zkmargin_avx512::{PointVec, Sum, sums, sums_and_differences};

/// What a chain multiplies each of `bases` bases by.
fn scalars_of(chain: &[u32], bases: usize) -> Vec<Fr> {
    let mut scalars = vec![Fr::ZERO; bases];
    for &step in chain {
        if step == 0 {
            scalars.iter_mut().for_each(|scalar| *scalar = scalar.double());
            continue;
        }
        let mut addend = Fr::from(2 * (step >> 3 & 7) + 1);
        if step & 4 != 0 {
            addend *= g1::Config::LAMBDA;
        }
        scalars[(step >> 6) as usize] += if step & 2 != 0 { -addend } else { addend };
    }
    scalars
}

/// A chain of `length` steps, every kind of them among these if it is long.
fn random_chain(length: usize, bases: u32, seed: u64) -> Vec<u32> {
    let mut rng = rng(seed);
    let mut step = |_| {
        if rng.r#gen_range(0..4) > 0 { 0 } else { rng.r#gen_range(0..bases) << 6 | rng.r#gen_range(0..32) << 1 | 1 }
    };
    (0..length).map(&mut step).collect()
}

fn points_of(all: Vec<zkmargin_avx512::Packed>) -> Vec<G1Affine> {
    let all = PointVec::from_points(&all);
    (0..all.len()).map(|index| ark_point(all.get(index))).collect()
}

fn check(bases: &[G1Affine], chains: &[Vec<u32>], per_sum: usize) {
    let first = |index: usize| index % (bases.len() + 1 - per_sum);
    let wanted: Vec<Sum> = chains.iter().enumerate().map(|(index, chain)| Sum { chain, first: first(index) }).collect();
    let got = points_of(sums(points(bases).points(), &wanted));
    for (index, (chain, got)) in chains.iter().zip(got).enumerate() {
        let terms = scalars_of(chain, per_sum).into_iter().zip(&bases[first(index)..]);
        let expected: G1Projective = terms.map(|(scalar, base)| *base * scalar).sum();
        assert_eq!(got, expected.into_affine(), "sum {index} of {}", chains.len());
    }
}

#[test]
fn chains_of_every_length() {
    if !can_test() {
        return;
    }
    let bases = random_points(21, 1);
    for count in [0, 1, 7, 8, 9, 40] {
        let chains: Vec<_> = (0..count).map(|k| random_chain(3 * k % 50, 2, k as u64)).collect();
        check(&bases, &chains, 2);
    }
    check(&bases, &(0..9).map(|k| random_chain(180, 3, k)).collect::<Vec<_>>(), 3);
}

#[test]
fn equal_opposite_and_infinite_points_meet() {
    if !can_test() {
        return;
    }
    let mut bases = random_points(4, 2);
    bases.extend([bases[0], -bases[0], G1Affine::zero(), bases[1]]);
    let negative = 2;
    // P + P, P - P, 2 P + P - 3 P, 2 (P - P), P + its image, P of the next, and those of infinity.
    let addend = |bits: u32| bits | 1;
    let chains = [
        vec![addend(0), addend(0)],
        vec![addend(0), addend(negative)],
        vec![addend(0), 0, addend(0), addend(8 | negative)],
        vec![addend(0), addend(negative), 0, 0, addend(16)],
        vec![addend(0), addend(4)],
        vec![addend(32), addend(0), addend(0)],
        vec![],
        vec![0, 0],
        vec![addend(24)],
    ];
    for start in 0..bases.len() - 1 {
        check(&bases[start..start + 2], &chains, 2);
    }
}

#[test]
fn sums_and_differences_of_special_points() {
    if !can_test() {
        return;
    }
    let some = random_points(20, 3);
    let mut left = some.clone();
    let mut right = some[10..].to_vec();
    right.extend(some[..10].iter().map(|&point| -point));
    left[3] = G1Affine::zero();
    right[4] = G1Affine::zero();
    (left[5], right[5]) = (G1Affine::zero(), G1Affine::zero());
    (left[6], right[6]) = (some[6], some[6]);
    (left[7], right[7]) = (some[7], -some[7]);
    for count in [0, 1, 8, 20] {
        let both = [points(&left[..count]), points(&right[..count])];
        let [[sum, difference], again] = sums_and_differences([[both[0].points(), both[1].points()]; 2]);
        assert_eq!(again, [sum.clone(), difference.clone()]);
        let expected = |sign: Fr| -> Vec<G1Affine> {
            left[..count].iter().zip(&right[..count]).map(|(a, b)| (a.into_group() + *b * sign).into_affine()).collect()
        };
        assert_eq!(points_of(sum), expected(Fr::ONE));
        assert_eq!(points_of(difference), expected(-Fr::ONE));
    }
}
