//! Many short sums of multiples at once, each by its own chain of doublings and additions (Straus).
//!
//! Who calls has turned scalars into chains. All chains advance together by one step, doubling or addition as it comes;
//! the steps of one round are one batch.

use super::Care;
use super::batch_add::{Adder, Packed, Pair, load_points, store_points};
use crate::constants::Fq;
use crate::element::Element;
use crate::lanes::Lanes;
use crate::memory::Buffer;

/// P, 3P, 5P, ..., 15P.
pub const MULTIPLES: usize = 8;
/// A cube root of one: (x, y) -> (BETA x, y) multiplies by a cube root of one modulo r.
const BETA: [u64; 4] = [0xe4bd_44e5_607c_fd48, 0xc28f_069f_bb96_6e3d, 0x5e6d_d9e7_e0ac_ccb0, 0x3064_4e72_e131_a029];

/// A sum of multiples of bases[first], bases[first + 1] and so on.
#[derive(Clone, Copy, Debug)]
pub struct Sum<'a> {
    /// Steps from the top down. 0 is a doubling; else, in bits, an addend: 0 is set, 1 tells a negative, 2 an image under
    /// the endomorphism, the next three an odd multiple (P, 3P, ..., 15P), the others whose it is, counted from `first`.
    pub chain: &'a [u32],
    /// The base with the number 0 in the chain.
    pub first: usize,
}

/// The multiples that chains add, by multiple, then image, then base.
struct Tables {
    bases: usize,
    points: Buffer<Packed>,
}

impl Tables {
    fn new(bases: &[Packed], adder: &mut Adder) -> Self {
        let count = bases.len();
        let mut points = Buffer::filled(Packed::INFINITY, 2 * MULTIPLES * count);
        points[..count].copy_from_slice(bases);
        let mut doubles = bases.to_vec();
        let doublings: Vec<Pair> = (0..count as u32).map(|i| Pair { left: 2 * i, right: 0, out: i }).collect();
        adder.advance(&mut doubles, bases, &[], &doublings);
        let additions: Vec<Pair> = doublings.iter().map(|pair| Pair { right: pair.left, ..*pair }).collect();
        for multiple in 1..MULTIPLES {
            let place = 2 * multiple * count;
            points.copy_within(place - 2 * count..place - count, place);
            adder.advance(&mut points[place..place + count], &doubles, &additions, &[]);
        }
        for both in points.chunks_mut(2 * count.max(1)) {
            let (multiples, images) = both.split_at_mut(count);
            enter!(endomorphism(multiples, images));
        }
        Self { bases: count, points }
    }

    /// A chain's addend as a signed operand.
    fn operand(&self, step: u32, first: usize) -> u32 {
        let addend = (step >> 2) as usize;
        let place = addend % (2 * MULTIPLES) * self.bases + first + addend / (2 * MULTIPLES);
        2 * place as u32 + (step >> 1 & 1)
    }
}

/// Images of points, eight at a time.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn endomorphism(points: &[Packed], images: &mut [Packed]) {
    let beta = Element::<Fq>::from_canonical(BETA).unwrap_or(Element::ONE).to_lane_limbs();
    let beta = Lanes::splat(&beta);
    for start in (0..points.len()).step_by(8) {
        // The last group is filled up with copies of the last point.
        let index = std::array::from_fn(|k| (start + k).min(points.len() - 1) as u32);
        let (x, y) = load_points(points, index);
        store_points(images, index, x.multiply(beta), y);
    }
}

/// Every sum. Some hundred sums of about one base each are a good number: their tables, a kilobyte a base, fit the
/// second-level cache.
///
/// Panics when a sum's bases are not there.
pub fn sums(bases: &[Packed], sums: &[Sum<'_>]) -> Vec<Packed> {
    let mut adder = Adder::default();
    let tables = Tables::new(bases, &mut adder);
    // Longest first, so that the chains which go on are the first ones.
    let mut order: Vec<usize> = (0..sums.len()).collect();
    order.sort_unstable_by_key(|&index| std::cmp::Reverse(sums[index].chain.len()));
    let sums: Vec<Sum<'_>> = order.iter().map(|&index| sums[index]).collect();
    let mut totals = vec![Packed::INFINITY; sums.len()];
    let (mut additions, mut doublings) = (Buffer::default(), Buffer::default());
    let mut unfinished = sums.len();
    for round in 0.. {
        while unfinished > 0 && sums[unfinished - 1].chain.len() <= round {
            unfinished -= 1;
        }
        if unfinished == 0 {
            break;
        }
        additions.truncate(0);
        doublings.truncate(0);
        for (place, &Sum { chain, first }) in sums[..unfinished].iter().enumerate() {
            let place = place as u32;
            match chain[round] {
                0 => doublings.push(Pair { left: 2 * place, right: 0, out: place }),
                step => additions.push(Pair { left: 2 * place, right: tables.operand(step, first), out: place }),
            }
        }
        adder.advance(&mut totals, &tables.points, &additions, &doublings);
    }
    let mut ordered = vec![Packed::INFINITY; sums.len()];
    for (&index, total) in order.iter().zip(totals) {
        ordered[index] = total;
    }
    ordered
}

/// left + right and left - right of each pair of slices, all of one length.
pub fn sums_and_differences<const N: usize>(pairs: [[&[Packed]; 2]; N]) -> [[Vec<Packed>; 2]; N] {
    pairs.map(|[left, right]| {
        let count = left.len() as u32;
        let both = [left, right].concat();
        let mut out = vec![Packed::INFINITY; 2 * left.len()];
        let signed =
            |sign: u32| move |i: u32| Pair { left: 2 * i, right: 2 * (count + i) + sign, out: sign * count + i };
        let operations: Vec<Pair> = (0..count).map(signed(0)).chain((0..count).map(signed(1))).collect();
        Adder::default().add::<true>(&both, &mut out, &operations, Care::Infinities);
        let differences = out.split_off(left.len());
        [out, differences]
    })
}
