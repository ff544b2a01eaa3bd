//! Native kernels of zkmargin.
//!
//! `kernels` knows no Python; `bindings` does nothing but convert arguments, release the interpreter lock and map
//! errors. `zkmargin/_native.pyi` describes the module as Python sees it.

mod bindings;
pub mod kernels;
