//! Transforms too short for the vector code: scalar arithmetic, straight from the definition's recursion.

use super::root_of_unity;
use crate::element::Element;
use crate::error::Error;
use crate::field_vec::{FieldVec, Scalar};
use crate::memory::wipe;

/// The values of at most `size` coefficients.
pub fn forward(coefficients: &FieldVec, size: usize, shift: Option<Scalar>) -> Result<FieldVec, Error> {
    let mut x = coefficients.to_scalars();
    x.resize(size, Scalar::ZERO);
    if let Some(shift) = shift {
        scale_by_powers(&mut x, shift);
    }
    transform(&mut x)?;
    let vector = FieldVec::from_scalars(&x);
    wipe(&mut x);
    Ok(vector)
}

/// The coefficients.
pub fn inverse(values: &FieldVec, shift: Option<Scalar>) -> Result<FieldVec, Error> {
    let mut x = values.to_scalars();
    let size = Element::from_u64(x.len() as u64).inverse().ok_or(Error::Size { got: 0 })?;
    transform(&mut x)?;
    x[1..].reverse();
    x.iter_mut().for_each(|x| *x = *x * size);
    if let Some(shift) = shift {
        scale_by_powers(&mut x, shift.inverse().ok_or(Error::ZeroShift)?);
    }
    let vector = FieldVec::from_scalars(&x);
    wipe(&mut x);
    Ok(vector)
}

fn scale_by_powers(x: &mut [Scalar], factor: Scalar) {
    let mut power = Scalar::ONE;
    for x in x {
        *x = *x * power;
        power = power * factor;
    }
}

fn transform(x: &mut [Scalar]) -> Result<(), Error> {
    let n = x.len();
    if n == 1 {
        return Ok(());
    }
    let root = root_of_unity(n.trailing_zeros()).ok_or(Error::Size { got: n })?;
    let (mut even, mut odd): (Vec<_>, Vec<_>) = x.chunks(2).map(|pair| (pair[0], pair[1])).unzip();
    transform(&mut even)?;
    transform(&mut odd)?;
    let mut power = Scalar::ONE;
    for k in 0..n / 2 {
        let product = odd[k] * power;
        x[k] = even[k] + product;
        x[k + n / 2] = even[k] - product;
        power = power * root;
    }
    Ok(())
}
