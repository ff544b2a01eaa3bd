//! The module `zkmargin._native`: conversions, the interpreter lock, errors. `zkmargin/_native.pyi` is its reference.

mod convert;
mod engine;
mod errors;
mod handles;

use ark_bn254::G1Affine;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::kernels::engine::Engine as Kernels;
use crate::kernels::group::{self, G2_BYTES};
use crate::kernels::hashing;
use crate::kernels::parallel;
use crate::kernels::portable::Portable;
use crate::kernels::sums;

/// Use `count` threads, 0 for one per core.
#[pyfunction]
fn set_threads(py: Python<'_>, count: usize) -> PyResult<()> {
    Ok(py.detach(|| parallel::set_threads(count))?)
}

/// The number of threads in use.
#[pyfunction]
fn threads(py: Python<'_>) -> usize {
    py.detach(parallel::threads)
}

/// sum_i scalars[i] * points[i].
#[pyfunction]
fn combine<'py>(py: Python<'py>, points: &[u8], scalars: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let sum = py.detach(|| group::combine(&Portable::points(points)?, &convert::scalars(scalars)?))?;
    Ok(convert::points_to_bytes(py, &[sum]))
}

/// Whether the product of pairings is one.
#[pyfunction]
fn pairing_product_is_one(py: Python<'_>, left: &[u8], right: &[u8]) -> PyResult<bool> {
    Ok(py.detach(|| {
        let left: Vec<G1Affine> = Portable::points(left)?;
        let right = right.chunks(G2_BYTES).map(group::decode_g2).collect::<Result<Vec<_>, _>>()?;
        group::pairing_product_is_one(&left, &right)
    })?)
}

/// Keccak-256 of every message: they follow each other in `data`, and `ends` are their ends as little-endian u64.
#[pyfunction]
fn keccak256_many<'py>(py: Python<'py>, data: &[u8], ends: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let digests = py.detach(|| {
        let ends = convert::offsets(ends)?;
        hashing::keccak256_many(data, &ends)
    })?;
    Ok(PyBytes::new(py, digests.as_flattened()))
}

/// Column by column, the sums of entry times weight over segments of rows: 32 signed bytes each, little-endian.
#[pyfunction]
fn segment_sums<'py>(py: Python<'py>, columns: &[u8], weights: &[u8], starts: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let sums = py.detach(|| sums::segment_sums(columns, weights, &convert::offsets(starts)?))?;
    Ok(PyBytes::new(py, &sums))
}

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::engine::{Engine, emulated, engine_names, unavailable};
    #[pymodule_export]
    use super::errors::RangeError;
    #[pymodule_export]
    use super::handles::{FieldVector, PointVector, Work};
    #[pymodule_export]
    use super::{combine, keccak256_many, pairing_product_is_one, segment_sums, set_threads, threads};
}
