//! Many independent affine additions at once, sharing inversions (Montgomery's trick), eight in the lanes.
//!
//! An addition costs 5 multiplications and a squaring: 3 for its share of the inversion, then the slope, its square
//! and y. The slope is a quotient (y2 - y1) / (x2 - x1), which is wrong when an operand is infinity ([`Care`] says
//! whether that is possible) and does not exist when x1 = x2, a doubling or a cancellation. In the latter case the
//! product of the batch's denominators is zero, it has no inverse, and the batch is done again with full care.

use crate::constants::{Field, Fq, at_least, subtract_words};
use crate::element::Element;
use crate::field_vec::invert_lanes;
use crate::lanes::{Lanes, Loose, transpose};
use crate::memory::Buffer;
use crate::simd::*;

use super::Affine;

/// A point of a `PointVec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Packed(pub(crate) [u64; 8]);

/// 4 q and 2 q in words.
const FOUR_Q: [u64; 4] = words_of_limbs(Fq::MULTIPLES[4]);
const TWO_Q: [u64; 4] = words_of_limbs(Fq::MULTIPLES[2]);

const fn words_of_limbs(l: [u64; 5]) -> [u64; 4] {
    [l[0] | l[1] << 52, l[1] >> 12 | l[2] << 40, l[2] >> 24 | l[3] << 28, l[3] >> 36 | l[4] << 16]
}

impl Packed {
    /// The neutral element.
    pub const INFINITY: Self = Self([0; 8]);

    fn words(&self, half: usize) -> [u64; 4] {
        [self.0[4 * half], self.0[4 * half + 1], self.0[4 * half + 2], self.0[4 * half + 3]]
    }

    /// -self if asked, stored: y becomes 4 q - y, less 2 q if that is too large.
    pub(crate) fn negate_if(mut self, negate: bool) -> Self {
        if negate && self != Self::INFINITY {
            let mut y = subtract_words(&FOUR_Q, &self.words(1));
            if at_least(&y, &TWO_Q) {
                y = subtract_words(&y, &TWO_Q);
            }
            self.0[4..].copy_from_slice(&y);
        }
        self
    }

    pub(crate) fn from_affine(point: &Affine) -> Self {
        let (x, y) = (point.x.to_lane_words(), point.y.to_lane_words());
        Self([x[0], x[1], x[2], x[3], y[0], y[1], y[2], y[3]])
    }

    pub(crate) fn to_affine(self) -> Affine {
        let coordinate = |mut words: [u64; 4]| {
            while at_least(&words, &Fq::MODULUS) {
                words = subtract_words(&words, &Fq::MODULUS);
            }
            Element::from_lane_words(words)
        };
        Affine { x: coordinate(self.words(0)), y: coordinate(self.words(1)) }
    }
}

/// One addition: of a left and a right operand, with where the sum goes.
///
/// With signs, `left` and `right` are twice the index, plus one for the negative of the point.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    pub left: u32,
    pub right: u32,
    pub out: u32,
}

/// Additions, and doublings of left operands, that share one inversion.
#[derive(Clone, Copy)]
struct Batch<'a> {
    additions: &'a [Pair],
    doublings: &'a [Pair],
}

impl Batch<'_> {
    /// Groups of eight; those of additions come first.
    fn groups(&self) -> usize {
        self.additions.len().div_ceil(8) + self.doublings.len().div_ceil(8)
    }

    fn doubles(&self, g: usize) -> bool {
        g >= self.additions.len().div_ceil(8)
    }

    /// What group g begins with and what follows it, up to the end of its kind.
    fn from(&self, g: usize) -> &[Pair] {
        match g.checked_sub(self.additions.len().div_ceil(8)) {
            Some(g) => self.doublings.get(8 * g..).unwrap_or_default(),
            None => &self.additions[8 * g..],
        }
    }
}

/// Where operands lie and sums go.
trait Places {
    fn left(&self) -> &[Packed];
    fn right(&self) -> &[Packed];
    fn sums(&mut self) -> &mut [Packed];
}

/// destination[out] = source[left] + source[right].
struct Between<'a> {
    source: &'a [Packed],
    destination: &'a mut [Packed],
}

impl Places for Between<'_> {
    fn left(&self) -> &[Packed] {
        self.source
    }

    fn right(&self) -> &[Packed] {
        self.source
    }

    fn sums(&mut self) -> &mut [Packed] {
        self.destination
    }
}

/// sums[out] = sums[left] + addends[right].
struct Onto<'a> {
    sums: &'a mut [Packed],
    addends: &'a [Packed],
}

