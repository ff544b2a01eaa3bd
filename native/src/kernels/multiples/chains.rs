//! Scalars as chains of doublings and additions (Straus).
//!
//! A scalar becomes two halves of 127 bits (`endomorphism`), each of them digits that are zero or odd, so that a multiple
//! takes about 126 doublings and 42 additions.

use ark_bn254::Fr;
use zeroize::Zeroizing;

use super::endomorphism::halves;

/// Width of the non-adjacent form: digits are odd, below 2^4 in magnitude, five places or more apart.
const WIDTH: u32 = 5;
/// P, 3P, 5P, ..., 15P.
pub const MULTIPLES: usize = 1 << (WIDTH - 2);
/// Places of a half's form.
const PLACES: usize = 128;
/// A step of a chain: doubling, or else the addend, in bits: 0 is set, 1 tells a negative, 2 an image under the
/// endomorphism, then the multiple and the term's place among the sum's.
pub type Step = u32;
/// The doubling.
pub const DOUBLE: Step = 0;

/// The chain of a sum; it tells the scalars.
pub type Chain = Zeroizing<Vec<Step>>;

/// The chain for the multiples of consecutive bases by these scalars.
pub fn chain<'a>(scalars: impl IntoIterator<Item = &'a Fr>) -> Chain {
    let scalars = scalars.into_iter();
    let mut forms = Zeroizing::new(Vec::with_capacity(2 * scalars.size_hint().1.unwrap_or(0)));
    for (term, scalar) in scalars.enumerate() {
        for (image, half) in halves(scalar).into_iter().enumerate() {
            if half != 0 {
                forms.push(([0_i8; PLACES], (term, image)));
                if let Some((form, _)) = forms.last_mut() {
                    non_adjacent(half, form);
                }
            }
        }
    }
    let mut steps = Zeroizing::new(Vec::with_capacity(PLACES + forms.len() * PLACES / 3));
    for place in (0..PLACES).rev() {
        if !steps.is_empty() {
            steps.push(DOUBLE);
        }
        for (form, (term, image)) in forms.iter() {
            let digit = form[place];
            if digit != 0 {
                let multiple = term * MULTIPLES + usize::from(digit.unsigned_abs() / 2);
                steps.push((multiple << 3 | image << 2 | usize::from(digit < 0) << 1 | 1) as Step);
            }
        }
    }
    steps
}

/// Digits, each zero or odd, that make a value below 2^127 in magnitude.
fn non_adjacent(value: i128, form: &mut [i8; PLACES]) {
    let mut rest = value.unsigned_abs();
    let mut place = 0;
    while rest != 0 {
        let zeros = rest.trailing_zeros();
        rest >>= zeros;
        place += zeros as usize;
        let low = (rest & ((1 << WIDTH) - 1)) as i8;
        let digit = if low < 1 << (WIDTH - 1) { low } else { low - (1 << WIDTH) };
        rest = rest.wrapping_add_signed(-i128::from(digit));
        form[place] = if value < 0 { -digit } else { digit };
    }
}
