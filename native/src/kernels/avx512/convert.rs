//! Between arkworks' types and the kernels': single scalars and points, whole vectors for portable code, errors.
//!
//! Both libraries hold a field element as four words in Montgomery form with R = 2^256, so nothing is computed for one.

use ark_bn254::{Fq, Fr, G1Affine};
use ark_ff::BigInt;
use zeroize::Zeroizing;
use zkmargin_avx512::{Affine, Element, FieldVec, PointVec, Scalar, Tape};

use crate::kernels::error::Error;
use crate::kernels::scalars::Scalars;
use crate::kernels::tape::{Operand, Operation, Tape as PortableTape};

/// What the kernels refuse, in the engine's words.
pub fn refused(error: zkmargin_avx512::Error) -> Error {
    match error {
        zkmargin_avx512::Error::ZeroInverse { .. } => Error::DivisionByZero,
        zkmargin_avx512::Error::Range { row, bits } => Error::OutOfRange { row, bits: bits as usize },
        other => Error::Invalid(other.to_string()),
    }
}

/// A scalar for the kernels.
pub fn scalar(value: &Fr) -> Scalar {
    Scalar::from_montgomery(value.0.0).unwrap_or_else(|| unreachable!("arkworks keeps scalars below r"))
}

/// A scalar from the kernels.
pub fn field(scalar: Scalar) -> Fr {
    Fr::new_unchecked(BigInt(scalar.to_montgomery()))
}

/// Scalars for the kernels, overwritten when dropped.
pub struct Secrets(Vec<Scalar>);

impl Secrets {
    /// Convert.
    pub fn new(scalars: &[Fr]) -> Self {
        Self(scalars.iter().map(scalar).collect())
    }
}

impl std::ops::Deref for Secrets {
    type Target = [Scalar];

    fn deref(&self) -> &[Scalar] {
        &self.0
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        self.0.fill(Scalar::ZERO);
        // Whoever might look at the zeros keeps the compiler from leaving them out.
        std::hint::black_box(&self.0);
    }
}

/// Every tail converted.
pub fn tails(tails: &[&[Fr]]) -> Vec<Secrets> {
    tails.iter().map(|tail| Secrets::new(tail)).collect()
}

/// A tape for the kernels, in the numbering of operands that both were given.
pub fn tape(tape: &PortableTape) -> Result<Tape, zkmargin_avx512::Error> {
    let number = |operand: Operand| match operand {
        Operand::Input(number) => number,
        Operand::Constant(number) => tape.inputs.len() + number,
        Operand::Register(number) => tape.inputs.len() + tape.constants + number,
    };
    let lines: Vec<[i32; 4]> = tape
        .instructions
        .iter()
        .map(|instruction| {
            let operation = match instruction.operation {
                Operation::Add => 0,
                Operation::Subtract => 1,
                Operation::Multiply => 2,
            };
            let operands = [instruction.destination, number(instruction.left), number(instruction.right)];
            let [destination, left, right] = operands.map(|number| number as i32);
            [operation, destination, left, right]
        })
        .collect();
    Tape::new(&tape.inputs, tape.constants, tape.registers, &lines)
}

/// A point from the kernels; infinity is (0, 0) in both.
pub fn point(point: &Affine) -> G1Affine {
    let coordinate = |element: Element<_>| Fq::new_unchecked(BigInt(element.to_montgomery()));
    G1Affine::new_unchecked(coordinate(point.x), coordinate(point.y))
}

/// Points for the kernels; infinity is (0, 0) in both.
pub fn points(points: &[G1Affine]) -> PointVec {
    let coordinate = |value: &Fq| {
        Element::from_montgomery(value.0.0).unwrap_or_else(|| unreachable!("arkworks keeps coordinates below q"))
    };
    let convert = |point: &G1Affine| Affine { x: coordinate(&point.x), y: coordinate(&point.y) };
    let converted: Vec<Affine> = points.iter().map(convert).collect();
    PointVec::from_affine(&converted)
}

/// Points for portable code.
pub fn portable_points(points: &PointVec) -> Vec<G1Affine> {
    (0..points.len()).map(|index| point(&points.get(index))).collect()
}

/// A vector for the kernels.
pub fn vector(scalars: &[Fr]) -> FieldVec {
    let words = Zeroizing::new(scalars.iter().map(|scalar| scalar.0.0).collect::<Vec<_>>());
    FieldVec::from_montgomery(&words).unwrap_or_else(|_| unreachable!("arkworks keeps scalars below r"))
}

/// A vector for portable code.
pub fn portable_scalars(vector: &FieldVec) -> Scalars {
    let words = Zeroizing::new(vector.to_montgomery());
    words.iter().map(|&words| Fr::new_unchecked(BigInt(words))).collect::<Vec<_>>().into()
}