impl Places for Onto<'_> {
    fn left(&self) -> &[Packed] {
        self.sums
    }

    fn right(&self) -> &[Packed] {
        self.addends
    }

    fn sums(&mut self) -> &mut [Packed] {
        self.sums
    }
}

/// What the operands may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// Finite points.
    None,
    /// Infinity is possible.
    Infinities,
}

/// Groups of eight additions that share one inversion: 2048 additions, 0.5 MB of scratch, half the second-level cache.
const GROUPS: usize = 256;

/// Groups worked on in one go when finishing: enough independent work to hide the multiplications' latency.
const BLOCK: usize = 8;

/// How many groups ahead points are fetched.
const AHEAD: usize = 6;

/// What is remembered of eight additions between the two halves of a batch.
#[derive(Clone, Copy)]
struct Group {
    x1: Lanes<Fq>,
    y1: Lanes<Fq>,
    /// x1 + x2.
    sum: Loose<Fq>,
    numerator: Lanes<Fq>,
    /// x2 - x1; later x3.
    denominator: Lanes<Fq>,
    /// The product of the chain's denominators before this one; later 1 / denominator, the slope.
    slope: Lanes<Fq>,
    flags: Flags,
}

/// Lanes with special operands.
#[derive(Clone, Copy, Default)]
struct Flags {
    left_infinite: u8,
    right_infinite: u8,
    cancel: u8,
}

/// Adds batches of pairs, reusing its scratch memory.
#[derive(Default)]
pub struct Adder {
    groups: Buffer<Group>,
}

impl Adder {
    /// destination[out] = source[left] + source[right] for all pairs. Returns whether some sum is infinity.
    pub fn add<const SIGNED: bool>(
        &mut self,
        source: &[Packed],
        destination: &mut [Packed],
        pairs: &[Pair],
        care: Care,
    ) -> bool {
        let mut infinite = false;
        for additions in pairs.chunks(8 * GROUPS) {
            let places = &mut Between { source, destination };
            infinite |= enter!(add_batch::<SIGNED>(self, places, Batch { additions, doublings: &[] }, care));
        }
        infinite
    }

    /// sums[out] = sums[left] + addends[right] and sums[out] = 2 sums[left], all operands signed, in one batch. Every
    /// point may be infinity. A doubling has no right operand: 0, if there are addends.
    pub fn advance(&mut self, sums: &mut [Packed], addends: &[Packed], additions: &[Pair], doublings: &[Pair]) {
        let places = &mut Onto { sums, addends };
        enter!(add_batch::<true>(self, places, Batch { additions, doublings }, Care::Infinities));
    }
}

/// Reads eight points.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline]
pub fn load_points(source: &[Packed], index: [u32; 8]) -> (Lanes<Fq>, Lanes<Fq>) {
    let mut rows = [_mm512_setzero_si512(); 8];
    for k in 0..8 {
        rows[k] = crate::lanes::load_words(&source[index[k] as usize].0);
    }
    let w = transpose(rows);
    (Lanes::from_words([w[0], w[1], w[2], w[3]]), Lanes::from_words([w[4], w[5], w[6], w[7]]))
}

/// Writes eight points, the values below 2^256.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline]
pub fn store_points(destination: &mut [Packed], index: [u32; 8], x: Lanes<Fq>, y: Lanes<Fq>) {
    let (x, y) = (x.to_words(), y.to_words());
    let rows = transpose([x[0], x[1], x[2], x[3], y[0], y[1], y[2], y[3]]);
    for k in 0..8 {
        crate::lanes::store_words(&mut destination[index[k] as usize].0, rows[k]);
    }
}

/// Eight additions as columns of indices and masks of signs.
struct Eight {
    left: [u32; 8],
    right: [u32; 8],
    out: [u32; 8],
    left_sign: u8,
    right_sign: u8,
}

/// Group g of the batch. The last one of its kind is filled up with copies of the last pair.
#[inline(always)]
fn eight<const SIGNED: bool>(batch: Batch<'_>, g: usize) -> Eight {
    let mut e = Eight { left: [0; 8], right: [0; 8], out: [0; 8], left_sign: 0, right_sign: 0 };
    let pairs = batch.from(g);
    for k in 0..8 {
        let pair = pairs[k.min(pairs.len() - 1)];
        e.out[k] = pair.out;
        if SIGNED {
            (e.left[k], e.right[k]) = (pair.left >> 1, pair.right >> 1);
            e.left_sign |= ((pair.left & 1) as u8) << k;
            e.right_sign |= ((pair.right & 1) as u8) << k;
        } else {
            (e.left[k], e.right[k]) = (pair.left, pair.right);
        }
    }
    e
}

