//! Tables of multiples of single points, for points that are multiplied again and again.

use std::sync::{Arc, Mutex};

use super::batch_add::{Adder, Care, Packed, Pair};
use super::xyzz::Xyzz;
use crate::element::Element;
use crate::memory::Buffer;

/// Digits of a scalar: 32 of 8 bits, signed.
const WINDOWS: usize = 32;
/// Multiples a window: digits are in [-127, 128].
const MULTIPLES: usize = 128;

/// d 2^(8 w) P for w < 32 and 1 <= d <= 128: 256 kB.
pub struct Table {
    points: Buffer<Packed>,
}

impl Table {
    /// The multiples of a point.
    pub fn new(point: Packed) -> Self {
        // Window by window inside each multiple: entry 32 (d - 1) + w.
        let mut points = Buffer::filled(Packed::INFINITY, WINDOWS * MULTIPLES);
        if point == Packed::INFINITY {
            return Self { points };
        }
        let mut power = Xyzz::INFINITY.add_affine(&point.to_affine());
        for slot in &mut points[..WINDOWS] {
            *slot = Packed::from_affine(&power.to_affine());
            for _ in 0..8 {
                power = power.double();
            }
        }
        let mut adder = Adder::default();
        let mut add = |multiples: &[(usize, usize)]| {
            // Each is larger than what is there already: d = a + b.
            let (known, new) = points.split_at_mut(WINDOWS * (multiples[0].0 + multiples[0].1 - 1));
            let pair = |k: usize, w: usize, (a, b): (usize, usize)| {
                let place = |d: usize| (WINDOWS * (d - 1) + w) as u32;
                Pair { left: place(a), right: place(b), out: (WINDOWS * k + w) as u32 }
            };
            let pairs: Vec<Pair> =
                multiples.iter().enumerate().flat_map(|(k, &sum)| (0..WINDOWS).map(move |w| pair(k, w, sum))).collect();
            adder.add::<false>(known, new, &pairs, Care::None);
        };
        add(&[(1, 1)]);
        let mut known = 2;
        while known < MULTIPLES {
            // known + 1, ..., 2 known - 1, and then 2 known without a doubling.
            add(&(1..known).map(|d| (known, d)).collect::<Vec<_>>());
            add(&[(known + 1, known - 1)]);
            known *= 2;
        }
        Self { points }
    }

    /// Appends points whose sum is scalar * P.
    pub fn terms(&self, scalar: Element<crate::constants::Fr>, out: &mut Vec<Packed>) {
        let mut carry = 0;
        for (w, byte) in scalar.to_canonical().into_iter().flat_map(u64::to_le_bytes).enumerate() {
            // Digits in [-127, 128]. The scalar is below 2^254, so the last one leaves no carry.
            let mut digit = i32::from(byte) + carry;
            carry = i32::from(digit > 128);
            digit -= carry << 8;
            if digit != 0 {
                let point = self.points[WINDOWS * (digit.unsigned_abs() as usize - 1) + w];
                out.push(point.negate_if(digit < 0));
            }
        }
    }
}

/// Most tables kept.
const KEPT: usize = 16;

/// The tables of some points of a vector, by index, made when they are first asked for.
#[derive(Default)]
pub struct Tables {
    made: Mutex<Vec<(usize, Arc<Table>)>>,
}

impl Clone for Tables {
    fn clone(&self) -> Self {
        Self { made: Mutex::new(self.list().clone()) }
    }
}

impl Tables {
    fn list(&self) -> std::sync::MutexGuard<'_, Vec<(usize, Arc<Table>)>> {
        // Every entry is complete before it goes in.
        self.made.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The table of the point with this index. The least recently used one makes room.
    pub fn get(&self, index: usize, point: Packed) -> Arc<Table> {
        let mut made = self.list();
        let entry = match made.iter().position(|(i, _)| *i == index) {
            Some(at) => made.remove(at),
            None => {
                if made.len() == KEPT {
                    made.remove(0);
                }
                (index, Arc::new(Table::new(point)))
            }
        };
        made.push(entry.clone());
        entry.1
    }
}
