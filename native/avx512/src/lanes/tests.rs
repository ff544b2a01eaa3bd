//! Every lane operation against big integers: random values and every limb boundary, over the whole range that the
//! table in `lanes` allows, not only over canonical values.

use num_bigint::BigUint;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::constants::{Fq, Fr, MASK52};
use crate::element::Element;

fn skip() -> bool {
    if let Some(reason) = crate::unavailable_reason() {
        println!("NOT TESTED: the AVX-512 kernels cannot run here: {reason}");
    }
    !crate::available()
}

/// As many cases, or under Miri, which is some thousand times slower, a fraction of them.
fn few(cases: usize) -> usize {
    if cfg!(miri) { cases / 1000 } else { cases }
}

fn modulus<F: Field>() -> BigUint {
    integer(F::LIMBS)
}

fn integer(limbs: [u64; 5]) -> BigUint {
    limbs.iter().rev().fold(BigUint::ZERO, |x, &limb| (x << 52u32) + limb)
}

fn limbs(x: &BigUint) -> [u64; 5] {
    let mask = BigUint::from(MASK52);
    std::array::from_fn(|j| u64::try_from((x >> (52 * j)) & &mask).unwrap())
}

/// Every boundary below `bound`: around multiples of p, powers of two at limbs and words, and the bound itself.
fn edges<F: Field>(bound: &BigUint) -> Vec<BigUint> {
    let p = modulus::<F>();
    let one = BigUint::from(1u8);
    let mut centres: Vec<BigUint> = (0..84u32).map(|k| &p * k).collect();
    centres.extend((0..5).map(|k| &one << (52 * k)));
    centres.extend((1..260).map(|k| &one << k));
    centres.extend((0..253).map(|k| &p - (&one << k)));
    centres.extend((0..11u32).map(|k| BigUint::from(k) << 254));
    centres.push((&p - &one) >> 1);
    centres.push(bound - &one);
    let mut all = Vec::new();
    for centre in centres {
        for delta in 0..3u32 {
            all.push(&centre + delta);
            if centre >= BigUint::from(delta) {
                all.push(&centre - delta);
            }
        }
    }
    // All ones up to each limb, and limbs that are all ones but one.
    all.extend((1..=5).map(|k| (&one << (52 * k)) - &one));
    all.retain(|x| x < bound);
    all.sort();
    all.dedup();
    all
}

/// Blocks of values below `tenths` / 10 p: all edges, then random ones.
fn values<F: Field>(tenths: u32, blocks: usize, seed: u64) -> Vec<[BigUint; 8]> {
    let bound = modulus::<F>() * tenths / 10u32;
    let edges = edges::<F>(&bound);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut next = 0;
    let mut one = || {
        next += 1;
        if next <= edges.len() {
            return edges[next - 1].clone();
        }
        if rng.r#gen::<u8>() < 64 {
            return edges[rng.gen_range(0..edges.len())].clone();
        }
        let words: Vec<u32> = (0..9).map(|_| rng.r#gen()).collect();
        BigUint::from_slice(&words) % &bound
    };
    (0..blocks).map(|_| std::array::from_fn(|_| one())).collect()
}

fn block(x: &[BigUint; 8]) -> Block {
    let mut block = Block::ZERO;
    for (lane, x) in x.iter().enumerate() {
        block.set_lane(lane, limbs(x));
    }
    block
}

fn lane(block: &Block, lane: usize) -> BigUint {
    let limbs = block.lane(lane);
    assert!(limbs.iter().all(|&limb| limb <= MASK52), "limbs are not carried");
    integer(limbs)
}

/// Runs a kernel on one or two blocks.
type Kernel = fn(&Block, &Block) -> Block;

/// Names a lane expression as a plain function.
macro_rules! kernel {
    ($F:ty, |$a:ident, $b:ident| $body:expr) => {{
        #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
        fn inner(a: &Block, b: &Block) -> Block {
            let ($a, $b) = (Lanes::<$F>::load(a), Lanes::<$F>::load(b));
            let _ = $b;
            let mut out = Block::ZERO;
            $body.store(&mut out);
            out
        }
        fn outer(a: &Block, b: &Block) -> Block {
            enter!(inner(a, b))
        }
        outer as Kernel
    }};
}

