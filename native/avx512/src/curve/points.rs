//! Vectors of points in the layout that multi-scalar multiplication wants.

use std::fmt;
use std::sync::Arc;

use rayon::prelude::*;

use super::batch_add::{Adder, Care, Packed, Pair};
use super::fixed_base::{Table, Tables};
use crate::constants::{Field, Fq};
use crate::element::Element;
use crate::error::Error;
use crate::lanes::Lanes;
use crate::memory::Buffer;

/// Points that one task of an elementwise operation handles.
const GRAIN: usize = 4096;

/// A point in affine coordinates; (0, 0), which is not on the curve, stands for infinity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Affine {
    /// The first coordinate.
    pub x: Element<Fq>,
    /// The second coordinate.
    pub y: Element<Fq>,
}

impl fmt::Debug for Affine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Affine(..)")
    }
}

impl Affine {
    /// The neutral element.
    pub const INFINITY: Self = Self { x: Element::ZERO, y: Element::ZERO };

    /// Whether this is the neutral element.
    pub fn is_infinity(&self) -> bool {
        self.x.is_zero() && self.y.is_zero()
    }

    /// Whether this is infinity or satisfies the curve's equation.
    pub fn is_valid(&self) -> bool {
        self.is_infinity() || self.y.square() == self.x.square() * self.x + Element::from_u64(3)
    }
}

/// A vector of points, 64 bytes and one cache line each: x then y, four words, Montgomery form with R = 2^260, below
/// 3.7 q. All zero is infinity.
///
/// A finite point never looks like that: its y is not zero modulo q, since the group's order is odd.
#[derive(Clone)]
pub struct PointVec {
    points: Buffer<Packed>,
    infinities: bool,
    tables: Tables,
}

impl fmt::Debug for PointVec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PointVec(len {})", self.len())
    }
}

impl PointVec {
    /// The number of points.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The points as they are stored.
    pub fn points(&self) -> &[Packed] {
        &self.points
    }

    /// From points as they are stored, of vectors or of the sums of such.
    pub fn from_points(points: &[Packed]) -> Self {
        Self::from_packed(joined(&[points]))
    }

    /// Whether some point may be infinity.
    pub(crate) fn has_infinities(&self) -> bool {
        self.infinities
    }

    /// The multiples of one point.
    pub(crate) fn table(&self, index: usize) -> Arc<Table> {
        self.tables.get(index, self.points[index])
    }

    fn from_packed(points: Buffer<Packed>) -> Self {
        let infinities = points.contains(&Packed::INFINITY);
        Self { points, infinities, tables: Tables::default() }
    }

    /// From points that are on the curve, which is the caller's duty.
    pub fn from_affine(points: &[Affine]) -> Self {
        let mut packed = Buffer::filled(Packed::INFINITY, points.len());
        packed
            .par_iter_mut()
            .zip(points)
            .with_min_len(GRAIN)
            .for_each(|(out, point)| *out = Packed::from_affine(point));
        Self::from_packed(packed)
    }

    /// Decodes 64-byte points, x then y, 32 bytes little-endian each; all zero is infinity.
    ///
    /// Errors with the first index whose coordinates are not below q or not on the curve.
    pub fn from_bytes(data: &[u8]) -> Result<Self, Error> {
        if !data.len().is_multiple_of(64) {
            return Err(Error::Length { expected: data.len().next_multiple_of(64), got: data.len() });
        }
        let mut points = Buffer::filled(Packed::INFINITY, data.len() / 64);
        let decode = |(k, (out, data)): (usize, (&mut [Packed], &[u8]))| {
            for (j, (out, data)) in out.chunks_mut(4).zip(data.chunks(256)).enumerate() {
                let mut words = [0; 32];
                for (word, bytes) in words.iter_mut().zip(data.chunks_exact(8)) {
                    *word = u64::from_le_bytes(bytes.try_into().unwrap());
                }
                let (decoded, large, off) = enter!(decode_points(&words));
                for (i, (out, point)) in out.iter_mut().zip(decoded).enumerate() {
                    let index = k * GRAIN + 4 * j + i;
                    if large[i] {
                        return Err(Error::NotCanonical { index });
                    }
                    if off[i] {
                        return Err(Error::NotOnCurve { index });
                    }
                    *out = point;
                }
            }
            Ok(())
        };
        let chunks = points.par_chunks_mut(GRAIN).zip(data.par_chunks(64 * GRAIN)).enumerate();
        let results: Vec<Result<(), Error>> = chunks.map(decode).collect();
        results.into_iter().collect::<Result<(), Error>>()?;
        Ok(Self::from_packed(points))
    }

