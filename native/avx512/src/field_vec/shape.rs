//! Slices, concatenations, rotations: moving elements without touching their values.

use std::mem::MaybeUninit;

use super::{FieldVec, Scalar};
use crate::constants::Fr;
use crate::error::Error;
use crate::lanes::{Block, Lanes};
use crate::memory::Buffer;

impl FieldVec {
    /// A vector of zeros.
    pub fn zeros(len: usize) -> Self {
        Self { blocks: Buffer::filled(Block::ZERO, len.div_ceil(8)), len }
    }

    /// A vector of equal entries.
    pub fn constant(value: Scalar, len: usize) -> Self {
        let limbs = value.to_lane_limbs();
        Self::from_blocks(Buffer::filled(Block(limbs.map(|limb| [limb; 8])), len.div_ceil(8)), len)
    }

    /// Entries start..stop.
    pub fn slice(&self, start: usize, stop: usize) -> Result<Self, Error> {
        if start > stop || stop > self.len {
            return Err(Error::Parameter { expected: "0 <= start <= stop <= len" });
        }
        // SAFETY: the kernel writes all of `out`.
        Ok(unsafe { Self::build(stop - start, |k, out| enter!(copy_from(out, &self.blocks, start + 8 * k))) })
    }

    /// The parts one after the other.
    pub fn concatenate(parts: &[&Self]) -> Self {
        let len = parts.iter().map(|part| part.len).sum();
        let mut out = Self::zeros(len);
        let mut start = 0;
        for part in parts {
            enter!(copy_to(&mut out.blocks, start, &part.blocks));
            start += part.len;
        }
        out
    }

    /// Zeros appended, or entries cut, to reach a length.
    pub fn resized(&self, len: usize) -> Self {
        let kept = len.div_ceil(8).min(self.blocks.len());
        let mut blocks = Buffer::filled(Block::ZERO, len.div_ceil(8));
        blocks[..kept].copy_from_slice(&self.blocks[..kept]);
        Self::from_blocks(blocks, len)
    }

    /// Entry i is the sum of the entries i, i + size, i + 2 size, ...
    pub(crate) fn fold(&self, size: usize) -> Result<Self, Error> {
        let mut total = self.slice(0, size.min(self.len))?.resized(size);
        for start in (size..self.len).step_by(size) {
            let part = self.slice(start, self.len.min(start + size))?.resized(size);
            total = total.add(&part)?;
        }
        Ok(total)
    }

    /// Entry i is entry (i + by) modulo the length of `self`.
    pub fn rotate(&self, by: i64) -> Self {
        if self.is_empty() {
            return self.clone();
        }
        let by = by.rem_euclid(self.len as i64) as usize;
        // SAFETY: the kernel writes all of `out`.
        unsafe { Self::build(self.len, |k, out| enter!(rotated(out, &self.blocks, self.len, by + 8 * k))) }
    }
}

/// The block of eight elements from `start` on; what lies past the last block reads as zero.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline]
pub(crate) fn load_at(blocks: &[Block], start: usize) -> Lanes<Fr> {
    let (k, offset) = (start / 8, start % 8);
    let first = Lanes::load(blocks.get(k).unwrap_or(&Block::ZERO));
    if offset == 0 {
        return first;
    }
    first.align(Lanes::load(blocks.get(k + 1).unwrap_or(&Block::ZERO)), offset)
}

/// The block of eight elements from `start` on, indices modulo `len`.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline]
pub(crate) fn load_rotated(blocks: &[Block], len: usize, start: usize) -> Lanes<Fr> {
    let start = if start >= len { start % len } else { start };
    if start + 8 <= len {
        return load_at(blocks, start);
    }
    let mut wrapped = Block::ZERO;
    for lane in 0..8 {
        let i = (start + lane) % len;
        wrapped.set_lane(lane, blocks[i / 8].lane(i % 8));
    }
    Lanes::load(&wrapped)
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn copy_from(out: &mut [MaybeUninit<Block>], blocks: &[Block], start: usize) {
    for (k, out) in out.iter_mut().enumerate() {
        load_at(blocks, start + 8 * k).init(out);
    }
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn rotated(out: &mut [MaybeUninit<Block>], blocks: &[Block], len: usize, start: usize) {
    for (k, out) in out.iter_mut().enumerate() {
        load_rotated(blocks, len, start + 8 * k).init(out);
    }
}

/// Writes `part` (its spare lanes zero) at element `start` of `out`, which is zero from there on.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn copy_to(out: &mut [Block], start: usize, part: &[Block]) {
    let (first, offset) = (start / 8, start % 8);
    if offset == 0 {
        out[first..first + part.len()].copy_from_slice(part);
        return;
    }
    // Block k takes the last `offset` elements of block k - 1 of the part and the first 8 - offset of block k.
    let mut previous = Lanes::<Fr>::zero();
    for k in 0..=part.len() {
        let next = Lanes::load(part.get(k).unwrap_or(&Block::ZERO));
        let shifted = previous.align(next, 8 - offset);
        previous = next;
        if let Some(block) = out.get_mut(first + k) {
            // Only the first block has elements already, and there the shifted lanes are zero.
            let merged = if k == 0 { Lanes::load(block).select(0xff << offset, shifted) } else { shifted };
            merged.store(block);
        }
    }
}
