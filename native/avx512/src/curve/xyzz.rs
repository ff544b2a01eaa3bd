//! Scalar point arithmetic, for the few additions at the end of a multi-scalar multiplication.

use super::Affine;
use crate::constants::Fq;
use crate::element::Element;

type Coordinate = Element<Fq>;

/// A point as (X / ZZ, Y / ZZZ) with ZZ^3 = ZZZ^2; ZZ = 0 is infinity.
///
/// Formulas: Explicit-Formulas Database, "XYZZ coordinates for short Weierstrass curves", a = 0.
#[derive(Clone, Copy)]
pub struct Xyzz {
    x: Coordinate,
    y: Coordinate,
    zz: Coordinate,
    zzz: Coordinate,
}

impl Xyzz {
    pub const INFINITY: Self =
        Self { x: Coordinate::ZERO, y: Coordinate::ZERO, zz: Coordinate::ZERO, zzz: Coordinate::ZERO };

    fn is_infinity(&self) -> bool {
        self.zz.is_zero()
    }

    fn from_affine(p: &Affine) -> Self {
        if p.is_infinity() {
            return Self::INFINITY;
        }
        Self { x: p.x, y: p.y, zz: Coordinate::ONE, zzz: Coordinate::ONE }
    }

    /// 2 self. ("dbl-2008-s-1"; there is no point of order two, so y is never zero.)
    pub fn double(&self) -> Self {
        if self.is_infinity() {
            return *self;
        }
        let u = self.y.double();
        let v = u.square();
        let w = u * v;
        let s = self.x * v;
        let squared = self.x.square();
        let m = squared.double() + squared;
        let x = m.square() - s.double();
        Self { x, y: m * (s - x) - w * self.y, zz: v * self.zz, zzz: w * self.zzz }
    }

    /// self + other. ("madd-2008-s".)
    pub fn add_affine(&self, other: &Affine) -> Self {
        if other.is_infinity() {
            return *self;
        }
        if self.is_infinity() {
            return Self::from_affine(other);
        }
        let p = other.x * self.zz - self.x;
        let r = other.y * self.zzz - self.y;
        if p.is_zero() {
            return if r.is_zero() { Self::from_affine(other).double() } else { Self::INFINITY };
        }
        let pp = p.square();
        let ppp = p * pp;
        let q = self.x * pp;
        let x = r.square() - ppp - q.double();
        Self { x, y: r * (q - x) - self.y * ppp, zz: self.zz * pp, zzz: self.zzz * ppp }
    }

    pub fn to_affine(self) -> Affine {
        let Some(inverse) = self.zzz.inverse() else { return Affine::INFINITY };
        // ZZ / ZZZ = 1 / Z.
        let z = inverse * self.zz;
        Affine { x: self.x * z.square(), y: self.y * inverse }
    }
}
