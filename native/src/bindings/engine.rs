//! `zkmargin._native.Engine`: every method converts its arguments, releases the interpreter lock and calls the kernel.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use zeroize::Zeroizing;

use super::convert::{
    point_vectors, points_to_bytes, scalar, scalars, scalars_to_bytes, tails as decode_tails, vectors, wrap,
};
use super::handles::{FieldVector, PointVector, Work};
#[cfg(target_arch = "x86_64")]
use crate::kernels::avx512::Avx512;
use crate::kernels::engine::Engine as Kernels;
use crate::kernels::error::Result;
use crate::kernels::portable::Portable;
use crate::kernels::tape::Tape;

type Vectors<'py> = Vec<Bound<'py, FieldVector>>;

#[derive(Clone, Copy)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    Portable,
}

/// Fastest first.
const KINDS: &[Kind] = &[
    #[cfg(target_arch = "x86_64")]
    Kind::Avx512,
    Kind::Portable,
];

/// Evaluate an expression with a type alias standing for the engine of a `Kind`.
macro_rules! with_engine {
    ($kind:expr, $engine:ident => $body:expr) => {
        match $kind {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => {
                type $engine = Avx512;
                $body
            }
            Kind::Portable => {
                type $engine = Portable;
                $body
            }
        }
    };
}

fn name_of(kind: Kind) -> &'static str {
    with_engine!(kind, E => E::NAME)
}

fn find(name: &str) -> PyResult<Kind> {
    let kind = KINDS.iter().copied().find(|&kind| name_of(kind) == name);
    kind.ok_or_else(|| {
        PyValueError::new_err(format!("expected an engine among {}, got '{name}'", engine_names().join(", ")))
    })
}

/// The engines that this module was built with, fastest first.
#[pyfunction]
pub fn engine_names() -> Vec<&'static str> {
    KINDS.iter().map(|&kind| name_of(kind)).collect()
}

/// Why this machine cannot run an engine; None if it can.
#[pyfunction]
pub fn unavailable(name: &str) -> PyResult<Option<String>> {
    let kind = find(name)?;
    Ok(with_engine!(kind, E => E::unavailable()))
}

/// Whether this module was built to emulate an engine's instructions, which is slow and for tests.
#[pyfunction]
pub fn emulated(name: &str) -> PyResult<bool> {
    let kind = find(name)?;
    Ok(with_engine!(kind, E => E::emulated()))
}

/// Kernels over one engine's memory.
#[pyclass(frozen, module = "zkmargin._native")]
pub struct Engine {
    kind: Kind,
}

/// Release the interpreter lock and compute.
fn vector<E: Kernels>(py: Python<'_>, compute: impl FnOnce() -> Result<E::Vector> + Send) -> PyResult<FieldVector> {
    Ok(FieldVector::new::<E>(py.detach(compute)?))
}

fn points<E: Kernels>(py: Python<'_>, compute: impl FnOnce() -> Result<E::Points> + Send) -> PyResult<PointVector> {
    Ok(PointVector::new::<E>(py.detach(compute)?))
}

#[pymethods]
impl Engine {
    #[new]
    fn new(name: &str) -> PyResult<Self> {
        let kind = find(name)?;
        match with_engine!(kind, E => E::unavailable()) {
            Some(reason) => Err(PyValueError::new_err(format!("{name}: {reason}"))),
            None => Ok(Self { kind }),
        }
    }