/// Compares a kernel with `expected` modulo p (exactly, if `exact`), and its results with a bound in tenths of p.
fn compare<F: Field>(
    what: &str,
    (left, right): (u32, u32),
    bound: u32,
    exact: bool,
    kernel: Kernel,
    expected: impl Fn(&BigUint, &BigUint) -> BigUint,
) {
    let blocks = few(5_000);
    let p = modulus::<F>();
    let (a, b) = (values::<F>(left, blocks, 1), values::<F>(right, blocks + 77, 2));
    for (a, b) in a.iter().zip(&b[77..]).chain(a.iter().zip(&b)) {
        let out = kernel(&block(a), &block(b));
        for l in 0..8 {
            let (got, want) = (lane(&out, l), expected(&a[l], &b[l]));
            let same = if exact { got == want } else { &got % &p == &want % &p };
            assert!(same, "{what}: wrong result");
            assert!(&got * 10u32 < &p * bound, "{what}: result out of range");
        }
    }
}

macro_rules! test_field {
    ($name:ident, $F:ty) => {
        #[test]
        fn $name() {
            if skip() {
                return;
            }
            let p = modulus::<$F>();
            let inverse = (BigUint::from(1u8) << 260u32).modinv(&p).unwrap();
            let product = |a: &BigUint, b: &BigUint| a * b % &p * &inverse % &p;
            let two = |factor: u32| &p * factor;
            type L = Lanes<$F>;
            // 37 tenths: stored values.
            compare::<$F>("stored product", (37, 37), 22, false, kernel!($F, |a, b| a.multiply(b)), product);
            compare::<$F>("stored square", (37, 37), 22, false, kernel!($F, |a, _b| a.square()), |a, _| product(a, a));
            // The widest factors: 84 p times p, and 9 p times 9 p, stay below 3 p.
            compare::<$F>("wide product", (840, 10), 30, false, kernel!($F, |a, b| a.multiply(b)), product);
            compare::<$F>("even product", (90, 90), 30, false, kernel!($F, |a, b| a.multiply(b)), product);
            compare::<$F>("wide square", (90, 90), 30, false, kernel!($F, |a, _b| a.square()), |a, _| product(a, a));
            let unmasked =
                kernel!($F, |a, b| { a.add(b).factor().product(a.subtract::<4>(b).factor()).reduce().carry() });
            compare::<$F>("loose factors", (37, 37), 30, false, unmasked, |a, b| product(&(a + b), &(a + two(4) - b)));
            let two_products = kernel!($F, |a, b| {
                a.factor().product(b.factor()).add_product(a.factor(), a.factor()).reduce().carry()
            });
            compare::<$F>("sum of products", (37, 37), 24, false, two_products, |a, b| product(a, &(a + b)));
            compare::<$F>("sum", (37, 37), 24, false, kernel!($F, |a, b| a.add(b).reduce_8()), |a, b| a + b);
            let difference = kernel!($F, |a, b| a.subtract::<4>(b).reduce_8());
            compare::<$F>("difference", (37, 37), 24, false, difference, |a, b| a + two(4) - b);
            compare::<$F>("exact sum", (420, 420), 840, true, kernel!($F, |a, b| a.add(b).carry()), |a, b| a + b);
            compare::<$F>("reduce_8", (104, 10), 24, false, kernel!($F, |a, _b| a.loose().reduce_8()), |a, _| {
                a.clone()
            });
            compare::<$F>("reduce_16", (419, 10), 37, false, kernel!($F, |a, _b| a.loose().reduce_16()), |a, _| {
                a.clone()
            });
            compare::<$F>("canonical", (39, 10), 10, true, kernel!($F, |a, _b| a.canonical()), |a, _| a % &p);
            compare::<$F>("to integers", (839, 10), 10, true, kernel!($F, |a, _b| a.to_integers()), |a, _| {
                a * &inverse % &p
            });
            compare::<$F>(
                "from integers",
                (52, 10),
                22,
                false,
                kernel!($F, |a, _b| a.integers_to_montgomery()),
                |a, _| a << 260,
            );
            let small = kernel!($F, |a, _b| L::from_small_integers(a.0[0]));
            compare::<$F>("small integers", (37, 10), 22, false, small, |a, _| (a & BigUint::from(MASK52)) << 260);
            compare::<$F>("words", (52, 10), 53, true, kernel!($F, |a, _b| L::from_words(a.to_words())), |a, _| {
                a.clone()
            });
            let packed = kernel!($F, |a, _b| {
                let mut words = [0; 32];
                a.to_packed(&mut words);
                L::from_packed(&words)
            });
            compare::<$F>("packed", (52, 10), 53, true, packed, |a, _| a.clone());
        }
    };
}

test_field!(fr, Fr);
test_field!(fq, Fq);

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn masks(a: &Block, bound: &[u64; 5]) -> (u8, u8) {
    let a = Lanes::<Fr>::load(a);
    (a.less_than(bound), a.is_zero())
}