/// The operands of a group, signs applied, with the lanes that hold infinity if that is asked for.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline]
fn load_operand<const SIGNED: bool>(
    source: &[Packed],
    index: [u32; 8],
    sign: u8,
    look: bool,
) -> (Lanes<Fq>, Lanes<Fq>, u8) {
    let (x, mut y) = load_points(source, index);
    let infinite = if look { x.all_zero_limbs() & y.all_zero_limbs() } else { 0 };
    if SIGNED {
        // Below 4 q: y is not zero. Infinity keeps its zeros.
        let negated = Lanes::zero().subtract::<4>(y).carry();
        y = y.select(sign & !infinite, negated);
    }
    (x, y, infinite)
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn add_batch<const SIGNED: bool>(adder: &mut Adder, places: &mut impl Places, batch: Batch<'_>, care: Care) -> bool {
    let done = match care {
        Care::None => try_add::<SIGNED, 0>(adder, places, batch),
        Care::Infinities => try_add::<SIGNED, 1>(adder, places, batch),
    };
    // Equal x somewhere: level 2 has no zero denominators.
    done.or_else(|| try_add::<SIGNED, 2>(adder, places, batch))
        .unwrap_or_else(|| unreachable!("a careful batch has no zero denominators"))
}

/// Adds a batch with care for nothing (0), infinity (1), or infinity and equal x (2).
///
/// Returns whether some sum is infinity, or `None`, with nothing written, if a denominator is zero.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline(never)] // Each level's code by itself: together they crowd the instruction caches.
fn try_add<const SIGNED: bool, const CARE: u8>(
    adder: &mut Adder,
    places: &mut impl Places,
    batch: Batch<'_>,
) -> Option<bool> {
    let count = batch.groups();
    if adder.groups.len() < count {
        let zero = Lanes::zero();
        let empty = Group {
            x1: zero,
            y1: zero,
            sum: zero.loose(),
            numerator: zero,
            denominator: zero,
            slope: zero,
            flags: Flags::default(),
        };
        adder.groups.grow(empty, count);
    }
    let groups = &mut adder.groups[..count];
    let one = Lanes::<Fq>::one();
    // Two interleaved chains of products.
    let mut products = [one; 2];
    for g in 0..count {
        prefetch_group::<SIGNED>(places, batch, g + AHEAD);
        let group = &mut groups[g];
        if batch.doubles(g) {
            begin_doublings::<SIGNED, CARE>(places, &eight::<SIGNED>(batch, g), group);
        } else {
            begin::<SIGNED, CARE>(places, &eight::<SIGNED>(batch, g), group);
        }
        group.slope = products[g & 1];
        products[g & 1] = products[g & 1].multiply(group.denominator);
    }
    let inverse = invert_lanes(products[0].multiply(products[1]))?;
    let mut inverses = [inverse.multiply(products[1]), inverse.multiply(products[0])];
    let mut infinite = false;
    let mut end = count;
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        // Step by step over a block of groups, so that neighbouring multiplications are independent.
        for g in (start..end).rev() {
            let group = &mut groups[g];
            group.slope = inverses[g & 1].multiply(group.slope);
            inverses[g & 1] = inverses[g & 1].multiply(group.denominator);
        }
        for group in &mut groups[start..end] {
            group.slope = group.slope.multiply(group.numerator);
        }
        for group in &mut groups[start..end] {
            // The square is below 2.1, the sum below 7.4, so 0.6 to 10.1 goes in.
            let square = group.slope.factor().square().reduce();
            group.denominator = square.subtract_loose::<8>(group.sum).reduce_8();
        }
        for g in start..end {
            let group = &groups[g];
            let (mut x, mut y) = (group.denominator, finish_y(group));
            let e = eight::<SIGNED>(batch, g);
            if CARE > 0 {
                (x, y) = special::<SIGNED>(places, &e, group, x, y);
                infinite |= (x.all_zero_limbs() & y.all_zero_limbs()) != 0;
            }
            store_points(places.sums(), e.out, x, y);
        }
        end = start;
    }
    Some(infinite)
}

