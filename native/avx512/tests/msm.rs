//! Multi-scalar multiplication and point vectors against arkworks.

#![cfg(target_arch = "x86_64")]

mod common;

use ark_bn254::{Fq, Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, BigInt, One, PrimeField, Zero};
use common::*;
use rand::Rng;
use zkmargin_avx512::{Affine, Element, Error, PointVec, Scalar, msm};

fn expected(basis: &[G1Affine], scalars: &[Fr]) -> G1Affine {
    G1Projective::msm(&basis[..scalars.len()], scalars).unwrap().into_affine()
}

fn check(basis: &[G1Affine], scalars: &[Fr], what: &str) {
    let result = msm(&points(basis), &[&vector(scalars)], &[]).unwrap();
    assert_eq!(ark_point(result[0]), expected(basis, scalars), "{what}, {} scalars", scalars.len());
}

/// Scalars of at most `bits` bits, both signs.
fn signed(count: usize, bits: u32, seed: u64) -> Vec<Fr> {
    let mut rng = rng(seed);
    let mut one = || {
        let words: [u64; 4] = std::array::from_fn(|k| match bits.saturating_sub(64 * k as u32) {
            0 => 0,
            b if b >= 64 => rng.r#gen(),
            b => rng.r#gen::<u64>() & ((1 << b) - 1),
        });
        let value = Fr::from_bigint(BigInt(words)).unwrap_or(Fr::one());
        if rng.r#gen() { -value } else { value }
    };
    (0..count).map(|_| one()).collect()
}

#[test]
fn all_small_sizes() {
    if !can_test() {
        return;
    }
    let basis = random_points(64, 1);
    for n in 0..=64 {
        check(&basis, &random(n, n as u64), "random");
    }
}

#[test]
fn sizes_around_powers_of_two() {
    if !can_test() {
        return;
    }
    let basis = random_points((1 << 15) + 1, 2);
    for log in 7..=15 {
        for n in [(1 << log) - 1, 1 << log, (1 << log) + 1] {
            check(&basis, &random(n, n as u64), "random");
            check(&basis, &signed(n, 16, n as u64), "16 bits");
        }
    }
}

#[test]
fn every_width() {
    if !can_test() {
        return;
    }
    let basis = random_points(300, 3);
    for bits in (1..=64).chain([65, 100, 127, 128, 129, 191, 192, 193, 251, 252, 253]) {
        check(&basis, &signed(300, bits, u64::from(bits)), &format!("{bits} bits"));
        check(&basis, &signed(5, bits, u64::from(bits)), &format!("{bits} bits"));
        // The boundary itself: 2^bits - 1 and 2^(bits - 1), both signs, all equal.
        let power = Fr::from(2u64).pow_bits(bits - 1);
        for edge in [power, -power, power.double() - Fr::one(), Fr::one() - power.double()] {
            check(&basis, &[edge; 40], &format!("edge of {bits} bits"));
        }
    }
}

trait PowBits {
    fn pow_bits(self, bits: u32) -> Self;
}

impl PowBits for Fr {
    fn pow_bits(self, bits: u32) -> Self {
        (0..bits).fold(Fr::one(), |x, _| x * self)
    }
}

#[test]
fn edge_scalars() {
    if !can_test() {
        return;
    }
    let basis = random_points(2000, 4);
    let half = Fr::from_bigint(Fr::MODULUS_MINUS_ONE_DIV_TWO).unwrap();
    let edges = [Fr::zero(), Fr::one(), -Fr::one(), half, half + Fr::one(), Fr::from(2u64), -Fr::from(2u64)];
    for edge in edges {
        for n in [1, 2, 3, 8, 9, 100, 2000] {
            check(&basis, &vec![edge; n], "all equal");
        }
    }
    let mixed: Vec<Fr> = (0..2000).map(|i| edges[i % edges.len()]).collect();
    check(&basis, &mixed, "mixed edges");
}

