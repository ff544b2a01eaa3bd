//! Encodings, elementwise arithmetic and reductions.

use std::ops::Range;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, PrimeField, Zero};

use crate::kernels::checks::{check_combination, check_slice, check_whole};
use crate::kernels::error::{Error, Result, require_equal};
use crate::kernels::parallel::{CHEAP, COSTLY, fill, fill_slice, first_row, map_chunks, scan};
use crate::kernels::scalars::{Scalars, from_signed, integer_from_bytes, integer_to_bytes};

const BYTES: usize = 32;

pub fn from_int64(data: &[u8]) -> Result<Scalars> {
    check_whole(data.len(), 8)?;
    let (chunks, _) = data.as_chunks::<8>();
    Ok(fill(chunks.len(), COSTLY, |rows, out| {
        for (entry, &chunk) in out.iter_mut().zip(&chunks[rows]) {
            *entry = from_signed(i64::from_le_bytes(chunk));
        }
    }))
}

pub fn from_bytes(data: &[u8]) -> Result<Scalars> {
    check_whole(data.len(), BYTES)?;
    let (chunks, _) = data.as_chunks::<BYTES>();
    if let Some(row) = first_row(chunks.len(), CHEAP, |row| integer_from_bytes(&chunks[row]) >= Fr::MODULUS) {
        return Err(Error::Invalid(format!("entry {row}: expected a canonical integer below r")));
    }
    Ok(fill(chunks.len(), COSTLY, |rows, out| {
        for (entry, chunk) in out.iter_mut().zip(&chunks[rows]) {
            // Reduces nothing: every integer was just found to be canonical.
            *entry = Fr::new(integer_from_bytes(chunk));
        }
    }))
}

pub fn to_bytes(vector: &[Fr]) -> Vec<u8> {
    let mut bytes = vec![[0; BYTES]; vector.len()];
    fill_slice(&mut bytes, COSTLY, |rows, out| {
        for (chunk, value) in out.iter_mut().zip(&vector[rows]) {
            integer_to_bytes(&value.into_bigint(), chunk);
        }
    });
    bytes.into_flattened()
}

pub fn slice<T>(values: &[T], start: usize, stop: usize) -> Result<&[T]> {
    check_slice(values.len(), start, stop)?;
    Ok(&values[start..stop])
}

pub fn concatenate(parts: &[&Scalars]) -> Scalars {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut whole = Vec::with_capacity(length);
    for part in parts {
        whole.extend_from_slice(part);
    }
    whole.into()
}

fn combine(left: &[Fr], right: &[Fr], grain: usize, operation: impl Fn(Fr, &Fr) -> Fr + Sync) -> Result<Scalars> {
    require_equal(left.len(), right.len(), "vectors")?;
    Ok(fill(left.len(), grain, |rows, out| {
        for ((entry, &a), b) in out.iter_mut().zip(&left[rows.clone()]).zip(&right[rows]) {
            *entry = operation(a, b);
        }
    }))
}

pub fn add(left: &[Fr], right: &[Fr]) -> Result<Scalars> {
    combine(left, right, CHEAP, |a, b| a + b)
}

pub fn subtract(left: &[Fr], right: &[Fr]) -> Result<Scalars> {
    combine(left, right, CHEAP, |a, b| a - b)
}

pub fn multiply(left: &[Fr], right: &[Fr]) -> Result<Scalars> {
    combine(left, right, COSTLY, |a, b| a * b)
}

pub fn scale(vector: &[Fr], factor: Fr) -> Scalars {
    fill(vector.len(), COSTLY, |rows, out| {
        for (entry, value) in out.iter_mut().zip(&vector[rows]) {
            *entry = factor * value;
        }
    })
}

pub fn linear_combination(vectors: &[&Scalars], coefficients: &[Fr]) -> Result<Scalars> {
    check_combination(vectors.len(), coefficients.len())?;
    let length = vectors.iter().map(|vector| vector.len()).max().unwrap_or(0);
    Ok(fill(length, COSTLY.div_ceil(vectors.len()), |rows, out| {
        for (vector, coefficient) in vectors.iter().zip(coefficients) {
            let present = vector.get(rows.start..rows.end.min(vector.len())).unwrap_or(&[]);
            for (entry, value) in out.iter_mut().zip(present) {
                *entry += *coefficient * value;
            }
        }
    }))
}

pub fn inner_product(left: &[Fr], right: &[Fr]) -> Result<Fr> {
    require_equal(left.len(), right.len(), "vectors")?;
    let parts = map_chunks(left.len(), COSTLY, |rows| {
        let (left, left_rest) = left[rows.clone()].as_chunks::<4>();
        let (right, right_rest) = right[rows].as_chunks::<4>();
        // One Montgomery reduction for four products.
        let whole: Fr = left.iter().zip(right).map(|(a, b)| Fr::sum_of_products(a, b)).sum();
        whole + left_rest.iter().zip(right_rest).map(|(a, b)| *a * b).sum::<Fr>()
    });
    Ok(parts.iter().sum())
}

pub fn sum(vector: &[Fr]) -> Fr {
    map_chunks(vector.len(), CHEAP, |rows| vector[rows].iter().sum::<Fr>()).iter().sum()
}

pub fn batch_inverse(vector: &[Fr]) -> Result<Scalars> {
    if first_row(vector.len(), CHEAP, |row| vector[row].is_zero()).is_some() {
        return Err(Error::DivisionByZero);
    }
    Ok(fill(vector.len(), COSTLY, |rows, out| {
        let values = &vector[rows];
        let mut product = Fr::ONE;
        for (entry, value) in out.iter_mut().zip(values) {
            *entry = product;
            product *= value;
        }
        // No entry is zero, so neither is the product; an empty chunk's is one.
        let mut inverse = product.inverse().unwrap_or(Fr::ZERO);
        for (entry, value) in out.iter_mut().zip(values).rev() {
            *entry *= inverse;
            inverse *= value;
        }
    }))
}

pub fn prefix_sum(vector: &[Fr]) -> Scalars {
    let total = |rows: Range<usize>| vector[rows].iter().sum::<Fr>();
    scan(vector.len(), CHEAP, total, |rows, totals_before, _, out| {
        let mut running: Fr = totals_before.iter().sum();
        for (entry, value) in out.iter_mut().zip(&vector[rows]) {
            *entry = running;
            running += value;
        }
    })
}
