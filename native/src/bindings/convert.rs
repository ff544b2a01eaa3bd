//! Bytes to scalars, scalars and points to bytes, handles to an engine's vectors.

use ark_bn254::{Fr, G1Affine};
use ark_ff::PrimeField;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use zeroize::Zeroizing;

use super::handles::{FieldVector, PointVector};
use crate::kernels::engine::Engine;
use crate::kernels::error::{Error, Result, require};
use crate::kernels::portable::Portable;
use crate::kernels::scalars::{Scalars, integer_to_bytes};

const SCALAR_BYTES: usize = 32;

/// Canonical scalars, one after the other.
pub fn scalars(bytes: &[u8]) -> Result<Scalars> {
    Portable::from_bytes(bytes)
}

/// Offsets, eight bytes little-endian each.
pub fn offsets(bytes: &[u8]) -> Result<Vec<usize>> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    require(rest.is_empty(), || format!("offsets: expected 8 bytes each, got {}", bytes.len()))?;
    let offset = |chunk: &[u8; 8]| usize::try_from(u64::from_le_bytes(*chunk));
    let offsets: std::result::Result<Vec<_>, _> = chunks.iter().map(offset).collect();
    offsets.map_err(|_| Error::Invalid("offsets: expected them to fit a word".into()))
}

/// One canonical scalar.
pub fn scalar(bytes: &[u8]) -> Result<Fr> {
    require(bytes.len() == SCALAR_BYTES, || format!("a scalar: expected {SCALAR_BYTES} bytes, got {}", bytes.len()))?;
    Ok(scalars(bytes)?[0])
}

/// A list of lists of scalars.
pub fn tails(tails: &[PyBackedBytes]) -> Result<Vec<Scalars>> {
    tails.iter().map(|tail| scalars(tail)).collect()
}

pub fn scalars_to_bytes<'py>(py: Python<'py>, scalars: &[Fr]) -> Bound<'py, PyBytes> {
    let mut bytes = Zeroizing::new(vec![0; scalars.len() * SCALAR_BYTES]);
    for (chunk, scalar) in bytes.chunks_exact_mut(SCALAR_BYTES).zip(scalars) {
        integer_to_bytes(&scalar.into_bigint(), chunk);
    }
    PyBytes::new(py, &bytes)
}

pub fn points_to_bytes<'py>(py: Python<'py>, points: &[G1Affine]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &Portable::points_to_bytes(&points.to_vec()))
}

pub fn vectors<'a, E: Engine>(handles: &'a [Bound<'_, FieldVector>]) -> Result<Vec<&'a E::Vector>> {
    handles.iter().map(|handle| handle.get().get::<E>()).collect()
}

pub fn point_vectors<'a, E: Engine>(handles: &'a [Bound<'_, PointVector>]) -> Result<Vec<&'a E::Points>> {
    handles.iter().map(|handle| handle.get().get::<E>()).collect()
}

pub fn wrap<E: Engine>(vectors: Vec<E::Vector>) -> Vec<FieldVector> {
    vectors.into_iter().map(FieldVector::new::<E>).collect()
}
