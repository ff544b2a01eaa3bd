//! Points in and out, and the bases made from powers of a secret.

use ark_bn254::{Fq, Fr, G1Affine, G1Projective};
use ark_ec::PrimeGroup;
use ark_ec::scalar_mul::ScalarMul;
use ark_ff::{Field, PrimeField};
use zeroize::Zeroizing;

use super::affine::Adder;
use crate::kernels::checks::check_whole;
use crate::kernels::error::{Error, Result, require_equal};
use crate::kernels::parallel::{COSTLY, fill_slice, install, map_chunks};
use crate::kernels::scalars::{integer_from_bytes, integer_to_bytes};

const BYTES: usize = 64;
/// Points a thread should have of a loop of group operations.
const GRAIN: usize = 256;

/// The coordinate in 32 bytes, if it is canonical.
pub fn coordinate(bytes: &[u8]) -> Option<Fq> {
    Fq::from_bigint(integer_from_bytes(bytes))
}

fn decode_one(bytes: &[u8; BYTES]) -> std::result::Result<G1Affine, &'static str> {
    let (Some(x), Some(y)) = (coordinate(&bytes[..32]), coordinate(&bytes[32..])) else {
        return Err("coordinates below q");
    };
    // arkworks, too, stores infinity as (0, 0).
    let point = G1Affine::new_unchecked(x, y);
    if point.is_on_curve() { Ok(point) } else { Err("a point on y^2 = x^3 + 3") }
}

pub fn decode(data: &[u8]) -> Result<Vec<G1Affine>> {
    check_whole(data.len(), BYTES)?;
    let (chunks, _) = data.as_chunks::<BYTES>();
    let parts = map_chunks(chunks.len(), COSTLY, |rows| {
        rows.map(|row| decode_one(&chunks[row]).map_err(|expected| format!("point {row}: expected {expected}")))
            .collect::<std::result::Result<Vec<_>, _>>()
    });
    let mut points = Vec::with_capacity(chunks.len());
    for part in parts {
        points.extend(part.map_err(Error::Invalid)?);
    }
    Ok(points)
}

pub fn encode(points: &[G1Affine]) -> Vec<u8> {
    let mut bytes = vec![[0; BYTES]; points.len()];
    fill_slice(&mut bytes, COSTLY, |rows, out| {
        for (chunk, point) in out.iter_mut().zip(&points[rows]) {
            integer_to_bytes(&point.x.into_bigint(), &mut chunk[..32]);
            integer_to_bytes(&point.y.into_bigint(), &mut chunk[32..]);
        }
    });
    bytes.into_flattened()
}

pub fn subtract(left: &[G1Affine], right: &[G1Affine]) -> Result<Vec<G1Affine>> {
    require_equal(left.len(), right.len(), "points")?;
    let mut differences = left.to_vec();
    fill_slice(&mut differences, GRAIN, |rows, out| Adder::default().add(out, |place, _| -right[rows.start + place]));
    Ok(differences)
}

pub fn fixed_base_powers(tau: Fr, count: usize) -> Vec<G1Affine> {
    let mut powers = Zeroizing::new(vec![Fr::ONE; count]);
    fill_slice(&mut powers, COSTLY, |rows, out| {
        let mut power = tau.pow([rows.start as u64]);
        for entry in out {
            *entry = power;
            power *= tau;
        }
    });
    install(|| G1Projective::generator().batch_mul(&powers))
}
