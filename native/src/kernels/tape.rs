//! Straight-line elementwise programs, checked once and then run without checks of their own.

use super::error::{Error, Result, require};

/// What an instruction does with its operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// left + right
    Add,
    /// left - right
    Subtract,
    /// left * right
    Multiply,
}

/// Where an operand comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// A column, rotated.
    Input(usize),
    /// One value for all rows.
    Constant(usize),
    /// An earlier result.
    Register(usize),
}

/// One step of a program.
#[derive(Debug, Clone, Copy)]
pub struct Instruction {
    /// What to compute.
    pub operation: Operation,
    /// The register that receives the result.
    pub destination: usize,
    /// The left operand.
    pub left: Operand,
    /// The right operand.
    pub right: Operand,
}

/// A program whose every operand exists and is written before it is read.
#[derive(Debug)]
pub struct Tape {
    /// (column, rotation) pairs.
    pub inputs: Vec<(usize, i64)>,
    /// How many constants it takes.
    pub constants: usize,
    /// How many registers it writes.
    pub registers: usize,
    /// At least one; the last one's destination is the result.
    pub instructions: Vec<Instruction>,
}

impl Tape {
    /// Check and decode. `code` holds instructions of four little-endian int32: operation, destination, left, right.
    pub fn new(inputs: Vec<(usize, i64)>, constants: usize, registers: usize, code: &[u8]) -> Result<Self> {
        let (words, rest) = code.as_chunks::<4>();
        let (lines, short) = words.as_chunks::<4>();
        require(!lines.is_empty() && rest.is_empty() && short.is_empty(), || {
            "tape: expected at least one instruction of four int32".into()
        })?;
        let mut tape = Self { inputs, constants, registers: 0, instructions: Vec::with_capacity(lines.len()) };
        let mut written = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            let instruction = tape.decode(line.map(i32::from_le_bytes), registers, &written);
            let instruction =
                instruction.ok_or_else(|| Error::Invalid(format!("tape: instruction {number} is malformed")))?;
            if written.len() <= instruction.destination {
                written.resize(instruction.destination + 1, false);
            }
            written[instruction.destination] = true;
            tape.instructions.push(instruction);
        }
        tape.registers = written.len();
        Ok(tape)
    }

    fn decode(
        &self,
        [operation, destination, left, right]: [i32; 4],
        registers: usize,
        written: &[bool],
    ) -> Option<Instruction> {
        let operation = match operation {
            0 => Operation::Add,
            1 => Operation::Subtract,
            2 => Operation::Multiply,
            _ => return None,
        };
        let operand = |number: i32| {
            let number = usize::try_from(number).ok()?;
            let Some(beyond_inputs) = number.checked_sub(self.inputs.len()) else {
                return Some(Operand::Input(number));
            };
            let Some(register) = beyond_inputs.checked_sub(self.constants) else {
                return Some(Operand::Constant(beyond_inputs));
            };
            written.get(register)?.then_some(Operand::Register(register))
        };
        let destination = usize::try_from(destination).ok().filter(|&register| register < registers)?;
        Some(Instruction { operation, destination, left: operand(left)?, right: operand(right)? })
    }
}
