//! Opaque handles on an engine's memory.

use std::any::Any;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::kernels::engine::Engine;
use crate::kernels::error::{Error, Result};

/// A vector over Fr in an engine's memory.
#[pyclass(frozen, module = "zkmargin._native")]
pub struct FieldVector {
    data: Box<dyn Any + Send + Sync>,
    engine: &'static str,
    length: usize,
}

/// A vector of G1 points in an engine's memory.
#[pyclass(frozen, module = "zkmargin._native")]
pub struct PointVector {
    data: Box<dyn Any + Send + Sync>,
    engine: &'static str,
    length: usize,
}

/// A block of work: see `Backend.working`.
#[pyclass(frozen, module = "zkmargin._native")]
pub struct Work {
    start: fn() -> Box<dyn Any + Send + Sync>,
    going_on: Mutex<Vec<Box<dyn Any + Send + Sync>>>,
}

impl Work {
    pub fn new<E: Engine>() -> Self {
        Self { start: || Box::new(E::work()), going_on: Mutex::default() }
    }

    fn going_on(&self) -> MutexGuard<'_, Vec<Box<dyn Any + Send + Sync>>> {
        self.going_on.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Work {
    fn __enter__(&self) {
        self.going_on().push((self.start)());
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) {
        let ended = self.going_on().pop();
        py.detach(|| drop(ended));
    }
}

impl FieldVector {
    pub fn new<E: Engine>(vector: E::Vector) -> Self {
        Self { length: E::length(&vector), data: Box::new(vector), engine: E::NAME }
    }

    pub fn get<E: Engine>(&self) -> Result<&E::Vector> {
        let same = self.engine == E::NAME;
        self.data.downcast_ref().filter(|_| same).ok_or(Error::ForeignHandle { engine: E::NAME })
    }
}

impl PointVector {
    pub fn new<E: Engine>(points: E::Points) -> Self {
        Self { length: E::point_count(&points), data: Box::new(points), engine: E::NAME }
    }

    pub fn get<E: Engine>(&self) -> Result<&E::Points> {
        let same = self.engine == E::NAME;
        self.data.downcast_ref().filter(|_| same).ok_or(Error::ForeignHandle { engine: E::NAME })
    }
}

#[pymethods]
impl FieldVector {
    fn __len__(&self) -> usize {
        self.length
    }

    fn __repr__(&self) -> String {
        format!("FieldVector(engine='{}', length={})", self.engine, self.length)
    }
}

#[pymethods]
impl PointVector {
    fn __len__(&self) -> usize {
        self.length
    }

    fn __repr__(&self) -> String {
        format!("PointVector(engine='{}', length={})", self.engine, self.length)
    }
}
