//! Field vectors against arkworks, at lengths around every block, chunk and batch boundary.

#![cfg(target_arch = "x86_64")]

mod common;

use ark_bn254::Fr;
use ark_ff::{BigInt, Field, One, PrimeField, UniformRand, Zero};
use common::*;
use rand::Rng;
use zkmargin_avx512::{Error, FieldVec, Scalar, Tape};

/// Around blocks of 8, batches of 48 and 64 blocks, and tasks of 1024 blocks.
const LENGTHS: [usize; 24] =
    [0, 1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 383, 384, 385, 511, 512, 513, 1000, 8191, 8192, 8193, 16391, 20000];

/// Random elements with every kind of special one mixed in.
fn mixed(count: usize, seed: u64) -> Vec<Fr> {
    let mut rng = rng(seed);
    let power = |k: u32| (0..k).fold(Fr::one(), |x, _| x + x);
    let half = Fr::from_bigint(Fr::MODULUS_MINUS_ONE_DIV_TWO).unwrap();
    let mut special = vec![Fr::zero(), Fr::one(), -Fr::one(), half, half + Fr::one()];
    special.extend([52, 64, 104, 156, 208, 253].iter().flat_map(|&k| [power(k), power(k) - Fr::one(), -power(k)]));
    let one = |_| if rng.r#gen() { Fr::rand(&mut rng) } else { special[rng.gen_range(0..special.len())] };
    (0..count).map(one).collect()
}

fn zip(a: &[Fr], b: &[Fr], f: impl Fn(Fr, Fr) -> Fr) -> Vec<Fr> {
    a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
}

fn threads() -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap()
}

