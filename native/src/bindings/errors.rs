//! The one place where a kernel's refusal becomes a Python exception.

use pyo3::create_exception;
use pyo3::exceptions::{PyTypeError, PyValueError, PyZeroDivisionError};
use pyo3::prelude::*;

use crate::kernels::error::Error;

create_exception!(zkmargin._native, RangeError, PyValueError, "An entry does not fit its bits; args are (row, bits).");

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(message) => PyValueError::new_err(message),
            Error::OutOfRange { row, bits } => RangeError::new_err((row, bits)),
            Error::DivisionByZero => PyZeroDivisionError::new_err(error.to_string()),
            Error::ForeignHandle { .. } => PyTypeError::new_err(error.to_string()),
        }
    }
}
