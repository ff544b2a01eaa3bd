//! Many short sums of multiples at once, each by its own chain of doublings and additions (Straus).
//!
//! A scalar becomes two halves of 127 bits (`endomorphism`), each of them digits that are zero or odd, so that a multiple
//! takes about 126 doublings and 50 additions. All chains advance together by one step, doubling or addition as it
//! comes: the steps of one round share an inversion (`affine`).

use ark_bn254::{Fq, Fr, G1Affine};
use zeroize::Zeroizing;

use super::affine::Adder;
use super::endomorphism::{halves, image};
use crate::kernels::checks::check_rows;
use crate::kernels::error::Result;
use crate::kernels::parallel::map_items;
use crate::kernels::scalars::Scalars;

/// Width of the non-adjacent form: digits are odd, below 2^3 in magnitude, four places or more apart.
const WIDTH: u32 = 4;
/// P, 3P, 5P, 7P.
const MULTIPLES: usize = 1 << (WIDTH - 2);
/// Places of a half's form.
const PLACES: usize = 128;
/// Sums whose chains advance together: their tables and sums stay in the second-level cache.
pub const BLOCK: usize = 512;

/// A step of a chain: doubling, or else the addend, in bits: 0 is set, 1 tells a negative, 2 an image under the
/// endomorphism, then the multiple and the term's place among the sum's.
type Step = u32;
const DOUBLE: Step = 0;

/// The chain of a sum; it tells the scalars.
pub type Chain = Zeroizing<Vec<Step>>;

/// One sum: bases[first] times the chain's first scalar, bases[first + 1] times its second, and so on.
pub struct Sum<'a> {
    pub chain: &'a Chain,
    pub first: usize,
}

/// The chain for the multiples of consecutive bases by these scalars.
pub fn chain<'a>(scalars: impl IntoIterator<Item = &'a Fr>) -> Chain {
    let scalars = scalars.into_iter();
    let mut forms = Zeroizing::new(Vec::with_capacity(2 * scalars.size_hint().1.unwrap_or(0)));
    for (term, scalar) in scalars.enumerate() {
        for (image, half) in halves(scalar).into_iter().enumerate() {
            if half != 0 {
                forms.push(([0_i8; PLACES], (term, image)));
                if let Some((form, _)) = forms.last_mut() {
                    non_adjacent(half, form);
                }
            }
        }
    }
    let mut steps = Zeroizing::new(Vec::with_capacity(PLACES + forms.len() * PLACES / 3));
    for place in (0..PLACES).rev() {
        if !steps.is_empty() {
            steps.push(DOUBLE);
        }
        for (form, (term, image)) in forms.iter() {
            let digit = form[place];
            if digit != 0 {
                let multiple = term * MULTIPLES + usize::from(digit.unsigned_abs() / 2);
                steps.push((multiple << 3 | image << 2 | usize::from(digit < 0) << 1 | 1) as Step);
            }
        }
    }
    steps
}

/// Digits, each zero or odd, that make a value below 2^127 in magnitude.
fn non_adjacent(value: i128, form: &mut [i8; PLACES]) {
    let mut rest = value.unsigned_abs();
    let mut place = 0;
    while rest != 0 {
        let zeros = rest.trailing_zeros();
        rest >>= zeros;
        place += zeros as usize;
        let low = (rest & ((1 << WIDTH) - 1)) as i8;
        let digit = if low < 1 << (WIDTH - 1) { low } else { low - (1 << WIDTH) };
        rest = rest.wrapping_add_signed(-i128::from(digit));
        form[place] = if value < 0 { -digit } else { digit };
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

/// Every sum. `BLOCK` of them are a good number.
pub fn sums(bases: &[G1Affine], sums: &[Sum<'_>]) -> Vec<G1Affine> {
    let mut adder = Adder::default();
    let tables = Tables::new(bases, &mut adder);
    // Longest first, so that the chains which go on are the first ones.
    let mut order: Vec<usize> = (0..sums.len()).collect();
    order.sort_unstable_by_key(|&index| std::cmp::Reverse(sums[index].chain.len()));
    let mut totals = vec![G1Affine::identity(); sums.len()];
    let mut unfinished = sums.len();
    for round in 0.. {
        while unfinished > 0 && sums[order[unfinished - 1]].chain.len() <= round {
            unfinished -= 1;
        }
        if unfinished == 0 {
            break;
        }
        adder.add(&mut totals[..unfinished], |place, total| {
            let sum = &sums[order[place]];
            match sum.chain[round] {
                DOUBLE => *total,
                step => tables.addend(step, sum.first),
            }
        });
    }
    let mut ordered = totals.clone();
    for (&index, total) in order.iter().zip(totals) {
        ordered[index] = total;
    }
    ordered
}

/// sum_k scalars[k][i] * bases[k][i] for each i.
pub fn combine(bases: &[&Vec<G1Affine>], scalars: &[&Scalars]) -> Result<Vec<G1Affine>> {
    let lengths: Vec<usize> = bases.iter().map(|points| points.len()).collect();
    check_rows(&lengths, &scalars.iter().map(|vector| vector.len()).collect::<Vec<_>>())?;
    let blocks: Vec<usize> = (0..lengths[0]).step_by(BLOCK).collect();
    let results = map_items(&blocks, |_, &start| {
        let rows = start..lengths[0].min(start + BLOCK);
        let chains: Vec<Chain> = rows.clone().map(|row| chain(scalars.iter().map(|vector| &vector[row]))).collect();
        let terms: Vec<G1Affine> = rows.flat_map(|row| bases.iter().map(move |points| points[row])).collect();
        let of_row = |(row, chain)| Sum { chain, first: row * bases.len() };
        sums(&terms, &chains.iter().enumerate().map(of_row).collect::<Vec<_>>())
    });
    Ok(results.concat())
}
