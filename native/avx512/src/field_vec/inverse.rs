//! Batch inversion.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{FieldVec, GRAIN};
use crate::constants::{Field, Fr, limbs_of_words};
use crate::element::Element;
use crate::error::Error;
use crate::lanes::{Block, Lanes};
use crate::memory::Buffer;

/// Independent chains of products, so that the latency of one hides behind the others.
const CHAINS: usize = 4;

impl FieldVec {
    /// 1 / self elementwise. Errors with the first index that holds zero.
    pub fn batch_inverse(&self) -> Result<Self, Error> {
        let last = self.blocks.len().saturating_sub(1);
        let spare: u8 = if self.len.is_multiple_of(8) { 0 } else { 0xff << (self.len % 8) };
        let mut blocks = Buffer::with_capacity(self.blocks.len());
        let out = blocks.room();
        let ok = out.par_chunks_mut(GRAIN).zip(self.blocks.par_chunks(GRAIN)).enumerate().all(|(k, (out, chunk))| {
            let padding = if k * GRAIN + chunk.len() == last + 1 { spare } else { 0 };
            enter!(invert(out, chunk, padding))
        });
        if !ok {
            let index = *self.nonzero_complement(1).first().unwrap_or(&0);
            return Err(Error::ZeroInverse { index });
        }
        // SAFETY: where no chunk met a zero, every chunk wrote all of its blocks.
        unsafe { blocks.set_len(self.blocks.len()) };
        Ok(Self::from_blocks(blocks, self.len))
    }
}

/// Inverts the eight lanes of a value below 4 p, or `None` if one is zero.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
pub(crate) fn invert_lanes<F: Field>(x: Lanes<F>) -> Option<Lanes<F>> {
    let mut words = [0; 32];
    x.canonical().to_packed(&mut words);
    let mut elements = [Element::<F>::ONE; 8];
    for (element, words) in elements.iter_mut().zip(words.chunks_exact(4)) {
        *element = Element::from_lane_words(words.try_into().unwrap());
    }
    let mut before = [Element::<F>::ONE; 8];
    let mut product = Element::ONE;
    for (before, &element) in before.iter_mut().zip(&elements) {
        *before = product;
        product = product * element;
    }
    let mut inverse = product.inverse()?;
    let mut out = Block::ZERO;
    for lane in (0..8).rev() {
        out.set_lane(lane, limbs_of_words((inverse * before[lane]).to_lane_words()));
        inverse = inverse * elements[lane];
    }
    Some(Lanes::load(&out))
}

/// Montgomery's trick, `CHAINS` of them interleaved. Writes all of `out` and returns true unless a lane is zero.
/// `padding`: lanes of the last block to leave out.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn invert(out: &mut [MaybeUninit<Block>], blocks: &[Block], padding: u8) -> bool {
    let last = blocks.len() - 1;
    let (one, mut products) = (Lanes::<Fr>::one(), [Lanes::<Fr>::one(); CHAINS]);
    // Forward: out[i] is the product of the chain before block i.
    for i in 0..blocks.len() {
        let x = Lanes::load(&blocks[i]).select(if i == last { padding } else { 0 }, one);
        products[i % CHAINS].init(&mut out[i]);
        products[i % CHAINS] = products[i % CHAINS].multiply(x);
    }
    // One inversion for all chains: of the product, and from it each chain's own.
    let [a, b, c, d] = products;
    let (ab, cd) = (a.multiply(b), c.multiply(d));
    let Some(inverse) = invert_lanes(ab.multiply(cd)) else { return false };
    let (iab, icd) = (inverse.multiply(cd), inverse.multiply(ab));
    let mut inverses = [iab.multiply(b), iab.multiply(a), icd.multiply(d), icd.multiply(c)];
    for i in (0..blocks.len()).rev() {
        let x = Lanes::load(&blocks[i]).select(if i == last { padding } else { 0 }, one);
        let inverse = inverses[i % CHAINS];
        // SAFETY: the forward loop has initialised every block.
        let before = Lanes::load(unsafe { out[i].assume_init_ref() });
        inverse.multiply(before).init(&mut out[i]);
        inverses[i % CHAINS] = inverse.multiply(x);
    }
    true
}
