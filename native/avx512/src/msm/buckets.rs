//! Sorting points by digit and adding up each bucket.

use super::magnitudes::Entries;
use super::plan::Window;
use super::{Weighted, planes};
use crate::curve::{Adder, Care, Packed, Pair, prefetch};
use crate::memory::Buffer;

/// Entries whose buckets are added up together, so that partial sums stay in the nearer caches.
const RANGE: usize = 1 << 15;

/// How many points ahead of a plain copy from the basis are fetched.
const SINGLES_AHEAD: usize = 16;

/// A bucket's partial sums: `count` points from `start` on.
#[derive(Clone, Copy)]
struct Segment {
    bucket: u32,
    start: u32,
    count: u32,
}

/// The memory of one task, reused by the next.
#[derive(Default)]
pub struct Worker {
    adder: Adder,
    digits: Buffer<u32>,
    places: Buffer<u32>,
    /// Signed point indices sorted by bucket, all windows one after the other.
    sorted: Buffer<u32>,
    /// Where each bucket's entries begin and end in `sorted`.
    bounds: Buffer<(u32, u32)>,
    /// The buckets, then partial sums. Level 0 writes the even one; each level after reads one and writes the other.
    even: Buffer<Packed>,
    odd: Buffer<Packed>,
    pairs: Buffer<Pair>,
    /// Signed points left over by the pairs of level 0, and where they go.
    singles: Buffer<(u32, u32)>,
    segments: Buffer<Segment>,
    next: Buffer<Segment>,
}

impl Worker {
    /// The weighted sums of some windows.
    pub fn run(&mut self, basis: &[Packed], entries: &Entries, windows: &[Window]) -> Weighted {
        self.sort(entries, windows);
        self.make_room();
        let mut infinite = self.bounds.iter().any(|(start, end)| start == end);
        let mut bucket = 0;
        while bucket < self.bounds.len() {
            // As many buckets as have RANGE entries in all, but at least one.
            let (first, mut taken) = (bucket, 0);
            while bucket < self.bounds.len() {
                let (start, end) = self.bounds[bucket];
                taken += (end - start) as usize;
                if taken > RANGE && bucket > first {
                    break;
                }
                bucket += 1;
            }
            infinite |= self.add_up(basis, first..bucket);
        }
        let care = if infinite { Care::Infinities } else { Care::None };
        planes::sums(&mut self.adder, &mut self.pairs, &mut self.even, &mut self.odd, windows, care)
    }

    /// Fills in `sorted` and `bounds` by a counting sort of each window.
    fn sort(&mut self, entries: &Entries, windows: &[Window]) {
        let points = entries.points();
        self.sorted.grow(0, points.len() * windows.len());
        self.bounds.truncate(0);
        for (w, &window) in windows.iter().enumerate() {
            entries.digits(window, &mut self.digits);
            self.places.truncate(0);
            self.places.grow(0, window.buckets() + 1);
            for &digit in self.digits.iter() {
                self.places[(digit >> 1) as usize] += 1;
            }
            // From counts to where the next entry goes. Digits of zero come first and are not used.
            let mut place = (w * points.len()) as u32;
            for slot in self.places.iter_mut() {
                place += std::mem::replace(slot, place);
            }
            for (&digit, &point) in self.digits.iter().zip(points) {
                let slot = &mut self.places[(digit >> 1) as usize];
                self.sorted[*slot as usize] = point ^ (digit & 1);
                *slot += 1;
            }
            // Each place has moved on to the end of its entries.
            for ends in self.places.windows(2) {
                self.bounds.push((ends[0], ends[1]));
            }
        }
    }

    /// Empties the buckets and makes the memory for partial sums large enough.
    fn make_room(&mut self) {
        let buckets = self.bounds.len();
        let largest = self.bounds.iter().map(|(start, end)| (end - start) as usize).max().unwrap_or(0);
        let range = RANGE.min(self.sorted.len()).max(largest);
        // A bucket with three entries or more keeps two thirds of them at most, then two thirds of those. The planes
        // need three quarters of the buckets.
        let half = (2 * range).div_ceil(3).max(buckets) + 2;
        for memory in [&mut self.even, &mut self.odd] {
            memory.grow(Packed::INFINITY, buckets + half);
        }
        self.even[..buckets].fill(Packed::INFINITY);
    }

    /// Adds up some buckets, into `even`. Returns whether infinity turned up.
    fn add_up(&mut self, basis: &[Packed], buckets: std::ops::Range<usize>) -> bool {
        let sums = self.bounds.len() as u32;
        self.pairs.truncate(0);
        self.singles.truncate(0);
        self.segments.truncate(0);
        let mut free = sums;
        for bucket in buckets.clone() {
            let (start, end) = self.bounds[bucket];
            let sorted = &self.sorted[start as usize..end as usize];
            if sorted.is_empty() {
                continue;
            }
            let out = reserve(&mut free, &mut self.segments, bucket as u32, end - start);
            let (couples, odd) = sorted.as_chunks::<2>();
            for (j, &[left, right]) in couples.iter().enumerate() {
                self.pairs.push(Pair { left, right, out: out + j as u32 });
            }
            if let [single] = odd {
                self.singles.push((*single, out + couples.len() as u32));
            }
        }
        for k in 0..self.singles.len() {
            if let Some((ahead, _)) = self.singles.get(k + SINGLES_AHEAD) {
                prefetch(basis, (ahead >> 1) as usize);
            }
            let (single, out) = self.singles[k];
            self.even[out as usize] = basis[(single >> 1) as usize].negate_if(single & 1 == 1);
        }
        // Points at infinity have no entries, so the basis is finite here.
        let mut infinite = self.adder.add::<true>(basis, &mut self.even, &self.pairs, Care::None);
        let mut into_odd = true;
        while !self.segments.is_empty() {
            let (source, target) =
                if into_odd { (&self.even[..], &mut self.odd[..]) } else { (&self.odd[..], &mut self.even[..]) };
            self.pairs.truncate(0);
            self.next.truncate(0);
            let mut free = sums;
            for &Segment { bucket, start, count } in self.segments.iter() {
                let out = reserve(&mut free, &mut self.next, bucket, count);
                for j in 0..count / 2 {
                    self.pairs.push(Pair { left: start + 2 * j, right: start + 2 * j + 1, out: out + j });
                }
                if count % 2 == 1 {
                    target[(out + count / 2) as usize] = source[(start + count - 1) as usize];
                }
            }
            let care = if infinite { Care::Infinities } else { Care::None };
            infinite |= self.adder.add::<false>(source, target, &self.pairs, care);
            if into_odd {
                // Buckets that are done belong in `even`.
                for segment in self.segments.iter().filter(|segment| segment.count == 2) {
                    self.even[segment.bucket as usize] = self.odd[segment.bucket as usize];
                }
            }
            std::mem::swap(&mut self.segments, &mut self.next);
            into_odd = !into_odd;
        }
        infinite
    }
}

/// Where the sums of `count` > 0 points of a bucket, two by two, go: to the bucket if there is one sum, else to free
/// memory, as a segment of the next level.
fn reserve(free: &mut u32, next: &mut Buffer<Segment>, bucket: u32, count: u32) -> u32 {
    let count = count.div_ceil(2);
    if count == 1 {
        return bucket;
    }
    let start = *free;
    *free += count;
    next.push(Segment { bucket, start, count });
    start
}
