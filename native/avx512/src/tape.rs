//! Elementwise expressions as straight-line code, run over chunks of rows whose registers stay in cache.

use std::mem::MaybeUninit;

use crate::constants::Fr;
use crate::error::Error;
use crate::field_vec::{FieldVec, Scalar, load_rotated};
use crate::lanes::{Block, Lanes};
use crate::memory::Buffer;

/// Blocks of scratch that one run of the tape may use: 32 kB of registers at most, less than the second-level cache.
const SCRATCH: usize = 100;

/// Most blocks of rows handled by one pass over the instructions: enough to hide the dispatch.
const WIDTH: usize = 16;

#[derive(Clone, Copy, Debug)]
enum Operation {
    Add,
    Subtract,
    Multiply,
}

#[derive(Clone, Copy, Debug)]
enum Operand {
    Input(usize),
    Constant(usize),
    Register(usize),
}

#[derive(Clone, Copy, Debug)]
struct Instruction {
    operation: Operation,
    destination: usize,
    left: Operand,
    right: Operand,
}

/// A compiled elementwise expression.
#[derive(Clone, Debug)]
pub struct Tape {
    inputs: Vec<(usize, i64)>,
    constants: usize,
    registers: usize,
    instructions: Vec<Instruction>,
}

impl Tape {
    /// Checks and compiles a tape.
    ///
    /// `inputs` are (column, rotation) pairs; rotation k reads entry (i + k) mod n for row i. Operands are numbered:
    /// first the inputs, then the constants, then the registers. An instruction is (operation, destination, left,
    /// right), operation 0 adds, 1 subtracts, 2 multiplies, the destination counts registers from 0. The last
    /// instruction's destination is the result. Every register must be written before it is read.
    pub fn new(
        inputs: &[(usize, i64)],
        constants: usize,
        registers: usize,
        instructions: &[[i32; 4]],
    ) -> Result<Self, Error> {
        let mut written = vec![false; registers];
        let mut compiled = Vec::with_capacity(instructions.len());
        for &[operation, destination, left, right] in instructions {
            let operation = match operation {
                0 => Operation::Add,
                1 => Operation::Subtract,
                2 => Operation::Multiply,
                _ => return Err(Error::Parameter { expected: "a tape operation of 0, 1 or 2" }),
            };
            let operand = |number: i32| {
                let number = usize::try_from(number).unwrap_or(usize::MAX);
                if number < inputs.len() {
                    return Ok(Operand::Input(number));
                }
                let number = number - inputs.len();
                if number < constants {
                    return Ok(Operand::Constant(number));
                }
                match written.get(number - constants) {
                    Some(true) => Ok(Operand::Register(number - constants)),
                    _ => Err(Error::Parameter { expected: "tape operands that exist and were written before" }),
                }
            };
            let (left, right) = (operand(left)?, operand(right)?);
            let destination = usize::try_from(destination).unwrap_or(usize::MAX);
            let slot = written.get_mut(destination);
            *slot.ok_or(Error::Parameter { expected: "a tape destination below the number of registers" })? = true;
            compiled.push(Instruction { operation, destination, left, right });
        }
        if compiled.is_empty() {
            return Err(Error::Parameter { expected: "a tape with at least one instruction" });
        }
        Ok(Self { inputs: inputs.to_vec(), constants, registers, instructions: compiled })
    }

    /// Runs the tape on every row. Columns are all of one length, the result too.
    pub fn evaluate(&self, columns: &[&FieldVec], constants: &[Scalar]) -> Result<FieldVec, Error> {
        if constants.len() != self.constants {
            return Err(Error::Length { expected: self.constants, got: constants.len() });
        }
        let len = columns.first().ok_or(Error::Parameter { expected: "at least one column" })?.len();
        for column in columns {
            if column.len() != len {
                return Err(Error::Length { expected: len, got: column.len() });
            }
        }
        if self.inputs.iter().any(|&(column, _)| column >= columns.len()) {
            return Err(Error::Parameter { expected: "tape inputs that name existing columns" });
        }
        let inputs: Vec<Input> = self
            .inputs
            .iter()
            .map(|&(column, rotation)| Input {
                blocks: columns[column].blocks(),
                rotation: if len == 0 { 0 } else { rotation.rem_euclid(len as i64) as usize },
            })
            .collect();
        let constants: Vec<Block> = constants.iter().map(|c| Block(c.to_lane_limbs().map(|limb| [limb; 8]))).collect();
        // SAFETY: the kernel writes all of `out`.
        Ok(unsafe {
            FieldVec::build(len, |first, out| {
                let rows = Rows { inputs: &inputs, constants: &constants, len, first };
                enter!(run(self, &rows, out))
            })
        })
    }
}

struct Input<'a> {
    blocks: &'a [Block],
    rotation: usize,
}

struct Rows<'a> {
    inputs: &'a [Input<'a>],
    constants: &'a [Block],
    len: usize,
    /// The number of the first block of the output.
    first: usize,
}

#[cfg_attr(not(feature = "emulate"), target_feature(enable = "avx512ifma,avx512vbmi2"))]
fn run(tape: &Tape, rows: &Rows, out: &mut [MaybeUninit<Block>]) {
    // Scratch: the registers, then a copy of each rotated input.
    let rotated: Vec<usize> = (0..rows.inputs.len()).filter(|&i| rows.inputs[i].rotation != 0).collect();
    let copies = tape.registers + rotated.len();
    let width = (SCRATCH / copies).clamp(1, WIDTH);
    let mut scratch = Buffer::filled(Block::ZERO, copies * width);
    let result = tape.instructions[tape.instructions.len() - 1].destination;
    // Where an input lies: in its column from the current block on, or in scratch.
    let places: Vec<Option<usize>> =
        (0..rows.inputs.len()).map(|i| rotated.iter().position(|&r| r == i).map(|k| tape.registers + k)).collect();
    for (chunk, out) in out.chunks_mut(width).enumerate() {
        let start = rows.first + chunk * width;
        for (k, &i) in rotated.iter().enumerate() {
            let input = &rows.inputs[i];
            for w in 0..out.len() {
                let from = 8 * (start + w) + input.rotation;
                load_rotated(input.blocks, rows.len, from).store(&mut scratch[(tape.registers + k) * width + w]);
            }
        }
        for instruction in &tape.instructions {
            for w in 0..out.len() {
                let locate = |operand: Operand| match operand {
                    Operand::Input(i) => match places[i] {
                        None => &rows.inputs[i].blocks[start + w],
                        Some(place) => &scratch[place * width + w],
                    },
                    Operand::Constant(c) => &rows.constants[c],
                    Operand::Register(r) => &scratch[r * width + w],
                };
                let left = Lanes::<Fr>::load(locate(instruction.left));
                let right = Lanes::<Fr>::load(locate(instruction.right));
                let value = match instruction.operation {
                    Operation::Add => left.add(right).reduce_8(),
                    Operation::Subtract => left.subtract::<4>(right).reduce_8(),
                    Operation::Multiply => left.multiply(right),
                };
                value.store(&mut scratch[instruction.destination * width + w]);
            }
        }
        for (w, out) in out.iter_mut().enumerate() {
            out.write(scratch[result * width + w]);
        }
    }
}
