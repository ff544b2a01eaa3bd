//! Vectors over Fr in native memory.

mod convert;
mod inverse;
mod pointwise;
mod polynomial;
mod reduce;
mod shape;
mod witness;

pub(crate) use convert::NEGATIVE_FROM;
pub(crate) use inverse::invert_lanes;
pub(crate) use polynomial::{eight_powers, power_blocks};
pub(crate) use shape::load_rotated;

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::constants::Fr;
use crate::element::Element;
use crate::error::Error;
use crate::lanes::Block;
use crate::memory::Buffer;

/// An element of Fr.
pub type Scalar = Element<Fr>;

/// Blocks that one task handles before it is worth a second core: 8192 elements, 30 us of multiplications.
pub(crate) const GRAIN: usize = 1024;

/// A vector over Fr: blocks of eight elements, five limbs of 52 bits each, Montgomery form with R = 2^260.
///
/// Every element is stored reduced below 3.7 p. Lanes past the length hold zero. The memory is wiped on drop.
#[derive(Clone)]
pub struct FieldVec {
    blocks: Buffer<Block>,
    len: usize,
}

impl std::fmt::Debug for FieldVec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FieldVec(len {})", self.len)
    }
}

impl FieldVec {
    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The blocks; the last one's spare lanes are zero.
    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Makes a vector from blocks in stored form.
    pub(crate) fn from_blocks(blocks: Buffer<Block>, len: usize) -> Self {
        debug_assert_eq!(blocks.len(), len.div_ceil(8));
        let mut vector = Self { blocks, len };
        vector.clear_padding();
        vector
    }

    /// Makes a vector whose blocks `fill` writes, in parallel: it gets the number of the first block and the blocks.
    ///
    /// # Safety
    /// `fill` must initialise every block it is given.
    pub(crate) unsafe fn build(len: usize, fill: impl Fn(usize, &mut [MaybeUninit<Block>]) + Sync) -> Self {
        let count = len.div_ceil(8);
        let mut blocks = Buffer::with_capacity(count);
        let spare = blocks.room();
        if count <= GRAIN || rayon::current_num_threads() == 1 {
            fill(0, spare);
        } else {
            spare.par_chunks_mut(GRAIN).enumerate().for_each(|(k, chunk)| fill(k * GRAIN, chunk));
        }
        // SAFETY: the first `count` blocks are initialised, as the caller promises.
        unsafe { blocks.set_len(count) };
        Self::from_blocks(blocks, len)
    }

    fn clear_padding(&mut self) {
        if let (Some(last), 1..) = (self.blocks.last_mut(), self.len % 8) {
            for lane in self.len % 8..8 {
                last.set_lane(lane, [0; 5]);
            }
        }
    }

    fn same_length(&self, other: &Self) -> Result<(), Error> {
        if self.len == other.len { Ok(()) } else { Err(Error::Length { expected: self.len, got: other.len }) }
    }
}