    /// Inverse of `from_bytes`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 * self.len().next_multiple_of(4));
        for four in self.points.chunks(4) {
            for word in enter!(encode_points(four)) {
                out.extend_from_slice(&word.to_le_bytes());
            }
        }
        out.truncate(64 * self.len());
        out
    }

    /// One point. Panics past the end.
    pub fn get(&self, index: usize) -> Affine {
        self.points[index].to_affine()
    }

    /// Points start..stop.
    pub fn slice(&self, start: usize, stop: usize) -> Result<Self, Error> {
        let points = self.points.get(start..stop);
        let points = points.ok_or(Error::Parameter { expected: "0 <= start <= stop <= len" })?;
        Ok(Self::from_packed(joined(&[points])))
    }

    /// The parts one after the other.
    pub fn concatenate(parts: &[&Self]) -> Self {
        Self {
            points: joined(&parts.iter().map(|part| &part.points[..]).collect::<Vec<_>>()),
            infinities: parts.iter().any(|part| part.infinities),
            tables: Tables::default(),
        }
    }

    /// self - other elementwise, equal lengths.
    pub fn subtract(&self, other: &Self) -> Result<Self, Error> {
        if self.len() != other.len() {
            return Err(Error::Length { expected: self.len(), got: other.len() });
        }
        let mut points = Buffer::filled(Packed::INFINITY, self.len());
        let care = if self.infinities || other.infinities { Care::Infinities } else { Care::None };
        let chunks = self.points.par_chunks(GRAIN).zip(other.points.par_chunks(GRAIN));
        chunks.zip(points.par_chunks_mut(GRAIN)).for_each(|((left, right), out)| {
            // Signed operands: point i as 2 i, its negative as 2 i + 1.
            let both = joined(&[left, right]);
            let n = left.len() as u32;
            let pairs: Vec<Pair> = (0..n).map(|i| Pair { left: 2 * i, right: 2 * (n + i) + 1, out: i }).collect();
            Adder::default().add::<true>(&both, out, &pairs, care);
        });
        Ok(Self::from_packed(points))
    }
}

fn joined(parts: &[&[Packed]]) -> Buffer<Packed> {
    let mut all = Buffer::filled(Packed::INFINITY, parts.iter().map(|part| part.len()).sum());
    let mut rest = &mut all[..];
    for part in parts {
        let (start, end) = rest.split_at_mut(part.len());
        start.copy_from_slice(part);
        rest = end;
    }
    all
}

/// Converts four points; says which have a coordinate that is not below q, and which are off the curve.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn decode_points(words: &[u64; 32]) -> ([Packed; 4], [bool; 4], [bool; 4]) {
    // Even lanes hold x, odd lanes y.
    let integers = Lanes::<Fq>::from_packed(words);
    let large = !integers.less_than(&Fq::LIMBS);
    let infinite = integers.all_zero_limbs();
    let coordinates = integers.integers_to_montgomery();
    let mut out = [0; 32];
    coordinates.to_packed(&mut out);
    // x^3 + 3 in even lanes, y^2 in odd ones; then the difference of neighbours.
    let squares = coordinates.square();
    let three = Lanes::splat(&Element::<Fq>::from_u64(3).to_lane_limbs());
    let cubes = squares.multiply(coordinates).add(three).reduce_8();
    let sides = squares.select(0x55, cubes);
    let neighbours = sides.align(sides, 1);
    let equal = sides.subtract::<4>(neighbours).reduce_8().is_zero();
    let pair = |mask: u8, i: usize| mask >> (2 * i) & 3;
    let mut points = [Packed::INFINITY; 4];
    let (mut too_large, mut off_curve) = ([false; 4], [false; 4]);
    for i in 0..4 {
        points[i] = Packed(out[8 * i..8 * i + 8].try_into().unwrap());
        too_large[i] = pair(large, i) != 0;
        off_curve[i] = pair(equal, i) & 1 == 0 && pair(infinite, i) != 3;
    }
    (points, too_large, off_curve)
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn encode_points(points: &[Packed]) -> [u64; 32] {
    let mut words = [0; 32];
    for (words, point) in words.chunks_exact_mut(8).zip(points) {
        words.copy_from_slice(&point.0);
    }
    let integers = Lanes::<Fq>::from_packed(&words).to_integers();
    integers.to_packed(&mut words);
    words
}