    #[getter]
    fn name(&self) -> &'static str {
        name_of(self.kind)
    }

    fn __repr__(&self) -> String {
        format!("Engine('{}')", self.name())
    }

    fn work(&self) -> Work {
        with_engine!(self.kind, E => Work::new::<E>())
    }

    // -- in and out --------------------------------------------------------------------------------------------------

    fn vector_from_int64(&self, py: Python<'_>, data: &[u8]) -> PyResult<FieldVector> {
        with_engine!(self.kind, E => vector::<E>(py, || E::from_int64(data)))
    }

    fn vector_from_bytes(&self, py: Python<'_>, data: &[u8]) -> PyResult<FieldVector> {
        with_engine!(self.kind, E => vector::<E>(py, || E::from_bytes(data)))
    }

    fn to_bytes<'py>(&self, py: Python<'py>, vector: &FieldVector) -> PyResult<Bound<'py, PyBytes>> {
        with_engine!(self.kind, E => {
            let vector = vector.get::<E>()?;
            let bytes = Zeroizing::new(py.detach(|| E::to_bytes(vector)));
            Ok(PyBytes::new(py, &bytes))
        })
    }

    fn constant(&self, py: Python<'_>, value: &[u8], length: usize) -> PyResult<FieldVector> {
        let value = scalar(value)?;
        with_engine!(self.kind, E => vector::<E>(py, || Ok(E::constant(value, length))))
    }

    fn slice(&self, py: Python<'_>, values: &FieldVector, start: usize, stop: usize) -> PyResult<FieldVector> {
        with_engine!(self.kind, E => vector::<E>(py, || E::slice(values.get::<E>()?, start, stop)))
    }

    fn concatenate(&self, py: Python<'_>, parts: Vectors<'_>) -> PyResult<FieldVector> {
        with_engine!(self.kind, E => {
            let parts = vectors::<E>(&parts)?;
            vector::<E>(py, || Ok(E::concatenate(&parts)))
        })
    }

    // -- elementwise and reductions ----------------------------------------------------------------------------------

    fn add(&self, py: Python<'_>, left: &FieldVector, right: &FieldVector) -> PyResult<FieldVector> {
        with_engine!(self.kind, E => vector::<E>(py, || E::add(left.get::<E>()?, right.get::<E>()?)))
    }

    fn subtract(&self, py: Python<'_>, left: &FieldVector, right: &FieldVector) -> PyResult<FieldVector> {
        with_engine!(self.kind, E => vector::<E>(py, || E::subtract(left.get::<E>()?, right.get::<E>()?)))
    }

    fn multiply(&self, py: Python<'_>, left: &FieldVector, right: &FieldVector) -> PyResult<FieldVector> {
        with_engine!(self.kind, E => vector::<E>(py, || E::multiply(left.get::<E>()?, right.get::<E>()?)))
    }

    fn scale(&self, py: Python<'_>, values: &FieldVector, factor: &[u8]) -> PyResult<FieldVector> {
        let factor = scalar(factor)?;
        with_engine!(self.kind, E => vector::<E>(py, || Ok(E::scale(values.get::<E>()?, factor))))
    }

    fn linear_combination(&self, py: Python<'_>, terms: Vectors<'_>, coefficients: &[u8]) -> PyResult<FieldVector> {
        let coefficients = scalars(coefficients)?;
        with_engine!(self.kind, E => {
            let terms = vectors::<E>(&terms)?;
            vector::<E>(py, || E::linear_combination(&terms, &coefficients))
        })
    }

    fn inner_product<'py>(
        &self,
        py: Python<'py>,
        left: &FieldVector,
        right: &FieldVector,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let sum = with_engine!(self.kind, E => py.detach(|| E::inner_product(left.get::<E>()?, right.get::<E>()?)))?;
        Ok(scalars_to_bytes(py, &[sum]))
    }

    fn sum<'py>(&self, py: Python<'py>, values: &FieldVector) -> PyResult<Bound<'py, PyBytes>> {
        let sum = with_engine!(self.kind, E => py.detach(|| values.get::<E>().map(E::sum)))?;
        Ok(scalars_to_bytes(py, &[sum]))
    }

    fn batch_inverse(&self, py: Python<'_>, values: &FieldVector) -> PyResult<FieldVector> {
        with_engine!(self.kind, E => vector::<E>(py, || E::batch_inverse(values.get::<E>()?)))
    }

    fn prefix_sum(&self, py: Python<'_>, values: &FieldVector) -> PyResult<FieldVector> {
        with_engine!(self.kind, E => vector::<E>(py, || Ok(E::prefix_sum(values.get::<E>()?))))
    }

    fn evaluate_tape(
        &self,
        py: Python<'_>,
        inputs: Vec<(usize, i64)>,
        registers: usize,
        instructions: &[u8],
        columns: Vectors<'_>,
        constants: &[u8],
    ) -> PyResult<FieldVector> {
        let constants = scalars(constants)?;
        let tape = Tape::new(inputs, constants.len(), registers, instructions)?;
        with_engine!(self.kind, E => {
            let columns = vectors::<E>(&columns)?;
            vector::<E>(py, || E::evaluate_tape(&tape, &columns, &constants))
        })
    }

    // -- witnesses ---------------------------------------------------------------------------------------------------

    fn split_sign(&self, py: Python<'_>, values: &FieldVector) -> PyResult<(FieldVector, FieldVector)> {
        with_engine!(self.kind, E => {
            let (sign, magnitude) = py.detach(|| values.get::<E>().map(E::split_sign))?;
            Ok((FieldVector::new::<E>(sign), FieldVector::new::<E>(magnitude)))
        })
    }

    fn decompose(&self, py: Python<'_>, values: &FieldVector, bits: usize, count: usize) -> PyResult<Vec<FieldVector>> {
        with_engine!(self.kind, E => Ok(wrap::<E>(py.detach(|| E::decompose(values.get::<E>()?, bits, count))?)))
    }

    fn multiplicities(
        &self,
        py: Python<'_>,
        columns: Vectors<'_>,
        bits: usize,
        length: usize,
    ) -> PyResult<FieldVector> {
        with_engine!(self.kind, E => {
            let columns = vectors::<E>(&columns)?;
            vector::<E>(py, || E::multiplicities(&columns, bits, length))
        })
    }

    fn nonzero_rows(&self, py: Python<'_>, values: &FieldVector, limit: usize) -> PyResult<Vec<usize>> {
        with_engine!(self.kind, E => Ok(py.detach(|| values.get::<E>().map(|values| E::nonzero_rows(values, limit)))?))
    }

    // -- polynomials -------------------------------------------------------------------------------------------------

    fn interpolate(
        &self,
        py: Python<'_>,
        values: Vectors<'_>,
        tails: Vec<PyBackedBytes>,
    ) -> PyResult<Vec<FieldVector>> {
        let tails = decode_tails(&tails)?;
        let tails: Vec<_> = tails.iter().map(|tail| &tail[..]).collect();
        with_engine!(self.kind, E => {
            let values = vectors::<E>(&values)?;
            Ok(wrap::<E>(py.detach(|| E::interpolate(&values, &tails))?))
        })
    }

    fn evaluate_on_coset(
        &self,
        py: Python<'_>,
        coefficients: Vectors<'_>,
        size: usize,
        shift: &[u8],
    ) -> PyResult<Vec<FieldVector>> {
        let shift = scalar(shift)?;
        with_engine!(self.kind, E => {
            let coefficients = vectors::<E>(&coefficients)?;
            Ok(wrap::<E>(py.detach(|| E::evaluate_on_coset(&coefficients, size, shift))?))
        })
    }

    fn interpolate_on_coset(&self, py: Python<'_>, values: Vectors<'_>, shift: &[u8]) -> PyResult<Vec<FieldVector>> {
        let shift = scalar(shift)?;
        with_engine!(self.kind, E => {
            let values = vectors::<E>(&values)?;
            Ok(wrap::<E>(py.detach(|| E::interpolate_on_coset(&values, shift))?))
        })
    }

    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        coefficients: Vectors<'py>,
        point: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let point = scalar(point)?;
        let values = with_engine!(self.kind, E => {
            let coefficients = vectors::<E>(&coefficients)?;
            py.detach(|| E::evaluate(&coefficients, point))
        });
        Ok(scalars_to_bytes(py, &values))
    }

    fn divide_by_linear(&self, py: Python<'_>, coefficients: &FieldVector, point: &[u8]) -> PyResult<FieldVector> {
        let point = scalar(point)?;
        with_engine!(self.kind, E => vector::<E>(py, || Ok(E::divide_by_linear(coefficients.get::<E>()?, point))))
    }

    // -- curve -------------------------------------------------------------------------------------------------------

    fn points(&self, py: Python<'_>, data: &[u8]) -> PyResult<PointVector> {
        with_engine!(self.kind, E => points::<E>(py, || E::points(data)))
    }

    fn points_to_bytes<'py>(&self, py: Python<'py>, points: &PointVector) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = with_engine!(self.kind, E => py.detach(|| points.get::<E>().map(E::points_to_bytes)))?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn slice_points(&self, py: Python<'_>, values: &PointVector, start: usize, stop: usize) -> PyResult<PointVector> {
        with_engine!(self.kind, E => points::<E>(py, || E::slice_points(values.get::<E>()?, start, stop)))
    }

    fn concatenate_points(&self, py: Python<'_>, parts: Vec<Bound<'_, PointVector>>) -> PyResult<PointVector> {
        with_engine!(self.kind, E => {
            let parts = point_vectors::<E>(&parts)?;
            points::<E>(py, || Ok(E::concatenate_points(&parts)))
        })
    }

    fn subtract_points(&self, py: Python<'_>, left: &PointVector, right: &PointVector) -> PyResult<PointVector> {
        with_engine!(self.kind, E => points::<E>(py, || E::subtract_points(left.get::<E>()?, right.get::<E>()?)))
    }

    fn msm<'py>(
        &self,
        py: Python<'py>,
        basis: &PointVector,
        scalars: Vectors<'py>,
        tails: Vec<PyBackedBytes>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let tails = decode_tails(&tails)?;
        let tails: Vec<_> = tails.iter().map(|tail| &tail[..]).collect();
        let sums = with_engine!(self.kind, E => {
            let scalars = vectors::<E>(&scalars)?;
            py.detach(|| E::msm(basis.get::<E>()?, &scalars, &tails))
        })?;
        Ok(points_to_bytes(py, &sums))
    }

    fn fixed_base_powers(&self, py: Python<'_>, tau: &[u8], count: usize) -> PyResult<PointVector> {
        let tau = Zeroizing::new(scalar(tau)?);
        with_engine!(self.kind, E => points::<E>(py, || Ok(E::fixed_base_powers(*tau, count))))
    }

    fn combine_points(
        &self,
        py: Python<'_>,
        bases: Vec<Bound<'_, PointVector>>,
        scalars: Vectors<'_>,
    ) -> PyResult<PointVector> {
        with_engine!(self.kind, E => {
            let (bases, scalars) = (point_vectors::<E>(&bases)?, vectors::<E>(&scalars)?);
            points::<E>(py, || E::combine_points(&bases, &scalars))
        })
    }

    fn transform_points(&self, py: Python<'_>, values: &PointVector, root: &[u8]) -> PyResult<PointVector> {
        let root = scalar(root)?;
        with_engine!(self.kind, E => points::<E>(py, || E::transform_points(values.get::<E>()?, root)))
    }

    // -- for comparison ----------------------------------------------------------------------------------------------

    fn arkworks_msm<'py>(
        &self,
        py: Python<'py>,
        basis: &PointVector,
        scalars: &FieldVector,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let sum = with_engine!(self.kind, E => py.detach(|| E::arkworks_msm(basis.get::<E>()?, scalars.get::<E>()?)))?;
        Ok(points_to_bytes(py, &[sum]))
    }

    fn arkworks_ntt(&self, py: Python<'_>, coefficients: &FieldVector) -> PyResult<FieldVector> {
        with_engine!(self.kind, E => vector::<E>(py, || E::arkworks_ntt(coefficients.get::<E>()?)))
    }
}
