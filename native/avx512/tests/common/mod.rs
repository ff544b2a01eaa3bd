//! What the integration tests share: the availability gate, random elements, conversions to and from arkworks.
#![allow(dead_code)] // Each test binary uses its own part.

use ark_bn254::{Fq, Fr as ArkFr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInt, PrimeField, UniformRand};
use rand::SeedableRng;
use rand::rngs::StdRng;
use zkmargin_avx512::{Affine, Element, FieldVec, PointVec, Scalar, available, unavailable_reason};

/// Whether the kernels can be tested here; says so if not.
pub fn can_test() -> bool {
    if let Some(reason) = unavailable_reason() {
        println!("NOT TESTED: the AVX-512 kernels cannot run here: {reason}");
    }
    available()
}

pub fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

pub fn random(count: usize, seed: u64) -> Vec<ArkFr> {
    let mut rng = rng(seed);
    (0..count).map(|_| ArkFr::rand(&mut rng)).collect()
}

pub fn scalar(x: ArkFr) -> Scalar {
    Scalar::from_canonical(x.into_bigint().0).unwrap()
}

pub fn ark(x: Scalar) -> ArkFr {
    ArkFr::from_bigint(BigInt(x.to_canonical())).unwrap()
}

pub fn vector(x: &[ArkFr]) -> FieldVec {
    let words: Vec<[u64; 4]> = x.iter().map(|x| x.into_bigint().0).collect();
    FieldVec::from_words(&words).unwrap()
}

pub fn elements(x: &FieldVec) -> Vec<ArkFr> {
    x.to_words().into_iter().map(|w| ArkFr::from_bigint(BigInt(w)).unwrap()).collect()
}

pub fn native(p: &G1Affine) -> Affine {
    let coordinate = |x: Fq| Element::from_canonical(x.into_bigint().0).unwrap();
    p.xy().map_or(Affine::INFINITY, |(x, y)| Affine { x: coordinate(x), y: coordinate(y) })
}

pub fn ark_point(p: Affine) -> G1Affine {
    if p.is_infinity() {
        return G1Affine::zero();
    }
    let coordinate = |x: Element<_>| Fq::from_bigint(BigInt(x.to_canonical())).unwrap();
    G1Affine::new(coordinate(p.x), coordinate(p.y))
}

pub fn points(p: &[G1Affine]) -> PointVec {
    PointVec::from_affine(&p.iter().map(native).collect::<Vec<_>>())
}

pub fn random_points(count: usize, seed: u64) -> Vec<G1Affine> {
    let mut rng = rng(seed);
    let (start, step) = (G1Projective::rand(&mut rng), G1Projective::rand(&mut rng));
    let all: Vec<G1Projective> = std::iter::successors(Some(start), |p| Some(*p + step)).take(count).collect();
    G1Projective::normalize_batch(&all)
}
