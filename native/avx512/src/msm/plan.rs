//! How many windows, and whether to split a vector by width: a cost model in nanoseconds on one core.

/// One addition of a batch, and reading and sorting one digit.
const ADDITION: f64 = 27.0;
const DIGIT: f64 = 4.0;
/// A bucket's two additions in `planes`, in batches that are not always full.
const BUCKET: f64 = 70.0;
/// What a window costs besides: rounds of small batches, each with an inversion, and its share of Horner's rule.
const WINDOW: f64 = 3000.0;
/// What a class of entries costs besides.
const CLASS: f64 = 20_000.0;
/// Widest window: 32768 buckets.
const WIDEST: u32 = 16;

/// Digits at bits offset..offset + width of a magnitude.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub offset: u32,
    pub width: u32,
}

impl Window {
    /// Digits are in [1 - 2^(width-1), 2^(width-1)], so there is a bucket for each magnitude up to 2^(width-1).
    pub fn buckets(&self) -> usize {
        1 << (self.width - 1)
    }
}

/// `count` windows over magnitudes below 2^bits. The sign of the digits takes one bit more.
fn divide(bits: u32, count: u32) -> impl Iterator<Item = Window> {
    let total = bits + 1;
    let cut = move |w: u32| w * (total / count) + w.min(total % count);
    (0..count).map(move |w| Window { offset: cut(w), width: cut(w + 1) - cut(w) })
}

fn cost_of(entries: f64, bits: u32, count: u32) -> f64 {
    let one = |window: Window| {
        let buckets = window.buckets() as f64;
        // The first point of a bucket needs no addition; so many buckets are expected to get one.
        let used = buckets * (1.0 - (-entries / buckets).exp());
        ADDITION * (entries - used) + BUCKET * buckets + DIGIT * entries + WINDOW
    };
    divide(bits, count).map(one).sum()
}

/// The cheapest number of windows, and its cost.
fn best(entries: usize, bits: u32) -> (u32, f64) {
    let counts = (bits + 1).div_ceil(WIDEST)..=(bits + 1).div_ceil(2);
    let mut best = (1, f64::INFINITY);
    for count in counts {
        let cost = cost_of(entries as f64, bits, count);
        if cost < best.1 {
            best = (count, cost);
        } else if cost > 1.5 * best.1 {
            break;
        }
    }
    best
}

/// The windows for entries with magnitudes below 2^bits.
pub fn windows(entries: usize, bits: u32) -> Vec<Window> {
    divide(bits, best(entries, bits).0).collect()
}

/// Where to split entries by width: classes as ranges of bit lengths, from..=to.
///
/// `histogram[b]` counts the entries of exactly b bits. Zeros belong to no class.
pub fn classes(histogram: &[u32; 257]) -> Vec<(u32, u32)> {
    let count = |from: u32, to: u32| -> usize { (from..=to).map(|b| histogram[b as usize] as usize).sum() };
    let widest = |to: u32| (1..=to).rev().find(|&b| histogram[b as usize] > 0);
    let Some(top) = widest(256) else { return Vec::new() };
    let mut chosen = (best(count(1, top), top).1, vec![(1, top)]);
    for limit in [8, 16, 24, 32, 48, 64, 96, 128, 192] {
        let Some(low) = widest(limit) else { continue };
        if limit >= top {
            break;
        }
        let cost = best(count(1, low), low).1 + best(count(limit + 1, top), top).1 + CLASS;
        if cost < chosen.0 {
            chosen = (cost, vec![(1, low), (limit + 1, top)]);
        }
    }
    chosen.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_all_bits_once() {
        for bits in 1..=253 {
            for count in 1..=bits + 1 {
                let mut next = 0;
                for window in divide(bits, count) {
                    assert_eq!(window.offset, next);
                    assert!(window.width >= 1);
                    next += window.width;
                }
                assert_eq!(next, bits + 1);
            }
            for entries in [1, 10, 1000, 1 << 16, 1 << 24] {
                assert!(windows(entries, bits).iter().all(|w| w.width <= WIDEST));
            }
        }
    }

    #[test]
    fn a_few_wide_entries_are_split_off() {
        let mut histogram = [0; 257];
        assert_eq!(classes(&histogram), []);
        histogram[16] = 4096;
        assert_eq!(classes(&histogram), [(1, 16)]);
        histogram[253] = 4;
        assert_eq!(classes(&histogram), [(1, 16), (17, 253)]);
        histogram[253] = 4096;
        histogram[16] = 0;
        assert_eq!(classes(&histogram), [(1, 253)]);
    }
}
