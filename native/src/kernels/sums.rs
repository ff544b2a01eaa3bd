//! Exact sums of products of 64-bit integers: a book against the columns of a market.

use std::ops::Range;

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::error::{Result, require};
use super::parallel::install;

/// Bytes of a sum: two's complement, little-endian.
pub const SUM_BYTES: usize = 32;
/// Products a thread should have, about a nanosecond each.
const GRAIN: usize = 1 << 16;

/// For each column, the sums over segments of column\[i\] * weights\[i\]; segment j is rows starts\[j\]..starts\[j + 1\],
/// the last one's end is the columns'.
///
/// `columns` holds 8 little-endian bytes an entry, column after column. The weights may be a book: the result is
/// overwritten when it is dropped.
pub fn segment_sums(columns: &[u8], weights: &[u8], starts: &[usize]) -> Result<Zeroizing<Vec<u8>>> {
    let weights = Zeroizing::new(integers(weights)?);
    let rows = weights.len();
    let segments = segments(starts, rows)?;
    let (entries, rest) = columns.as_chunks::<8>();
    require(rest.is_empty() && rows > 0 && entries.len() % rows == 0, || {
        format!("columns: expected a multiple of {rows} entries of 8 bytes, got {} bytes", columns.len())
    })?;
    let held = Zeroizing::new(held(&weights, &segments));
    let size = segments.len() * SUM_BYTES;
    let mut sums = Zeroizing::new(vec![0; entries.len() / rows * size]);
    let column = |(entries, sums): (&[[u8; 8]], &mut [u8])| {
        for (part, sum) in held.iter().zip(sums.chunks_exact_mut(SUM_BYTES)) {
            sum.copy_from_slice(&sum_of(part, entries));
        }
    };
    if entries.len() < 2 * GRAIN {
        entries.chunks_exact(rows).zip(sums.chunks_exact_mut(size)).for_each(column);
    } else {
        let least = GRAIN.div_ceil(rows);
        let columns = entries.par_chunks_exact(rows).zip(sums.par_chunks_exact_mut(size));
        install(|| columns.with_min_len(least).for_each(column));
    }
    Ok(sums)
}

fn integers(bytes: &[u8]) -> Result<Vec<i64>> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    require(rest.is_empty(), || format!("weights: expected 8 bytes each, got {}", bytes.len()))?;
    Ok(chunks.iter().map(|chunk| i64::from_le_bytes(*chunk)).collect())
}

fn segments(starts: &[usize], rows: usize) -> Result<Vec<Range<usize>>> {
    let fits = starts.first() == Some(&0) && starts.is_sorted() && starts.last().is_some_and(|&last| last <= rows);
    require(fits, || format!("starts: expected offsets from 0 to {rows} that do not fall"))?;
    let ends = starts.iter().skip(1).copied().chain([rows]);
    Ok(starts.iter().zip(ends).map(|(&start, end)| start..end).collect())
}

/// The rows of each segment whose weight is not zero, with it.
fn held(weights: &[i64], segments: &[Range<usize>]) -> Vec<Vec<(usize, i64)>> {
    let part = |rows: &Range<usize>| rows.clone().map(|row| (row, weights[row])).filter(|held| held.1 != 0).collect();
    segments.iter().map(part).collect()
}

/// A product has 127 bits: its halves are added up apart, so that no number of rows overflows.
fn sum_of(part: &[(usize, i64)], entries: &[[u8; 8]]) -> [u8; SUM_BYTES] {
    let (mut low, mut high) = (0_u128, 0_i128);
    for &(row, weight) in part {
        let product = i128::from(i64::from_le_bytes(entries[row])) * i128::from(weight);
        low += u128::from(product as u64);
        high += product >> 64;
    }
    high += (low >> 64) as i128;
    let mut bytes = [if high < 0 { u8::MAX } else { 0 }; SUM_BYTES];
    bytes[..8].copy_from_slice(&(low as u64).to_le_bytes());
    bytes[8..24].copy_from_slice(&high.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(values: &[i64]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn sums_are_exact_at_the_borders() {
        let (least, most) = (i64::MIN, i64::MAX);
        let sums = segment_sums(&packed(&[least, least, most, most]), &packed(&[least, most]), &[0, 1]).unwrap();
        let wanted = [
            i128::from(least) * i128::from(least),
            i128::from(least) * i128::from(most),
            i128::from(most) * i128::from(least),
            i128::from(most) * i128::from(most),
        ];
        for (sum, wanted) in sums.chunks_exact(SUM_BYTES).zip(wanted) {
            assert_eq!(sum[..16], wanted.to_le_bytes());
            assert!(sum[16..].iter().all(|&byte| byte == if wanted < 0 { u8::MAX } else { 0 }));
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let two = packed(&[1, 2]);
        for starts in [&[][..], &[1], &[0, 3], &[0, 2, 1]] {
            assert!(segment_sums(&two, &two, starts).is_err(), "{starts:?}");
        }
        assert!(segment_sums(&two[1..], &two, &[0]).is_err());
        assert!(segment_sums(&two[..8], &two, &[0]).is_err());
        assert!(segment_sums(&two, &two[1..], &[0]).is_err());
        assert!(segment_sums(&two, &[], &[0]).is_err());
    }
}
