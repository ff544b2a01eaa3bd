//! Running a tape, a block of rows at a time, so that the registers stay in the nearest caches.

use ark_bn254::Fr;

use crate::kernels::checks::check_tape;
use crate::kernels::error::Result;
use crate::kernels::parallel::{COSTLY, fill};
use crate::kernels::scalars::Scalars;
use crate::kernels::tape::{Operand, Operation, Tape};

/// 8 kB a register.
const BLOCK: usize = 256;

/// An operand on one block of rows.
#[derive(Clone, Copy)]
enum Lane<'a> {
    Rows(&'a [Fr]),
    Same(Fr),
}

pub fn evaluate(tape: &Tape, columns: &[&Scalars], constants: &[Fr]) -> Result<Scalars> {
    let lengths: Vec<usize> = columns.iter().map(|column| column.len()).collect();
    check_tape(tape, &lengths, constants.len())?;
    let grain = COSTLY.div_ceil(tape.instructions.len()).max(BLOCK);
    Ok(fill(columns[0].len(), grain, |rows, out| {
        let mut machine = Machine::new(tape, columns, constants);
        for (index, block) in out.chunks_mut(BLOCK).enumerate() {
            machine.run(rows.start + index * BLOCK, block);
        }
    }))
}

struct Machine<'a> {
    tape: &'a Tape,
    columns: &'a [&'a Scalars],
    constants: &'a [Fr],
    registers: Vec<Scalars>,
    /// Receives a result before it changes places with its register, which may be one of the operands.
    spare: Scalars,
    /// Per input, the block where a rotation wraps around the end of its column.
    wrapped: Vec<Scalars>,
}

impl<'a> Machine<'a> {
    fn new(tape: &'a Tape, columns: &'a [&'a Scalars], constants: &'a [Fr]) -> Self {
        let blocks = |count| (0..count).map(|_| Scalars::zeros(BLOCK)).collect();
        Self {
            tape,
            columns,
            constants,
            registers: blocks(tape.registers),
            spare: Scalars::zeros(BLOCK),
            wrapped: blocks(tape.inputs.len()),
        }
    }

    fn run(&mut self, first_row: usize, out: &mut [Fr]) {
        let Self { tape, columns, constants, registers, spare, wrapped } = self;
        let length = out.len();
        let mut inputs = Vec::with_capacity(tape.inputs.len());
        for (&(column, rotation), copy) in tape.inputs.iter().zip(wrapped.iter_mut()) {
            inputs.push(rotated(columns[column], first_row, rotation, &mut copy[..length]));
        }
        for instruction in &tape.instructions {
            let lane = |operand| match operand {
                Operand::Input(number) => Lane::Rows(inputs[number]),
                Operand::Constant(number) => Lane::Same(constants[number]),
                Operand::Register(number) => Lane::Rows(&registers[number][..length]),
            };
            apply(instruction.operation, lane(instruction.left), lane(instruction.right), &mut spare[..length]);
            std::mem::swap(spare, &mut registers[instruction.destination]);
        }
        if let Some(last) = tape.instructions.last() {
            out.copy_from_slice(&registers[last.destination][..length]);
        }
    }
}

/// Entries (first_row + rotation).. of a column read as a ring, copied only where they wrap.
fn rotated<'a>(column: &'a [Fr], first_row: usize, rotation: i64, copy: &'a mut [Fr]) -> &'a [Fr] {
    let n = column.len() as i64;
    let start = (first_row as i64 + rotation % n).rem_euclid(n) as usize;
    if let Some(rows) = column.get(start..start + copy.len()) {
        return rows;
    }
    // A block is never longer than its column, so it wraps once at most.
    let (head, tail) = copy.split_at_mut(column.len() - start);
    head.copy_from_slice(&column[start..]);
    tail.copy_from_slice(&column[..tail.len()]);
    copy
}

fn apply(operation: Operation, left: Lane, right: Lane, out: &mut [Fr]) {
    match operation {
        Operation::Add => each(left, right, out, |a, b| *a + b),
        Operation::Subtract => each(left, right, out, |a, b| *a - b),
        Operation::Multiply => each(left, right, out, |a, b| *a * b),
    }
}

#[inline(always)]
fn each(left: Lane, right: Lane, out: &mut [Fr], operation: impl Fn(&Fr, &Fr) -> Fr) {
    match (left, right) {
        (Lane::Rows(left), Lane::Rows(right)) => {
            for ((entry, a), b) in out.iter_mut().zip(left).zip(right) {
                *entry = operation(a, b);
            }
        }
        (Lane::Rows(left), Lane::Same(b)) => {
            for (entry, a) in out.iter_mut().zip(left) {
                *entry = operation(a, &b);
            }
        }
        (Lane::Same(a), Lane::Rows(right)) => {
            for (entry, b) in out.iter_mut().zip(right) {
                *entry = operation(&a, b);
            }
        }
        (Lane::Same(a), Lane::Same(b)) => out.fill(operation(&a, &b)),
    }
}
