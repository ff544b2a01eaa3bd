//! Multi-scalar multiplication after Pippenger, its cost following the width of the scalars.
//!
//! Each scalar is taken as sign and magnitude, so a small negative costs what a small positive does, and only as many
//! windows are run as the widest magnitude has. In a window, the points are sorted by digit, then every bucket is summed
//! as a tree of affine additions: the additions of one round are independent, so that they share one inversion
//! (6 multiplications an addition, against 10 with arkworks' extended Jacobian buckets).

use ark_bn254::g1::Config;
use ark_bn254::{Fq, Fr, G1Affine, G1Projective};
use ark_ec::short_weierstrass::Bucket;
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, BigInteger};
use zeroize::Zeroizing;

use super::affine::{add, denominator, invert};
use super::straus::straus;
use crate::kernels::checks::check_basis;
use crate::kernels::error::{Result, require_equal};
use crate::kernels::parallel::{COSTLY, chunk, fill_slice, install, map_chunks, map_items, threads};
use crate::kernels::scalars::{Integer, Scalars, sign_and_magnitude};

/// Below this many non-zero scalars, Straus' method wins.
const FEW: usize = 32;
/// Entries summed at a time: 512 kB of points, which stay in the second-level cache of most processors.
const BLOCK: usize = 8192;
/// Entries of one window that are worth a task of their own.
const SEGMENT: usize = 4096;
/// What a bucket and a window cost, in affine additions; measured.
const BUCKET_COST: usize = 4;
const WINDOW_COST: usize = 300;
/// The sign of a scalar, in the top bit of its magnitude, which is below 2^253.
const SIGN: u64 = 1 << 63;

pub fn batch(basis: &[G1Affine], vectors: &[&Scalars], tails: &[&[Fr]]) -> Result<Vec<G1Affine>> {
    check_basis(basis.len(), &vectors.iter().map(|vector| vector.len()).collect::<Vec<_>>(), tails)?;
    let tail_of = |index: usize| tails.get(index).copied().unwrap_or(&[]);
    let sums = map_items(vectors, |index, vector| {
        let (points, rest) = basis.split_at(vector.len());
        msm(points, vector) + straus(rest, tail_of(index))
    });
    Ok(G1Projective::normalize_batch(&sums))
}

/// sum_i scalars[i] * points[i], equal lengths.
pub fn msm(points: &[G1Affine], scalars: &[Fr]) -> G1Projective {
    let mut terms = Zeroizing::new(vec![Integer::zero(); scalars.len()]);
    fill_slice(&mut terms, COSTLY, |rows, out| {
        for (term, scalar) in out.iter_mut().zip(&scalars[rows]) {
            let (negative, magnitude) = sign_and_magnitude(scalar);
            *term = magnitude;
            if negative {
                term.0[3] |= SIGN;
            }
        }
    });
    let (count, bits) = extent(&terms);
    if count < FEW {
        let chosen: Vec<usize> = (0..terms.len()).filter(|&row| !terms[row].is_zero()).collect();
        let few_points: Vec<_> = chosen.iter().map(|&row| points[row]).collect();
        let few_scalars = Scalars::from(chosen.iter().map(|&row| scalars[row]).collect::<Vec<_>>());
        return straus(&few_points, &few_scalars);
    }
    let windows = Windows::cheapest(count, bits);
    windows.recode(&mut terms);
    let numbers: Vec<usize> = (0..windows.count).collect();
    let sums = map_items(&numbers, |_, &window| window_sum(points, &terms, windows, window));
    sums.iter().rev().fold(G1Projective::ZERO, |mut total, sum| {
        for _ in 0..windows.width {
            total.double_in_place();
        }
        total + sum
    })
}

/// How many terms are not zero, and the bits of the widest.
fn extent(terms: &[Integer]) -> (usize, usize) {
    let parts = map_chunks(terms.len(), COSTLY, |rows| {
        let mut count = 0;
        let mut any = Integer::zero();
        for term in &terms[rows] {
            count += usize::from(!term.is_zero());
            any |= *term;
        }
        any.0[3] &= !SIGN;
        (count, any.num_bits() as usize)
    });
    parts.iter().fold((0, 0), |(count, bits), part| (count + part.0, bits.max(part.1)))
}

/// `count` digits of `width` bits, each in [-2^(width-1), 2^(width-1)].
#[derive(Clone, Copy)]
struct Windows {
    width: usize,
    count: usize,
}

impl Windows {
    fn cheapest(terms: usize, bits: usize) -> Self {
        let cost = |windows: &Self| windows.count * (terms + (BUCKET_COST << (windows.width - 1)) + WINDOW_COST);
        // One spare bit at the top takes the last carry.
        let plans = (2..=16).map(|width| Self { width, count: (bits + 1).div_ceil(width) });
        plans.min_by_key(cost).unwrap_or(Self { width: 2, count: bits.div_ceil(2) + 1 })
    }

    /// Add 2^(width-1) to every digit but the top one, so that a window can be read without those below it: its signed
    /// digit is what it holds less 2^(width-1).
    fn recode(self, terms: &mut [Integer]) {
        let mut half_digits = Integer::zero();
        for window in 0..self.count - 1 {
            let bit = (window + 1) * self.width - 1;
            half_digits.0[bit / 64] |= 1 << (bit % 64);
        }
        fill_slice(terms, COSTLY, |_, part| {
            for term in part.iter_mut() {
                // The sum stays below 2^255 and leaves the sign alone.
                term.add_with_carry(&half_digits);
            }
        });
    }

