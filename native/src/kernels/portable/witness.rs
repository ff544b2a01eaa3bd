//! What makes witness columns: signs, digits, how often each occurs.

use std::ops::AddAssign;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField, Zero};
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::kernels::checks::{check_bits, check_table};
use crate::kernels::error::{Error, Result};
use crate::kernels::parallel::{CHEAP, COSTLY, fill, fill_slice, first_row, install, map_chunks, map_items};
use crate::kernels::scalars::{Integer, Scalars, sign_and_magnitude};

fn canonical(vector: &[Fr]) -> Zeroizing<Vec<Integer>> {
    let mut integers = Zeroizing::new(vec![Integer::zero(); vector.len()]);
    fill_slice(&mut integers, COSTLY, |rows, out| {
        for (integer, value) in out.iter_mut().zip(&vector[rows]) {
            *integer = value.into_bigint();
        }
    });
    integers
}

/// Bits start..start + count of an integer, count <= 28.
fn digit(integer: &Integer, start: usize, count: usize) -> u64 {
    let (limb, offset) = (start / 64, start % 64);
    let low = integer.0.get(limb).map_or(0, |word| word >> offset);
    let high = if offset == 0 { 0 } else { integer.0.get(limb + 1).map_or(0, |word| word << (64 - offset)) };
    (low | high) & ((1 << count) - 1)
}

fn require_below(integers: &[Integer], bits: usize) -> Result<()> {
    match first_row(integers.len(), CHEAP, |row| integers[row].num_bits() as usize > bits) {
        Some(row) => Err(Error::OutOfRange { row, bits }),
        None => Ok(()),
    }
}

pub fn split_sign(vector: &[Fr]) -> (Scalars, Scalars) {
    let mut pairs = Zeroizing::new(vec![(Fr::ZERO, Fr::ZERO); vector.len()]);
    fill_slice(&mut pairs, COSTLY, |rows, out| {
        for (pair, value) in out.iter_mut().zip(&vector[rows]) {
            let (negative, _) = sign_and_magnitude(value);
            *pair = if negative { (Fr::ONE, -*value) } else { (Fr::ZERO, *value) };
        }
    });
    let signs = pairs.iter().map(|pair| pair.0).collect::<Vec<_>>();
    let magnitudes = pairs.iter().map(|pair| pair.1).collect::<Vec<_>>();
    (signs.into(), magnitudes.into())
}

pub fn decompose(vector: &[Fr], bits: usize, count: usize) -> Result<Vec<Scalars>> {
    check_bits(bits)?;
    let integers = canonical(vector);
    require_below(&integers, bits.saturating_mul(count))?;
    let positions: Vec<usize> = (0..count).collect();
    Ok(map_items(&positions, |_, position| {
        fill(integers.len(), COSTLY, |rows, out| {
            for (entry, integer) in out.iter_mut().zip(&integers[rows]) {
                *entry = Fr::from(digit(integer, position * bits, bits));
            }
        })
    }))
}

pub fn multiplicities(columns: &[&Scalars], bits: usize, length: usize) -> Result<Scalars> {
    check_table(bits, length)?;
    let counts = install(|| -> Result<Zeroizing<Vec<u64>>> {
        let integers = columns.par_iter().map(|column| canonical(column)).collect::<Vec<_>>();
        for column in &integers {
            require_below(column, bits)?;
        }
        // A table a task: worth it only where the entries outnumber the table's.
        let rows: Vec<&[Integer]> = integers.iter().flat_map(|column| column.chunks(CHEAP.max(1 << bits))).collect();
        let tables = map_items(&rows, |_, rows| {
            let mut table = Zeroizing::new(vec![0; 1 << bits]);
            for integer in *rows {
                table[digit(integer, 0, bits) as usize] += 1;
            }
            table
        });
        Ok(tables.into_iter().reduce(sum_tables).unwrap_or_default())
    })?;
    Ok(fill(length, COSTLY, |rows, out| {
        let present = counts.get(rows.start..rows.end.min(counts.len())).unwrap_or(&[]);
        for (entry, &count) in out.iter_mut().zip(present) {
            *entry = Fr::from(count);
        }
    }))
}

fn sum_tables(mut left: Zeroizing<Vec<u64>>, right: Zeroizing<Vec<u64>>) -> Zeroizing<Vec<u64>> {
    left.iter_mut().zip(right.iter()).for_each(|(total, count)| total.add_assign(count));
    left
}

pub fn nonzero_rows(vector: &[Fr], limit: usize) -> Vec<usize> {
    let found = map_chunks(vector.len(), CHEAP, |rows| {
        rows.filter(|&row| !vector[row].is_zero()).take(limit).collect::<Vec<_>>()
    });
    found.into_iter().flatten().take(limit).collect()
}