#[test]
fn equal_opposite_and_infinite_points() {
    if !can_test() {
        return;
    }
    let distinct = random_points(64, 5);
    for n in [2usize, 3, 64, 1000, 5000] {
        let equal = vec![distinct[0]; n];
        let opposite: Vec<G1Affine> = (0..n).map(|i| if i % 2 == 0 { distinct[1] } else { -distinct[1] }).collect();
        let pairs: Vec<G1Affine> =
            (0..n).map(|i| if i % 3 == 0 { -distinct[i / 6 % 64] } else { distinct[i / 6 % 64] }).collect();
        let infinite: Vec<G1Affine> =
            (0..n).map(|i| if i % 3 == 1 { G1Affine::zero() } else { distinct[i % 64] }).collect();
        let nothing = vec![G1Affine::zero(); n];
        for (name, basis) in
            [("equal", equal), ("opposite", opposite), ("pairs", pairs), ("infinite", infinite), ("nothing", nothing)]
        {
            check(&basis, &random(n, 1), name);
            check(&basis, &vec![Fr::one(); n], name);
            check(&basis, &vec![-Fr::from(5u64); n], name);
            check(&basis, &signed(n, 4, 2), name);
            check(&basis, &signed(n, 16, 3), name);
            check(&basis, &(0..n as u64).map(|i| Fr::from(i / 2)).collect::<Vec<_>>(), name);
        }
    }
}

#[test]
fn sparse_and_mixed_widths() {
    if !can_test() {
        return;
    }
    let basis = random_points(5000, 6);
    let wide = random(5000, 7);
    for every in [2usize, 10, 100, 4999] {
        let sparse: Vec<Fr> = (0..5000).map(|i| if i % every == 0 { wide[i] } else { Fr::zero() }).collect();
        check(&basis, &sparse, "sparse");
        let small = signed(5000, 12, 8);
        let mixed: Vec<Fr> = (0..5000).map(|i| if i % every == 0 { wide[i] } else { small[i] }).collect();
        check(&basis, &mixed, "mixed");
    }
    let mut last = vec![Fr::zero(); 5000];
    last[4999] = -Fr::one();
    check(&basis, &last, "one entry");
}