/// Loads eight pairs and prepares numerators and denominators.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline]
fn begin<const SIGNED: bool, const CARE: u8>(places: &impl Places, e: &Eight, group: &mut Group) {
    // A loop, so that there is one copy of the code and it is inlined.
    let mut operands = [(Lanes::zero(), Lanes::zero(), 0); 2];
    let chosen = [(places.left(), e.left, e.left_sign), (places.right(), e.right, e.right_sign)];
    for (operand, (source, index, sign)) in operands.iter_mut().zip(chosen) {
        *operand = load_operand::<SIGNED>(source, index, sign, CARE > 0);
    }
    let [(x1, y1, left_infinite), (x2, y2, right_infinite)] = operands;
    let mut denominator = x2.subtract::<4>(x1).carry();
    let mut numerator = y2.subtract::<4>(y1).carry();
    if CARE > 0 {
        let one = Lanes::one();
        let mut flags = Flags { left_infinite, right_infinite, cancel: 0 };
        let either = left_infinite | right_infinite;
        if CARE > 1 {
            let same_x = denominator.loose().reduce_8().is_zero() & !either;
            if same_x != 0 {
                let same = numerator.loose().reduce_8().is_zero() & same_x;
                // Doubling: the slope is 3 x^2 / 2 y.
                let squared = x1.square();
                numerator = numerator.select(same, squared.add(squared).add(squared).reduce_8());
                denominator = denominator.select(same, y1.add(y1).reduce_8());
                flags.cancel = same_x & !same;
            }
        }
        denominator = denominator.select(either | flags.cancel, one);
        group.flags = flags;
    }
    group.x1 = x1;
    group.y1 = y1;
    group.sum = x1.add(x2);
    group.numerator = numerator;
    group.denominator = denominator;
}

/// Loads eight points and prepares the numerators and denominators of their doubles' slopes, 3 x^2 / 2 y.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline]
fn begin_doublings<const SIGNED: bool, const CARE: u8>(places: &impl Places, e: &Eight, group: &mut Group) {
    let (x, y, infinite) = load_operand::<SIGNED>(places.left(), e.left, e.left_sign, CARE > 0);
    let squared = x.square();
    group.x1 = x;
    group.y1 = y;
    group.sum = x.add(x);
    group.numerator = squared.add(squared).add(squared).reduce_8();
    // No finite point has y = 0. The double of infinity is infinity and something infinite, which is the left operand.
    group.denominator = y.add(y).reduce_8().select(infinite, Lanes::one());
    group.flags = Flags { left_infinite: 0, right_infinite: infinite, cancel: 0 };
}

/// y3 = slope (x1 - x3) - y1: below 2.3 + 4, at least 0.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline]
fn finish_y(group: &Group) -> Lanes<Fq> {
    let run = group.x1.subtract::<4>(group.denominator).factor();
    group.slope.factor().product(run).reduce().subtract_loose::<5>(group.y1.loose()).reduce_8()
}

/// Replaces the sums of special pairs.
#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
#[inline]
fn special<const SIGNED: bool>(
    places: &impl Places,
    e: &Eight,
    group: &Group,
    x: Lanes<Fq>,
    y: Lanes<Fq>,
) -> (Lanes<Fq>, Lanes<Fq>) {
    let Flags { left_infinite, right_infinite, cancel } = group.flags;
    if left_infinite | right_infinite | cancel == 0 {
        return (x, y);
    }
    // Reduced, since a negated y is below 4 q only. Zero stays zero.
    let mut sum = (x.select(right_infinite, group.x1), y.select(right_infinite, group.y1.loose().reduce_8()));
    if left_infinite != 0 {
        let (x2, y2, _) = load_operand::<SIGNED>(places.right(), e.right, e.right_sign, true);
        sum = (sum.0.select(left_infinite, x2), sum.1.select(left_infinite, y2.loose().reduce_8()));
    }
    (sum.0.select(cancel, Lanes::zero()), sum.1.select(cancel, Lanes::zero()))
}

/// Asks for the points of a group that comes later.
#[inline]
fn prefetch_group<const SIGNED: bool>(places: &impl Places, batch: Batch<'_>, g: usize) {
    for pair in batch.from(g).iter().take(8) {
        for (source, index) in [(places.left(), pair.left), (places.right(), pair.right)] {
            prefetch(source, if SIGNED { index >> 1 } else { index } as usize);
        }
    }
}

/// Asks for a point that is needed soon.
#[inline]
pub fn prefetch(source: &[Packed], index: usize) {
    let address = source.as_ptr().wrapping_add(index);
    // SAFETY: a prefetch is a hint: it reads nothing and cannot fault. SSE is part of x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
}
