//! Transforms against arkworks'.

#![cfg(target_arch = "x86_64")]

mod common;

use ark_bn254::Fr as ArkFr;
use ark_ff::{Field, One, UniformRand, Zero};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use common::*;
use zkmargin_avx512::{Error, FieldVec, ntt};

const SIZES: [usize; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 1 << 15, 1 << 16];

fn domain(size: usize) -> Radix2EvaluationDomain<ArkFr> {
    let domain = Radix2EvaluationDomain::new(size).unwrap();
    let root = ark(ntt::root_of_unity(size.trailing_zeros()).unwrap());
    assert_eq!(root, domain.group_gen(), "the two libraries' domains differ");
    domain
}

#[test]
fn the_domain_is_generated_by_five() {
    let exponent = (-ArkFr::one()) / ArkFr::from(1u64 << 28);
    let root = ArkFr::from(5u64).pow(ark_ff::PrimeField::into_bigint(exponent).0);
    assert_eq!(ark(ntt::root_of_unity(28).unwrap()), root);
    assert_eq!(ntt::root_of_unity(29), None);
}

#[test]
fn transforms_agree_with_arkworks() {
    if !can_test() {
        return;
    }
    let shift = ArkFr::from(7u64);
    for size in SIZES {
        let (domain, f) = (domain(size), random(size, size as u64));
        let coset = domain.get_coset(shift).unwrap();
        let native = vector(&f);
        let values = ntt::evaluate(&[&native], size).unwrap().remove(0);
        assert_eq!(elements(&values), domain.fft(&f), "forward, {size}");
        assert_eq!(elements(&ntt::interpolate(&[&values]).unwrap()[0]), f, "inverse, {size}");
        let values = ntt::evaluate_on_coset(&[&native], size, scalar(shift)).unwrap().remove(0);
        assert_eq!(elements(&values), coset.fft(&f), "coset, {size}");
        let back = ntt::interpolate_on_coset(&[&values], scalar(shift)).unwrap().remove(0);
        assert_eq!(elements(&back), f, "inverse coset, {size}");
    }
}

#[test]
fn blinded_interpolants_hide_in_multiples_of_the_vanishing_polynomial() {
    if !can_test() {
        return;
    }
    for size in [2usize, 8, 64, 256, 4096] {
        let (f, tail) = (random(size, 1), random(5.min(size - 1), 2));
        let scalars: Vec<_> = tail.iter().map(|&x| scalar(x)).collect();
        let values = ntt::evaluate(&[&vector(&f)], size).unwrap().remove(0);
        let blinded = ntt::interpolate_blinded(&[&values, &values], &[&scalars, &[]]).unwrap();
        let mut expected = f.clone();
        expected.iter_mut().zip(&tail).for_each(|(f, tail)| *f -= tail);
        expected.extend(&tail);
        assert_eq!(elements(&blinded[0]), expected, "{size}");
        assert_eq!(elements(&blinded[1]), f, "{size}");
        let long = vec![scalars[0]; size];
        assert!(ntt::interpolate_blinded(&[&values], &[&long]).is_err());
        assert!(ntt::interpolate_blinded(&[&values, &values], &[&scalars]).is_err());
    }
}

#[test]
fn any_number_of_coefficients_is_accepted() {
    if !can_test() {
        return;
    }
    let shift = ArkFr::from(5u64).pow([77]);
    for size in [1usize, 8, 64, 256, 2048] {
        let around = [size / 8, size / 4, size / 2, size, 2 * size, 3 * size];
        let mut lengths: Vec<usize> = around.iter().flat_map(|&x| [x.saturating_sub(1), x, x + 1, x + 5]).collect();
        lengths.extend([0, 1, 2, 9]);
        for length in lengths {
            let f = random(length, length as u64);
            let coset = domain(size).get_coset(shift).unwrap();
            let points: Vec<ArkFr> = coset.elements().collect();
            let native = ntt::evaluate_on_coset(&[&vector(&f)], size, scalar(shift)).unwrap().remove(0);
            let native = elements(&native);
            // Horner's rule at a few points: the whole would be quadratic.
            for i in [0, 1 % size, size / 2, size - 1] {
                let value = f.iter().rev().fold(ArkFr::zero(), |value, c| value * points[i] + c);
                assert_eq!(native[i], value, "{length} coefficients on {size} points, point {i}");
            }
            assert_eq!(native.len(), size);
        }
    }
}

#[test]
fn several_vectors_at_once_and_several_threads() {
    if !can_test() {
        return;
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    for size in [128usize, 1 << 14] {
        let f: Vec<Vec<ArkFr>> = (0..5).map(|k| random(size, k)).collect();
        let native: Vec<FieldVec> = f.iter().map(|f| vector(f)).collect();
        let refs: Vec<&FieldVec> = native.iter().collect();
        let values = pool.install(|| ntt::evaluate(&refs, size)).unwrap();
        for (f, values) in f.iter().zip(&values) {
            assert_eq!(elements(values), domain(size).fft(f));
        }
        let single = pool.install(|| ntt::evaluate(&refs[..1], size)).unwrap();
        assert_eq!(elements(&single[0]), elements(&values[0]));
        assert_eq!(elements(&pool.install(|| ntt::interpolate(&[&values[0]])).unwrap()[0]), f[0]);
    }
}

#[test]
fn extreme_inputs_stay_in_range() {
    if !can_test() {
        return;
    }
    // r - 1 everywhere, and values whose stored form is as large as subtraction makes it.
    for size in [64usize, 1024, 1 << 14] {
        let f = vec![-ArkFr::one(); size];
        let native = vector(&f);
        let large = FieldVec::zeros(size).subtract(&native).unwrap().subtract(&native).unwrap();
        let two: Vec<ArkFr> = f.iter().map(|x| -*x - x).collect();
        assert_eq!(elements(&ntt::evaluate(&[&large], size).unwrap()[0]), domain(size).fft(&two));
        assert_eq!(elements(&ntt::interpolate(&[&large]).unwrap()[0]), domain(size).ifft(&two));
    }
}

#[test]
fn sizes_and_shifts_are_checked() {
    if !can_test() {
        return;
    }
    let mut rng = rng(1);
    let three = vector(&[ArkFr::rand(&mut rng), ArkFr::rand(&mut rng), ArkFr::rand(&mut rng)]);
    assert_eq!(ntt::interpolate(&[&three]).unwrap_err(), Error::Size { got: 3 });
    assert_eq!(ntt::evaluate(&[&three], 12).unwrap_err(), Error::Size { got: 12 });
    assert_eq!(ntt::interpolate(&[&FieldVec::zeros(0)]).unwrap_err(), Error::Size { got: 0 });
    let zero = scalar(ArkFr::zero());
    assert_eq!(ntt::evaluate_on_coset(&[&three], 4, zero).unwrap_err(), Error::ZeroShift);
    assert_eq!(ntt::interpolate_on_coset(&[&three], zero).unwrap_err(), Error::ZeroShift);
}
