//! Transforms, evaluation and division of polynomials.

use std::ops::Range;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};

use crate::kernels::checks::{check_domain, check_interpolation, check_shift};
use crate::kernels::error::{Error, Result};
use crate::kernels::parallel::{COSTLY, map_chunks, map_items, scan};
use crate::kernels::scalars::Scalars;

pub type Domain = Radix2EvaluationDomain<Fr>;

/// H with `size` elements. arkworks derives it from the same generator, 5, as `verifier/field.py`.
pub fn domain(size: usize) -> Result<Domain> {
    check_domain(size)?;
    Domain::new(size).ok_or_else(|| Error::Invalid(format!("domain size: {size} is too large")))
}

fn coset(size: usize, shift: Fr) -> Result<Domain> {
    let domain = domain(size)?;
    check_shift(shift)?;
    domain.get_coset(shift).ok_or_else(|| Error::Invalid("shift: expected an invertible element".into()))
}

pub fn interpolate(values: &[&Scalars], tails: &[&[Fr]]) -> Result<Vec<Scalars>> {
    check_interpolation(&values.iter().map(|column| column.len()).collect::<Vec<_>>(), tails)?;
    let domains = values.iter().map(|column| domain(column.len())).collect::<Result<Vec<_>>>()?;
    let tail_of = |index: usize| tails.get(index).copied().unwrap_or(&[]);
    Ok(map_items(values, |index, column| {
        let tail = tail_of(index);
        let mut polynomial = Scalars::copy_with_capacity(column, column.len() + tail.len());
        domains[index].ifft_in_place(polynomial.as_vec_mut());
        for (coefficient, blinding) in polynomial.iter_mut().zip(tail) {
            *coefficient -= blinding;
        }
        polynomial.as_vec_mut().extend_from_slice(tail);
        polynomial
    }))
}

pub fn evaluate_on_coset(coefficients: &[&Scalars], size: usize, shift: Fr) -> Result<Vec<Scalars>> {
    let coset = coset(size, shift)?;
    Ok(map_items(coefficients, |_, polynomial| {
        let mut values = fold(polynomial, &coset);
        coset.fft_in_place(values.as_vec_mut());
        values
    }))
}

/// The remainder modulo X^size - shift^size, which is zero on the coset, with room for all its values.
fn fold(polynomial: &[Fr], coset: &Domain) -> Scalars {
    let size = coset.size();
    let mut pieces = polynomial.chunks(size);
    let mut folded = Scalars::copy_with_capacity(pieces.next().unwrap_or(&[Fr::ZERO]), size);
    let mut factor = Fr::ONE;
    for piece in pieces {
        factor *= coset.coset_offset_pow_size();
        for (entry, coefficient) in folded.iter_mut().zip(piece) {
            *entry += factor * coefficient;
        }
    }
    folded
}

pub fn interpolate_on_coset(values: &[&Scalars], shift: Fr) -> Result<Vec<Scalars>> {
    let cosets = values.iter().map(|column| coset(column.len(), shift)).collect::<Result<Vec<_>>>()?;
    Ok(map_items(values, |index, column| {
        let mut polynomial = Scalars::from(&column[..]);
        cosets[index].ifft_in_place(polynomial.as_vec_mut());
        polynomial
    }))
}

pub fn evaluate(coefficients: &[&Scalars], point: Fr) -> Vec<Fr> {
    map_items(coefficients, |_, polynomial| {
        let pieces = map_chunks(polynomial.len(), COSTLY, |rows| (rows.len(), horner(&polynomial[rows], point)));
        join(&pieces, point)
    })
}

/// Horner's rule on four interleaved polynomials in point^4, whose multiplications overlap in the processor.
fn horner(coefficients: &[Fr], point: Fr) -> Fr {
    const STRANDS: usize = 4;
    let step = point.pow([STRANDS as u64]);
    let (whole, rest) = coefficients.as_chunks::<STRANDS>();
    let mut strands = [Fr::ZERO; STRANDS];
    strands[..rest.len()].copy_from_slice(rest);
    for chunk in whole.iter().rev() {
        for (strand, coefficient) in strands.iter_mut().zip(chunk) {
            *strand = *strand * step + coefficient;
        }
    }
    strands.iter().rev().fold(Fr::ZERO, |high, strand| high * point + strand)
}

pub fn divide_by_linear(coefficients: &[Fr], point: Fr) -> Scalars {
    // Quotient coefficient i is the value at `point` of the coefficients from i + 1 on: a carry that runs downwards.
    let Some((_, upper)) = coefficients.split_first() else {
        return Scalars::zeros(0);
    };
    let value = |rows: Range<usize>| (rows.len(), horner(&upper[rows], point));
    scan(upper.len(), COSTLY, value, |rows, _, values_above, out| {
        let mut carry = join(values_above, point);
        for (entry, coefficient) in out.iter_mut().zip(&upper[rows]).rev() {
            carry = carry * point + coefficient;
            *entry = carry;
        }
    })
}

/// The value of a polynomial from the lengths and values of its pieces, low to high.
fn join(pieces: &[(usize, Fr)], point: Fr) -> Fr {
    pieces.iter().rev().fold(Fr::ZERO, |high, (length, value)| high * point.pow([*length as u64]) + value)
}

pub fn arkworks(coefficients: &[Fr]) -> Result<Scalars> {
    let domain = domain(coefficients.len())?;
    let mut values = Scalars::from(coefficients);
    domain.fft_in_place(values.as_vec_mut());
    Ok(values)
}