    fn digit(self, term: &Integer, window: usize) -> i32 {
        let mut limbs = term.0;
        // The top window may reach the sign's bit.
        let negative = limbs[3] & SIGN != 0;
        limbs[3] &= !SIGN;
        let start = window * self.width;
        let (limb, offset) = (start / 64, start % 64);
        let low = limbs[limb] >> offset;
        let high = if offset == 0 { 0 } else { limbs.get(limb + 1).map_or(0, |word| word << (64 - offset)) };
        let bits = (low | high) & ((1 << self.width) - 1);
        let half = if window + 1 < self.count { 1 << (self.width - 1) } else { 0 };
        let digit = bits as i32 - half;
        if negative { -digit } else { digit }
    }
}

/// A point's place in the sorted order: its bucket, its index and whether it enters negated.
#[derive(Clone, Copy, Default)]
struct Entry {
    bucket: u32,
    signed_index: u32,
}

impl zeroize::DefaultIsZeroes for Entry {}

fn window_sum(points: &[G1Affine], terms: &[Integer], windows: Windows, window: usize) -> G1Projective {
    let entries = sort_by_bucket(terms, windows, window);
    let size = if threads() > 1 { chunk(entries.len(), SEGMENT) } else { entries.len().max(1) };
    let segments: Vec<&[Entry]> = entries.chunks(size).collect();
    map_items(&segments, |_, segment| segment_sum(points, segment)).into_iter().sum()
}

/// The window's non-zero digits in ascending order of magnitude, by counting.
fn sort_by_bucket(terms: &[Integer], windows: Windows, window: usize) -> Zeroizing<Vec<Entry>> {
    let mut digits = Zeroizing::new(Vec::with_capacity(terms.len()));
    let mut places = Zeroizing::new(vec![0_u32; (1 << (windows.width - 1)) + 1]);
    for term in terms {
        let digit = windows.digit(term, window);
        digits.push(digit);
        places[digit.unsigned_abs() as usize] += 1;
    }
    places[0] = 0;
    let mut total = 0;
    for place in places.iter_mut() {
        (*place, total) = (total, total + *place);
    }
    let mut entries = Zeroizing::new(vec![Entry::default(); total as usize]);
    for (index, &digit) in digits.iter().enumerate() {
        if digit != 0 {
            let bucket = digit.unsigned_abs();
            let place = &mut places[bucket as usize];
            entries[*place as usize] = Entry { bucket, signed_index: (index as u32) << 1 | u32::from(digit < 0) };
            *place += 1;
        }
    }
    entries
}

/// sum of bucket * point over sorted entries. Cutting a bucket in two is harmless: the sum is linear.
fn segment_sum(points: &[G1Affine], entries: &[Entry]) -> G1Projective {
    let mut tree = Tree::default();
    let mut running = Bucket::<Config>::ZERO;
    let mut total = Bucket::<Config>::ZERO;
    let mut current = 0;
    // From the highest bucket down, each point counts once for every bucket that remains below it.
    for block in entries.rchunks(BLOCK) {
        tree.load(points, block);
        while tree.add_pairs() {}
        for (point, &bucket) in tree.points.iter().zip(&tree.buckets).rev() {
            total += &times(&running, current - bucket.min(current));
            running += point;
            current = bucket;
        }
    }
    total += &times(&running, current);
    total.into()
}

fn times(bucket: &Bucket<Config>, factor: u32) -> Bucket<Config> {
    let mut product = Bucket::ZERO;
    for bit in (0..u32::BITS - factor.leading_zeros()).rev() {
        product.double_in_place();
        if factor >> bit & 1 == 1 {
            product += bucket;
        }
    }
    product
}

/// Points sorted by bucket, which rounds of pairwise additions reduce to one point a bucket.
#[derive(Default)]
struct Tree {
    points: Vec<G1Affine>,
    buckets: Vec<u32>,
    denominators: Vec<Fq>,
    products: Vec<Fq>,
}

impl Tree {
    fn load(&mut self, points: &[G1Affine], entries: &[Entry]) {
        self.points.clear();
        // Copies alone first: nothing depends on them, so that the processor fetches many lines at once.
        self.points.extend(entries.iter().map(|entry| points[(entry.signed_index >> 1) as usize]));
        for (point, entry) in self.points.iter_mut().zip(entries) {
            if entry.signed_index & 1 == 1 {
                point.y.neg_in_place();
            }
        }
        self.buckets.clear();
        self.buckets.extend(entries.iter().map(|entry| entry.bucket));
    }

    /// Add neighbours of one bucket pair by pair. False when no bucket holds two points any more.
    fn add_pairs(&mut self) -> bool {
        let Self { points, buckets, denominators, products } = self;
        denominators.clear();
        let mut read = 0;
        while read < buckets.len() {
            if read + 1 < buckets.len() && buckets[read] == buckets[read + 1] {
                denominators.push(denominator(&points[read], &points[read + 1]));
                read += 1;
            }
            read += 1;
        }
        if denominators.is_empty() {
            return false;
        }
        invert(denominators, products);
        let mut inverses = denominators.iter();
        let (mut read, mut write) = (0, 0);
        while read < buckets.len() {
            let bucket = buckets[read];
            let mut point = points[read];
            if read + 1 < buckets.len() && bucket == buckets[read + 1] {
                // One inverse was prepared for each pair, in this order.
                if let Some(inverse) = inverses.next() {
                    point = add(&point, &points[read + 1], inverse);
                }
                read += 1;
            }
            read += 1;
            points[write] = point;
            buckets[write] = bucket;
            write += 1;
        }
        points.truncate(write);
        buckets.truncate(write);
        true
    }
}

pub fn arkworks(basis: &[G1Affine], vector: &[Fr]) -> Result<G1Affine> {
    require_equal(basis.len(), vector.len(), "points and scalars")?;
    Ok(install(|| G1Projective::msm_unchecked(basis, vector)).into_affine())
}
