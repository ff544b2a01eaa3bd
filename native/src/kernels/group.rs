//! The two group computations of a verification.

use ark_bn254::{Bn254, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::CurveGroup;
use ark_ec::pairing::Pairing;
use ark_ff::Zero;

use super::error::{Error, Result, require, require_equal};
use super::parallel::install;
use super::portable::{coordinate, msm};

/// Bytes of a G2 point: x real, x imaginary, y real, y imaginary, 32 bytes little-endian each.
pub const G2_BYTES: usize = 128;

/// sum_i scalars[i] * points[i].
pub fn combine(points: &[G1Affine], scalars: &[Fr]) -> Result<G1Affine> {
    require_equal(points.len(), scalars.len(), "points and scalars")?;
    Ok(msm(points, scalars).into_affine())
}

/// Decode a point of the twist. That it lies in the subgroup is the caller's duty.
pub fn decode_g2(bytes: &[u8]) -> Result<G2Affine> {
    require(bytes.len() == G2_BYTES, || format!("a G2 point: expected {G2_BYTES} bytes, got {}", bytes.len()))?;
    let coordinates: Option<Vec<_>> = bytes.chunks_exact(32).map(coordinate).collect();
    let Some([x_re, x_im, y_re, y_im]) = coordinates.as_deref() else {
        return Err(Error::Invalid("a G2 point: expected coordinates below q".into()));
    };
    let point = G2Affine::new_unchecked(Fq2::new(*x_re, *x_im), Fq2::new(*y_re, *y_im));
    // arkworks counts (0, 0) as infinity, which no verifier has a use for.
    let infinity = bytes.iter().all(|&byte| byte == 0);
    require(!infinity && point.is_on_curve(), || {
        "a G2 point: expected a point on the twist other than infinity".into()
    })?;
    Ok(point)
}

/// Whether the product of e(left[i], right[i]) is one; the empty product is.
pub fn pairing_product_is_one(left: &[G1Affine], right: &[G2Affine]) -> Result<bool> {
    require_equal(left.len(), right.len(), "points of G1 and G2")?;
    Ok(install(|| Bn254::multi_pairing(left, right)).is_zero())
}