#[test]
fn conversions() {
    if !can_test() {
        return;
    }
    for n in LENGTHS {
        let a = mixed(n, 1);
        let x = vector(&a);
        let bytes: Vec<u8> = a.iter().flat_map(|a| a.into_bigint().0).flat_map(u64::to_le_bytes).collect();
        assert_eq!(x.to_bytes(), bytes);
        assert_eq!(FieldVec::from_bytes(&bytes).unwrap().to_bytes(), bytes);
        let montgomery: Vec<[u64; 4]> = a.iter().map(|a| a.0.0).collect();
        assert_eq!(x.to_montgomery(), montgomery);
        assert_eq!(elements(&FieldVec::from_montgomery(&montgomery).unwrap()), a);
        assert_eq!(elements(&FieldVec::from_scalars(&x.to_scalars())), a);
        assert_eq!((0..n.min(20)).map(|i| ark(x.get(i))).collect::<Vec<_>>(), a[..n.min(20)]);
        let mut rng = rng(2);
        let mut integers: Vec<i64> = (0..n).map(|_| rng.r#gen()).collect();
        integers.iter_mut().zip([i64::MIN, i64::MAX, 0, -1, 1]).for_each(|(x, y)| *x = y);
        let wanted: Vec<Fr> = integers.iter().map(|&x| Fr::from(x)).collect();
        assert_eq!(elements(&FieldVec::from_i64(&integers)), wanted);
        assert_eq!(elements(&FieldVec::constant(scalar(a.first().copied().unwrap_or_default()), n)).len(), n);
    }
    assert_eq!(format!("{:?}", vector(&mixed(3, 1))), "FieldVec(len 3)");
}

#[test]
fn values_that_are_not_canonical_are_refused() {
    if !can_test() {
        return;
    }
    let r = Fr::MODULUS.0;
    for index in [0usize, 7, 8, 99] {
        for bad in [r, [u64::MAX; 4], [r[0] + 5, r[1], r[2], r[3]], [0, 0, 0, r[3] + 1]] {
            let mut words = vec![[1, 2, 3, 4]; 100];
            (words[index], words[99]) = (bad, bad);
            let bytes: Vec<u8> = words.iter().flatten().copied().flat_map(u64::to_le_bytes).collect();
            let error = Error::NotCanonical { index };
            assert_eq!(FieldVec::from_words(&words).unwrap_err(), error);
            assert_eq!(FieldVec::from_montgomery(&words).unwrap_err(), error);
            assert_eq!(FieldVec::from_bytes(&bytes).unwrap_err(), error);
        }
    }
    assert_eq!(FieldVec::from_bytes(&[0; 33]).unwrap_err(), Error::Length { expected: 64, got: 33 });
}

#[test]
fn elementwise() {
    if !can_test() {
        return;
    }
    for n in LENGTHS {
        let (a, b) = (mixed(n, 3), mixed(n, 4));
        let (x, y) = (vector(&a), vector(&b));
        threads().install(|| {
            assert_eq!(elements(&x.add(&y).unwrap()), zip(&a, &b, |a, b| a + b));
            assert_eq!(elements(&x.subtract(&y).unwrap()), zip(&a, &b, |a, b| a - b));
            assert_eq!(elements(&x.multiply(&y).unwrap()), zip(&a, &b, |a, b| a * b));
            let factor = random(1, 5)[0];
            assert_eq!(elements(&x.scale(scalar(factor))), zip(&a, &a, |a, _| a * factor));
            let mut power = Fr::one();
            let scaled: Vec<Fr> = a.iter().map(|a| (*a * power, power *= factor).0).collect();
            assert_eq!(elements(&x.scale_by_powers(scalar(factor))), scaled);
            assert_eq!(ark(x.inner_product(&y).unwrap()), zip(&a, &b, |a, b| a * b).iter().sum());
            assert_eq!(ark(x.sum()), a.iter().sum());
            let mut total = Fr::zero();
            let sums: Vec<Fr> = a.iter().map(|a| (total, total += a).0).collect();
            assert_eq!(elements(&x.prefix_sum()), sums);
        });
    }
    let (one, two) = (FieldVec::zeros(1), FieldVec::zeros(2));
    let error = Error::Length { expected: 1, got: 2 };
    assert_eq!(one.add(&two).unwrap_err(), error);
    assert_eq!(one.subtract(&two).unwrap_err(), error);
    assert_eq!(one.multiply(&two).unwrap_err(), error);
    assert_eq!(one.inner_product(&two).unwrap_err(), error);
}

/// Chains of operations, so that stored values reach the top of their range.
#[test]
fn stored_values_stay_in_range() {
    if !can_test() {
        return;
    }
    let n = 1000;
    let (mut a, mut b) = (mixed(n, 6), mixed(n, 7));
    let (mut x, mut y) = (vector(&a), vector(&b));
    for round in 0..40 {
        (a, b) = match round % 4 {
            0 => (zip(&a, &b, |a, b| a - b), zip(&a, &b, |a, b| a + b)),
            1 => (zip(&a, &b, |a, b| b - a), zip(&a, &b, |a, b| a * b)),
            2 => (zip(&a, &a, |_, a| -a), zip(&a, &b, |a, b| b - a)),
            _ => (zip(&a, &b, |a, b| a + b), zip(&a, &b, |a, b| b - a)),
        };
        (x, y) = match round % 4 {
            0 => (x.subtract(&y).unwrap(), x.add(&y).unwrap()),
            1 => (y.subtract(&x).unwrap(), x.multiply(&y).unwrap()),
            2 => (FieldVec::zeros(n).subtract(&x).unwrap(), y.subtract(&x).unwrap()),
            _ => (x.add(&y).unwrap(), y.subtract(&x).unwrap()),
        };
        assert_eq!(elements(&x), a);
        assert_eq!(elements(&y), b);
        assert_eq!(ark(x.inner_product(&y).unwrap()), zip(&a, &b, |a, b| a * b).iter().sum());
        let mut total = Fr::zero();
        assert_eq!(elements(&x.prefix_sum()), a.iter().map(|a| (total, total += a).0).collect::<Vec<_>>());
    }
}

#[test]
fn linear_combinations() {
    if !can_test() {
        return;
    }
    for count in [1usize, 2, 63, 64, 65, 150] {
        let columns: Vec<Vec<Fr>> = (0..count).map(|k| mixed([100, 99, 8, 0, 107][k % 5], k as u64)).collect();
        let coefficients = mixed(count, 9);
        let vectors: Vec<FieldVec> = columns.iter().map(|c| vector(c)).collect();
        let refs: Vec<&FieldVec> = vectors.iter().collect();
        let scalars: Vec<Scalar> = coefficients.iter().map(|&c| scalar(c)).collect();
        let len = columns.iter().map(Vec::len).max().unwrap();
        let wanted: Vec<Fr> = (0..len)
            .map(|i| columns.iter().zip(&coefficients).map(|(v, c)| v.get(i).map_or(Fr::zero(), |x| *c * x)).sum())
            .collect();
        assert_eq!(elements(&FieldVec::linear_combination(&refs, &scalars).unwrap()), wanted);
    }
    // All at the top of the range.
    let large = vec![-Fr::one(); 20];
    let vectors: Vec<FieldVec> = (0..130).map(|_| FieldVec::zeros(20).subtract(&vector(&large)).unwrap()).collect();
    let refs: Vec<&FieldVec> = vectors.iter().collect();
    let sum = FieldVec::linear_combination(&refs, &[scalar(-Fr::one()); 130]).unwrap();
    assert_eq!(elements(&sum), vec![-Fr::from(130u64); 20]);
    assert!(FieldVec::linear_combination(&[], &[]).is_err());
    assert!(FieldVec::linear_combination(&refs, &[Scalar::ONE]).is_err());
}

#[test]
fn inverses() {
    if !can_test() {
        return;
    }
    for n in LENGTHS {
        let a: Vec<Fr> = mixed(n, 10).into_iter().map(|x| if x.is_zero() { Fr::one() } else { x }).collect();
        let wanted: Vec<Fr> = a.iter().map(|a| a.inverse().unwrap()).collect();
        assert_eq!(elements(&threads().install(|| vector(&a).batch_inverse()).unwrap()), wanted, "{n}");
        for index in [0, n / 2, n.saturating_sub(1)].into_iter().filter(|&i| i < n) {
            let mut zero = a.clone();
            zero[index] = Fr::zero();
            zero[n - 1] = Fr::zero();
            assert_eq!(vector(&zero).batch_inverse().unwrap_err(), Error::ZeroInverse { index });
        }
    }
    // A zero that is not the number zero: p - p.
    let one = vector(&[Fr::one(); 9]);
    assert!(one.subtract(&one).unwrap().batch_inverse().is_err());
}

#[test]
fn shapes() {
    if !can_test() {
        return;
    }
    for n in LENGTHS {
        let a = mixed(n, 11);
        let x = vector(&a);
        for start in [0, 1, 7, 8, 9, n / 2, n].into_iter().filter(|&s| s <= n) {
            for stop in [start, start + 1, start + 8, start + 13, n].into_iter().filter(|&s| s <= n && s >= start) {
                let slice = x.slice(start, stop).unwrap();
                assert_eq!(elements(&slice), a[start..stop]);
                // Spare lanes are zero: sums do not see what lay behind.
                assert_eq!(ark(slice.sum()), a[start..stop].iter().sum());
            }
            let parts = [&x.slice(0, start).unwrap(), &FieldVec::zeros(0), &x.slice(start, n).unwrap(), &x];
            let joined = FieldVec::concatenate(&parts);
            assert_eq!(elements(&joined), [a.clone(), a.clone()].concat());
            assert_eq!(ark(joined.sum()), a.iter().sum::<Fr>() + a.iter().sum::<Fr>());
        }
        for len in [0, 1, 5, 8, n, n + 1, 2 * n + 9] {
            let mut wanted = a.clone();
            wanted.resize(len, Fr::zero());
            assert_eq!(elements(&x.resized(len)), wanted);
        }
        for by in [0i64, 1, -1, 3, 8, -8, 100, -(n as i64), n as i64 + 5] {
            let wanted: Vec<Fr> = (0..n).map(|i| a[(i as i64 + by).rem_euclid(n as i64) as usize]).collect();
            assert_eq!(elements(&x.rotate(by)), wanted, "{n} rotated by {by}");
        }
        assert!(x.slice(0, n + 1).is_err() && x.slice(1, 0).is_err());
    }
}

#[test]
fn signs() {
    if !can_test() {
        return;
    }
    for n in LENGTHS {
        let a = mixed(n, 12);
        let (s, m) = threads().install(|| vector(&a).split_sign());
        let half = Fr::MODULUS_MINUS_ONE_DIV_TWO;
        let negative: Vec<bool> = a.iter().map(|a| a.into_bigint() > half).collect();
        assert_eq!(elements(&s), negative.iter().map(|&n| Fr::from(n)).collect::<Vec<_>>());
        let magnitudes: Vec<Fr> = a.iter().zip(&negative).map(|(a, n)| if *n { -*a } else { *a }).collect();
        assert_eq!(elements(&m), magnitudes);
    }
}

#[test]
fn digits() {
    if !can_test() {
        return;
    }
    for n in [0usize, 1, 8, 9, 100] {
        for (bits, count) in [(1u32, 5usize), (12, 5), (16, 4), (28, 9), (13, 20), (28, 10), (7, 40), (28, 1)] {
            let total = bits * count as u32;
            let mut rng = rng(13);
            let digits: Vec<Vec<u64>> =
                (0..count).map(|_| (0..n).map(|_| rng.r#gen::<u64>() & ((1 << bits) - 1)).collect()).collect();
            let base = Fr::from(1u64 << bits);
            let join = |i: usize| digits.iter().rev().fold(Fr::zero(), |x, d| x * base + Fr::from(d[i]));
            let values: Vec<Fr> = (0..n).map(join).collect();
            if total < 254 {
                let parts = vector(&values).decompose(bits, count).unwrap();
                for (part, wanted) in parts.iter().zip(&digits) {
                    assert_eq!(elements(part), wanted.iter().map(|&d| Fr::from(d)).collect::<Vec<_>>());
                }
                if n > 0 {
                    let mut large = values.clone();
                    large[n - 1] = base.pow([count as u64]);
                    let error = Error::Range { row: n - 1, bits: total };
                    assert_eq!(vector(&large).decompose(bits, count).unwrap_err(), error);
                    large[0] = -Fr::one();
                    let error = Error::Range { row: 0, bits: total };
                    assert_eq!(vector(&large).decompose(bits, count).unwrap_err(), error);
                }
            } else {
                let a = mixed(n, 14);
                let parts = vector(&a).decompose(bits, count).unwrap();
                for (i, a) in a.iter().enumerate() {
                    assert_eq!(parts.iter().rev().fold(Fr::zero(), |x, d| x * base + ark(d.get(i))), *a);
                }
            }
        }
    }
    let x = FieldVec::zeros(1);
    assert!(x.decompose(0, 1).is_err() && x.decompose(29, 1).is_err() && x.decompose(28, usize::MAX).is_err());
    assert_eq!(x.decompose(5, 0).unwrap().len(), 0);
    assert_eq!(FieldVec::constant(Scalar::ONE, 3).decompose(5, 0).unwrap_err(), Error::Range { row: 0, bits: 0 });
}

#[test]
fn counts() {
    if !can_test() {
        return;
    }
    for (bits, len, n) in [(0u32, 1usize, 5usize), (1, 2, 9), (3, 100, 1000), (8, 256, 77), (12, 5000, 10_000)] {
        let mut rng = rng(15);
        let columns: Vec<Vec<u64>> =
            (0..3).map(|k| (0..n + k).map(|_| rng.r#gen::<u64>() & ((1 << bits) - 1)).collect()).collect();
        let mut counts = vec![0u64; len];
        columns.iter().flatten().for_each(|&t| counts[t as usize] += 1);
        let column = |c: &Vec<u64>| vector(&c.iter().map(|&t| Fr::from(t)).collect::<Vec<_>>());
        let vectors: Vec<FieldVec> = columns.iter().map(column).collect();
        let refs: Vec<&FieldVec> = vectors.iter().collect();
        let wanted: Vec<Fr> = counts.iter().map(|&c| Fr::from(c)).collect();
        assert_eq!(elements(&FieldVec::multiplicities(&refs, bits, len).unwrap()), wanted);
        for bad in [Fr::from(1u64 << bits), -Fr::one()] {
            let mut wrong = vec![Fr::zero(); n];
            wrong[n - 1] = bad;
            let error = Error::Range { row: n - 1, bits };
            assert_eq!(FieldVec::multiplicities(&[&refs[0].clone(), &vector(&wrong)], bits, len).unwrap_err(), error);
        }
    }
    assert!(FieldVec::multiplicities(&[], 4, 15).is_err());
    assert_eq!(elements(&FieldVec::multiplicities(&[], 1, 3).unwrap()), [Fr::zero(); 3]);
}

#[test]
fn rows_that_are_not_zero() {
    if !can_test() {
        return;
    }
    for n in LENGTHS {
        let a: Vec<Fr> = (0..n).map(|i| if i % 5 == 2 { -Fr::one() } else { Fr::zero() }).collect();
        let rows: Vec<usize> = (0..n).filter(|i| i % 5 == 2).collect();
        for limit in [0, 1, 3, n] {
            let wanted = &rows[..rows.len().min(limit)];
            assert_eq!(threads().install(|| vector(&a).nonzero_rows(limit)), wanted);
        }
        let x = vector(&mixed(n, 16));
        assert_eq!(x.subtract(&x).unwrap().nonzero_rows(n), []);
    }
}

#[test]
fn polynomials() {
    if !can_test() {
        return;
    }
    let point = random(1, 17)[0];
    for z in [point, Fr::zero(), Fr::one(), -Fr::one()] {
        for n in LENGTHS {
            let (a, b) = (mixed(n, 18), mixed(n / 2, 19));
            let horner = |f: &[Fr]| f.iter().rev().fold(Fr::zero(), |value, c| value * z + c);
            let values = threads().install(|| FieldVec::evaluate(&[&vector(&a), &vector(&b)], scalar(z)));
            assert_eq!(values.into_iter().map(ark).collect::<Vec<_>>(), [horner(&a), horner(&b)], "{n}");
            let mut quotient = vec![Fr::zero(); n.saturating_sub(1)];
            let mut carry = Fr::zero();
            for i in (0..quotient.len()).rev() {
                carry = a[i + 1] + z * carry;
                quotient[i] = carry;
            }
            let native = threads().install(|| vector(&a).divide_by_linear(scalar(z)));
            assert_eq!(elements(&native), quotient, "{n}");
            assert_eq!(ark(native.sum()), quotient.iter().sum());
        }
    }
}

#[test]
fn tapes() {
    if !can_test() {
        return;
    }
    // ((x + y') * c - y) * x'' and then squared twice in place: y' is y rotated by 1, x'' is x rotated by -3.
    let inputs = [(0usize, 0i64), (1, 1), (1, 0), (0, -3)];
    let code = [[0, 0, 0, 1], [2, 1, 5, 4], [1, 0, 6, 2], [2, 1, 5, 3], [2, 1, 6, 6], [2, 1, 6, 6], [1, 0, 4, 6]];
    let tape = Tape::new(&inputs, 1, 2, &code).unwrap();
    let c = random(1, 20)[0];
    for n in LENGTHS {
        let (a, b) = (mixed(n, 21), mixed(n, 22));
        let native = threads().install(|| tape.evaluate(&[&vector(&a), &vector(&b)], &[scalar(c)])).unwrap();
        let at = |v: &[Fr], i: usize, by: i64| v[(i as i64 + by).rem_euclid(n as i64) as usize];
        let row = |i: usize| {
            let x = ((a[i] + at(&b, i, 1)) * c - b[i]) * at(&a, i, -3);
            c - x.square().square()
        };
        assert_eq!(elements(&native), (0..n).map(row).collect::<Vec<_>>(), "{n}");
        assert_eq!(ark(native.sum()), (0..n).map(row).sum());
    }
    // Many registers: narrow chunks.
    let sums: Vec<[i32; 4]> = (0..150).map(|k| if k == 0 { [0, 0, 0, 0] } else { [0, k, k, 0] }).collect();
    let tape = Tape::new(&[(0, 2)], 0, 150, &sums).unwrap();
    let a = mixed(100, 23);
    let wanted: Vec<Fr> = (0..100).map(|i| a[(i + 2) % 100] * Fr::from(151u64)).collect();
    assert_eq!(elements(&tape.evaluate(&[&vector(&a)], &[]).unwrap()), wanted);
}

#[test]
fn bad_tapes_are_refused() {
    if !can_test() {
        return;
    }
    let input = [(0usize, 0i64)];
    for code in [
        vec![],
        vec![[3, 0, 0, 0]],
        vec![[0, 1, 0, 0]],
        vec![[0, 0, 0, 1]],
        vec![[0, 0, -1, 0]],
        vec![[0, -1, 0, 0]],
        vec![[0, 0, 0, 2]],
    ] {
        assert!(Tape::new(&input, 0, 1, &code).is_err(), "{code:?}");
    }
    let tape = Tape::new(&[(1, 0)], 0, 1, &[[0, 0, 0, 0]]).unwrap();
    let (one, two) = (FieldVec::zeros(1), FieldVec::zeros(2));
    assert!(tape.evaluate(&[&one], &[]).is_err());
    assert!(tape.evaluate(&[&one, &two], &[]).is_err());
    assert!(tape.evaluate(&[], &[]).is_err());
    assert!(tape.evaluate(&[&one, &one], &[Scalar::ONE]).is_err());
    assert!(tape.evaluate(&[&one, &one], &[]).is_ok());
}

#[test]
fn integers_of_arkworks_are_ours() {
    if !can_test() {
        return;
    }
    for a in mixed(1000, 24) {
        assert_eq!(ark(scalar(a)), a);
        assert_eq!(Scalar::from_montgomery(a.0.0).unwrap(), scalar(a));
        assert_eq!(scalar(a).to_montgomery(), a.0.0);
    }
    assert_eq!(Scalar::from_canonical(Fr::MODULUS.0), None);
    assert_eq!(Fr::from_bigint(BigInt(Scalar::from_u64(u64::MAX).to_canonical())).unwrap(), Fr::from(u64::MAX));
}