#[test]
fn comparisons() {
    if skip() {
        return;
    }
    let p = modulus::<Fr>();
    for bound in [p.clone(), BigUint::from(1u8) << 208, (&p >> 1u8) + 1u8] {
        for a in values::<Fr>(37, few(3000), 3) {
            let (less, zero) = enter!(masks(&block(&a), &limbs(&bound)));
            for (l, a) in a.iter().enumerate() {
                assert_eq!(less >> l & 1 == 1, *a < bound);
                assert_eq!(zero >> l & 1 == 1, (a % &p) == BigUint::ZERO);
            }
        }
    }
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn moved(a: &Block, b: &Block, by: usize) -> [Block; 3] {
    let (a, b) = (Lanes::<Fr>::load(a), Lanes::<Fr>::load(b));
    let mut out = [Block::ZERO; 3];
    a.align(b, by).store(&mut out[0]);
    a.loose().broadcast_lane(by % 8).carry().store(&mut out[1]);
    a.select(1 << (by % 8), b).store(&mut out[2]);
    out
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn transposed(rows: &[Block; 8]) -> [Block; 8] {
    let mut lanes = [Lanes::<Fr>::zero(); 8];
    for i in 0..8 {
        lanes[i] = Lanes::load(&rows[i]);
    }
    transpose_lanes(&mut lanes);
    let mut out = [Block::ZERO; 8];
    for i in 0..8 {
        lanes[i].store(&mut out[i]);
    }
    out
}

#[test]
fn lanes_move_as_stated() {
    if skip() {
        return;
    }
    let rows: [Block; 8] =
        std::array::from_fn(|i| Block(std::array::from_fn(|j| std::array::from_fn(|l| (100 * i + 10 * j + l) as u64))));
    for by in 0..=8 {
        let [aligned, broadcast, selected] = enter!(moved(&rows[0], &rows[1], by));
        for l in 0..8 {
            let source = if l + by < 8 { rows[0].lane(l + by) } else { rows[1].lane(l + by - 8) };
            assert_eq!(aligned.lane(l), source);
            assert_eq!(broadcast.lane(l), rows[0].lane(by % 8));
            assert_eq!(selected.lane(l), rows[usize::from(l == by % 8)].lane(l));
        }
    }
    let out = enter!(transposed(&rows));
    for i in 0..8 {
        for l in 0..8 {
            assert_eq!(out[i].lane(l), rows[l].lane(i));
        }
    }
}

fn elements<F: Field>() {
    let p = modulus::<F>();
    let words = |x: &BigUint| -> [u64; 4] {
        let mut digits = x.to_u64_digits();
        digits.resize(4, 0);
        digits.try_into().unwrap()
    };
    let number = |x: Element<F>| x.to_canonical().iter().rev().fold(BigUint::ZERO, |x, &w| (x << 64u32) + w);
    for (a, b) in
        values::<F>(10, few(8000), 5).iter().flatten().zip(values::<F>(10, few(8000), 6).iter().rev().flatten())
    {
        let (x, y) = (Element::<F>::from_canonical(words(a)).unwrap(), Element::from_canonical(words(b)).unwrap());
        assert_eq!(number(x), *a);
        assert_eq!(number(x + y), (a + b) % &p);
        assert_eq!(number(x - y), (a + &p - b) % &p);
        assert_eq!(number(-x), (&p - a) % &p);
        assert_eq!(number(x * y), a * b % &p);
        assert_eq!(Element::from_lane_words(x.to_lane_words()), x);
        assert_eq!(integer(x.to_lane_limbs()), (a << 260) % &p);
        match x.inverse() {
            Some(inverse) => assert_eq!(inverse * x, Element::ONE),
            None => assert_eq!(*a, BigUint::ZERO),
        }
    }
    assert_eq!(Element::<F>::from_canonical(words(&p)), None);
    assert_eq!(Element::<F>::from_montgomery(words(&(&p + 1u8))), None);
    assert_eq!(Element::<F>::from_u64(3).power(5), Element::from_u64(243));
    assert_eq!(format!("{:?}", Element::<F>::ONE), "Element(..)");
}

#[test]
fn scalar_elements() {
    elements::<Fr>();
    elements::<Fq>();
}

/// The run-time checks do fire.
#[test]
#[cfg(debug_assertions)]
fn bounds_are_checked() {
    if skip() {
        return;
    }
    #[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
    fn reduce(a: &Block) {
        let _ = std::hint::black_box(Lanes::<Fr>::load(a).loose().reduce_8());
    }
    let run = |x: BigUint| {
        let block = block(&std::array::from_fn(|_| x.clone()));
        std::panic::catch_unwind(move || enter!(reduce(&block))).is_ok()
    };
    let p = modulus::<Fr>();
    assert!(run(&p * 10u8));
    assert!(!run(&p * 11u8));
}
