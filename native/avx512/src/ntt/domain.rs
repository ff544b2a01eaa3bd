//! Roots of unity and the tables of one transform size.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, RwLock};

use rayon::prelude::*;

use super::transform::MAX_STAGES;
use crate::constants::Fr;
use crate::element::Element;
use crate::error::Error;
use crate::field_vec::{Scalar, eight_powers, power_blocks};
use crate::lanes::{Block, Lanes};
use crate::memory::Buffer;

/// The greatest power of two that divides r - 1.
const TWO_ADICITY: u32 = 28;

/// (r - 1) / 2^28, the odd part of the group's order.
const ODD_PART: [u64; 4] = {
    let r = <Fr as crate::constants::Field>::MODULUS;
    [r[0] >> 28 | r[1] << 36, r[1] >> 28 | r[2] << 36, r[2] >> 28 | r[3] << 36, r[3] >> 28]
};

/// 5^((r - 1) / 2^log): the root of unity that generates the domain of 2^log values.
pub fn root_of_unity(log: u32) -> Option<Scalar> {
    static GENERATOR: OnceLock<Scalar> = OnceLock::new();
    let &generator = GENERATOR.get_or_init(|| {
        let mut power = Scalar::ONE;
        for bit in (0..256).rev() {
            power = power.square();
            if ODD_PART[bit / 64] >> (bit % 64) & 1 == 1 {
                power = power * Scalar::from_u64(5);
            }
        }
        power
    });
    let squarings = TWO_ADICITY.checked_sub(log)?;
    Some((0..squarings).fold(generator, |root, _| root.square()))
}

/// The tables for transforms of `rows * columns` values: entry i1 * columns + i2 goes to k2 * rows + k1.
pub struct Domain {
    /// Transforms of this size run down the columns.
    pub rows: usize,
    /// Transforms of this size run along the rows.
    pub columns: usize,
    /// w^bitreverse(k) for the longer of the two.
    pub roots: Vec<[u64; 5]>,
    root: Scalar,
    forward: OnceLock<Buffer<Block>>,
    inverse: OnceLock<Buffer<Block>>,
    cosets: RwLock<HashMap<CosetKey, Arc<Buffer<Block>>>>,
}

/// A shift, and whether the table holds its inverse's powers.
type CosetKey = ([u64; 4], bool);

/// Tables of cosets kept per size. A protocol uses one or two shifts; more are computed and dropped.
const COSETS: usize = 4;

impl Domain {
    /// The tables for a power of two from 64 to 2^24, made once.
    pub fn get(size: usize) -> Result<Arc<Self>, Error> {
        static DOMAINS: RwLock<Option<HashMap<usize, Arc<Domain>>>> = RwLock::new(None);
        let log = size.trailing_zeros();
        if !size.is_power_of_two() || !(6..=2 * MAX_STAGES).contains(&log) {
            return Err(Error::Size { got: size });
        }
        if let Some(domain) = read(&DOMAINS).as_ref().and_then(|domains| domains.get(&size)) {
            return Ok(domain.clone());
        }
        let domain = Arc::new(Self::new(log).ok_or(Error::Size { got: size })?);
        let mut domains = DOMAINS.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        Ok(domains.get_or_insert_default().entry(size).or_insert(domain).clone())
    }

    fn new(log: u32) -> Option<Self> {
        let (rows, columns) = (1usize << log.div_ceil(2), 1usize << (log / 2));
        let bits = log.div_ceil(2) - 1;
        let root = root_of_unity(bits + 1)?;
        let mut powers = vec![Scalar::ONE; rows / 2];
        for i in 1..powers.len() {
            powers[i] = powers[i - 1] * root;
        }
        Some(Self {
            rows,
            columns,
            roots: (0..rows / 2).map(|k| powers[bit_reverse(k, bits)].to_lane_limbs()).collect(),
            root: root_of_unity(log)?,
            forward: OnceLock::new(),
            inverse: OnceLock::new(),
            cosets: RwLock::new(HashMap::new()),
        })
    }

    /// The number of values.
    pub fn size(&self) -> usize {
        self.rows * self.columns
    }

    /// w^(k1 i2), for the inverse over n: block j * rows + k1 holds i2 = 8 j, ..., 8 j + 7.
    pub fn twiddles(&self, inverse: bool) -> &[Block] {
        if inverse {
            self.inverse.get_or_init(|| {
                let n = Element::from_u64(self.size() as u64);
                self.twiddle_table(n.inverse().unwrap_or_else(|| unreachable!("n is not a multiple of r")))
            })
        } else {
            self.forward.get_or_init(|| self.twiddle_table(Scalar::ONE))
        }
    }

    fn twiddle_table(&self, start: Scalar) -> Buffer<Block> {
        let mut table = Buffer::filled(Block::ZERO, self.size() / 8);
        table.par_chunks_mut(self.rows).enumerate().for_each(|(j, table)| {
            enter!(twiddle_column(table, self.root, self.root.power(8 * j as u64), start));
        });
        table
    }

    /// shift^i, or shift^-i, in blocks.
    pub fn coset(&self, shift: Scalar, inverse: bool) -> Result<Arc<Buffer<Block>>, Error> {
        let key = (shift.to_montgomery(), inverse);
        if let Some(table) = read(&self.cosets).get(&key) {
            return Ok(table.clone());
        }
        let inverted = shift.inverse().ok_or(Error::ZeroShift)?;
        let base = if inverse { inverted } else { shift };
        let table = Arc::new(enter!(power_blocks(base, Scalar::ONE, self.size() / 8)));
        let mut cosets = self.cosets.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        if cosets.len() < COSETS {
            cosets.insert(key, table.clone());
        }
        Ok(table)
    }
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    // A panic while a table was inserted leaves the map whole: entries are complete before they go in.
    lock.read().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The low `bits` bits of k in reverse.
pub fn bit_reverse(k: usize, bits: u32) -> usize {
    if bits == 0 { 0 } else { k.reverse_bits() >> (usize::BITS - bits) }
}

/// start (w^i2)^k1 for k1 = 0, 1, ..., the lanes holding i2 = 8 j to 8 j + 7, from w and w^8j.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn twiddle_column(table: &mut [Block], root: Scalar, first: Scalar, start: Scalar) {
    let step = eight_powers(root, first);
    let mut power = Lanes::<Fr>::splat(&start.to_lane_limbs());
    for block in table {
        power.store(block);
        power = power.multiply(step);
    }
}