#[test]
fn several_vectors_tails_and_threads() {
    if !can_test() {
        return;
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let basis = random_points(1100, 9);
    let native_basis = points(&basis);
    let columns = [random(1024, 1), signed(1024, 16, 2), signed(700, 1, 3), vec![], vec![Fr::zero(); 64]];
    let tails = [random(4, 4), random(2, 5), vec![], random(3, 6), vec![Fr::zero(), -Fr::one()]];
    let vectors: Vec<_> = columns.iter().map(|c| vector(c)).collect();
    let refs: Vec<_> = vectors.iter().collect();
    let scalars: Vec<Vec<Scalar>> = tails.iter().map(|t| t.iter().map(|&x| scalar(x)).collect()).collect();
    let tail_refs: Vec<&[Scalar]> = scalars.iter().map(|t| t.as_slice()).collect();
    let plain = msm(&native_basis, &refs, &[]).unwrap();
    let with_tails = pool.install(|| msm(&native_basis, &refs, &tail_refs)).unwrap();
    for k in 0..columns.len() {
        assert_eq!(ark_point(plain[k]), expected(&basis, &columns[k]), "vector {k}");
        let joined = [columns[k].clone(), tails[k].clone()].concat();
        assert_eq!(ark_point(with_tails[k]), expected(&basis, &joined), "vector {k} with its tail");
    }
    assert_eq!(msm(&native_basis, &[], &[]).unwrap(), []);
}

#[test]
fn short_bases_and_wrong_tails_are_refused() {
    if !can_test() {
        return;
    }
    let basis = points(&random_points(10, 10));
    let nine = vector(&random(9, 1));
    let tail = [Scalar::ONE, Scalar::ONE];
    assert_eq!(msm(&basis, &[&nine], &[&tail]).unwrap_err(), Error::Length { expected: 11, got: 10 });
    assert_eq!(msm(&basis, &[&nine, &nine], &[&tail]).unwrap_err(), Error::Length { expected: 2, got: 1 });
    let eleven = vector(&random(11, 1));
    assert_eq!(msm(&basis, &[&eleven], &[]).unwrap_err(), Error::Length { expected: 11, got: 10 });
}

fn encode(p: &[G1Affine]) -> Vec<u8> {
    let coordinate = |x: Fq| x.into_bigint().0.into_iter().flat_map(u64::to_le_bytes);
    let one = |p: &G1Affine| match p.xy() {
        Some((x, y)) => coordinate(x).chain(coordinate(y)).collect(),
        None => vec![0; 64],
    };
    p.iter().flat_map(one).collect()
}

#[test]
fn points_from_and_to_bytes() {
    if !can_test() {
        return;
    }
    for n in [0usize, 1, 2, 3, 4, 5, 9, 5000] {
        let mut p = random_points(n, 11);
        if n > 2 {
            p[2] = G1Affine::zero();
        }
        let bytes = encode(&p);
        let decoded = PointVec::from_bytes(&bytes).unwrap();
        assert_eq!(decoded.to_bytes(), bytes);
        assert_eq!(points(&p).to_bytes(), bytes);
        assert_eq!((0..n).map(|i| ark_point(decoded.get(i))).collect::<Vec<_>>(), p);
    }
}

#[test]
fn bad_points_are_refused() {
    if !can_test() {
        return;
    }
    let p = random_points(5000, 12);
    let good = encode(&p);
    let modulus: Vec<u8> = Fq::MODULUS.0.into_iter().flat_map(u64::to_le_bytes).collect();
    for index in [0usize, 3, 4, 4095, 4096, 4999] {
        for (place, value, error) in [
            (64 * index, modulus.clone(), Error::NotCanonical { index }),
            (64 * index + 32, modulus.clone(), Error::NotCanonical { index }),
            (64 * index, vec![0xff; 32], Error::NotCanonical { index }),
            (64 * index, vec![0; 32], Error::NotOnCurve { index }),
            (64 * index + 32, vec![0; 32], Error::NotOnCurve { index }),
        ] {
            let mut bad = good.clone();
            bad[place..place + 32].copy_from_slice(&value);
            assert_eq!(PointVec::from_bytes(&bad).unwrap_err(), error);
        }
    }
    // x = 0 modulo q written as q is refused too, not taken for infinity.
    let zero = [modulus, vec![0; 32]].concat();
    assert_eq!(PointVec::from_bytes(&zero).unwrap_err(), Error::NotCanonical { index: 0 });
    assert_eq!(PointVec::from_bytes(&good[1..]).unwrap_err(), Error::Length { expected: 320_000, got: 319_999 });
}

#[test]
fn slices_concatenations_and_differences() {
    if !can_test() {
        return;
    }
    let (mut a, mut b) = (random_points(9000, 13), random_points(9000, 14));
    (a[5], b[6]) = (G1Affine::zero(), G1Affine::zero());
    (a[7], b[7]) = (G1Affine::zero(), G1Affine::zero());
    (b[8], b[9]) = (a[8], -a[9]);
    let (x, y) = (points(&a), points(&b));
    let difference = x.subtract(&y).unwrap();
    let wanted: Vec<G1Projective> = a.iter().zip(&b).map(|(a, b)| *a - b).collect();
    assert_eq!(difference.to_bytes(), encode(&G1Projective::normalize_batch(&wanted)));
    assert_eq!(x.subtract(&x).unwrap().to_bytes(), vec![0; 64 * 9000]);
    let parts = [&x.slice(0, 6).unwrap(), &x.slice(6, 6).unwrap(), &x.slice(6, 9000).unwrap()];
    assert_eq!(PointVec::concatenate(&parts).to_bytes(), encode(&a));
    assert_eq!(x.slice(5, 9001).unwrap_err(), Error::Parameter { expected: "0 <= start <= stop <= len" });
    assert_eq!(x.subtract(parts[0]).unwrap_err(), Error::Length { expected: 9000, got: 6 });
    let generator = G1Projective::generator().into_affine();
    assert!(native(&generator).is_valid() && !Affine { x: Element::ONE, y: Element::ONE }.is_valid());
}
