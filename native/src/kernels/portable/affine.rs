//! Affine additions of many independent pairs, which share one inversion (Montgomery).
//!
//! An addition costs 6 multiplications and a doubling 7, the share of the inversion included, against 10 and more in
//! projective coordinates. Infinity, equal and opposite points are all allowed.

use ark_bn254::{Fq, G1Affine};
use ark_ff::{AdditiveGroup, Field};

/// Products that are formed side by side, as a multiplication takes longer than it keeps the processor busy.
const CHAINS: usize = 4;

/// Adds batches of pairs, reusing its memory.
#[derive(Default)]
pub struct Adder {
    addends: Vec<G1Affine>,
    denominators: Vec<Fq>,
    products: Vec<Fq>,
}

impl Adder {
    /// sums[i] += addend(i, sums[i]). An addend that equals its sum is a doubling.
    pub fn add(&mut self, sums: &mut [G1Affine], addend: impl Fn(usize, &G1Affine) -> G1Affine) {
        let Self { addends, denominators, products } = self;
        addends.clear();
        addends.extend(sums.iter().enumerate().map(|(index, sum)| addend(index, sum)));
        denominators.clear();
        denominators.extend(sums.iter().zip(addends.iter()).map(|(sum, addend)| denominator(sum, addend)));
        invert(denominators, products);
        for ((sum, addend), inverse) in sums.iter_mut().zip(addends.iter()).zip(denominators.iter()) {
            *sum = add(sum, addend, inverse);
        }
    }
}

fn is_infinity(point: &G1Affine) -> bool {
    point.x == Fq::ZERO && point.y == Fq::ZERO
}

/// What the slope of the sum divides by; one where there is no slope.
pub fn denominator(left: &G1Affine, right: &G1Affine) -> Fq {
    if is_infinity(left) || is_infinity(right) {
        return Fq::ONE;
    }
    if left.x != right.x {
        return right.x - left.x;
    }
    // The order is odd: no point has y = 0, so a doubling always has a slope.
    if left.y == right.y { left.y.double() } else { Fq::ONE }
}

/// left + right, given the inverse of their `denominator`.
pub fn add(left: &G1Affine, right: &G1Affine, inverse: &Fq) -> G1Affine {
    if is_infinity(left) {
        return *right;
    }
    if is_infinity(right) {
        return *left;
    }
    let slope = if left.x != right.x {
        (right.y - left.y) * inverse
    } else if left.y == right.y {
        let square = left.x.square();
        (square.double() + square) * inverse
    } else {
        return G1Affine::identity();
    };
    let x = slope.square() - left.x - right.x;
    let y = slope * (left.x - x) - left.y;
    G1Affine::new_unchecked(x, y)
}

/// Invert every value, none of them zero, by one inversion.
pub fn invert(values: &mut [Fq], products: &mut Vec<Fq>) {
    // A chain of products waits for each before the next: several chains take turns.
    let mut chains = [Fq::ONE; CHAINS];
    products.clear();
    for group in values.chunks(CHAINS) {
        for (chain, value) in chains.iter_mut().zip(group) {
            products.push(*chain);
            *chain *= value;
        }
    }
    invert_few(&mut chains);
    for (group, befores) in values.chunks_mut(CHAINS).zip(products.chunks(CHAINS)).rev() {
        for ((chain, value), before) in chains.iter_mut().zip(group).zip(befores) {
            let next = *chain * *value;
            *value = *chain * before;
            *chain = next;
        }
    }
}

fn invert_few(values: &mut [Fq; CHAINS]) {
    let mut product = Fq::ONE;
    let befores = values.map(|value| {
        let before = product;
        product *= value;
        before
    });
    let mut inverse = product.inverse().unwrap_or(Fq::ZERO);
    for (value, before) in values.iter_mut().zip(befores).rev() {
        let next = inverse * *value;
        *value = inverse * before;
        inverse = next;
    }
}
