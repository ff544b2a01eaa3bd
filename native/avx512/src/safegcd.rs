//! Modular inversion by division steps (Bernstein and Yang, "Fast constant-time gcd computation and modular
//! inversion", 2019), in the variable-time form with 62 steps a batch.
//!
//! Variable time is accepted here: what is inverted is a product of many values, masked by being a batch product of
//! random-looking coordinates or of challenges, and an attacker who can time single inversions inside the prover
//! shares the machine with the prover's memory.

use crate::constants::Field;

const MASK62: u64 = u64::MAX >> 2;

/// A signed integer in limbs of 62 bits; the top limb carries the sign.
type Signed62 = [i64; 5];

/// Two rows (u, v), (q, r): after a batch, 2^62 (f', g') = ((u, v), (q, r)) (f, g).
struct Transition {
    u: i64,
    v: i64,
    q: i64,
    r: i64,
}

const fn split(w: &[u64; 4]) -> Signed62 {
    [
        (w[0] & MASK62) as i64,
        ((w[0] >> 62 | w[1] << 2) & MASK62) as i64,
        ((w[1] >> 60 | w[2] << 4) & MASK62) as i64,
        ((w[2] >> 58 | w[3] << 6) & MASK62) as i64,
        (w[3] >> 56) as i64,
    ]
}

fn join(x: &Signed62) -> [u64; 4] {
    let w = x.map(|limb| limb as u64);
    [w[0] | w[1] << 62, w[1] >> 2 | w[2] << 60, w[2] >> 4 | w[3] << 58, w[3] >> 6 | w[4] << 56]
}

/// 62 division steps on the low words of f and g. Returns the new eta = -delta and the transition.
fn division_steps(mut eta: i64, f0: u64, g0: u64) -> (i64, Transition) {
    let (mut u, mut v, mut q, mut r) = (1u64, 0u64, 0u64, 1u64);
    let (mut f, mut g, mut left) = (f0, g0, 62i64);
    loop {
        // Halve g as often as it is even.
        let zeros = i64::from((g | (u64::MAX << left)).trailing_zeros());
        g >>= zeros;
        u <<= zeros;
        v <<= zeros;
        eta -= zeros;
        left -= zeros;
        if left == 0 {
            break;
        }
        // g and f are odd: choose w so that g + f w has as many low zeros as the steps allow.
        let w;
        if eta < 0 {
            eta = -eta;
            (f, g) = (g, f.wrapping_neg());
            (u, q) = (q, u.wrapping_neg());
            (v, r) = (r, v.wrapping_neg());
            let mask = (u64::MAX >> (64 - (eta + 1).min(left))) & 63;
            w = f.wrapping_mul(g).wrapping_mul(f.wrapping_mul(f).wrapping_sub(2)) & mask;
        } else {
            let mask = (u64::MAX >> (64 - (eta + 1).min(left))) & 15;
            let inverse = f.wrapping_add((f.wrapping_add(1) & 4) << 1);
            w = inverse.wrapping_neg().wrapping_mul(g) & mask;
        }
        g = g.wrapping_add(f.wrapping_mul(w));
        q = q.wrapping_add(u.wrapping_mul(w));
        r = r.wrapping_add(v.wrapping_mul(w));
    }
    (eta, Transition { u: u as i64, v: v as i64, q: q as i64, r: r as i64 })
}

fn wide(a: i64, b: i64) -> i128 {
    i128::from(a) * i128::from(b)
}

/// (d, e) <- transition (d, e) / 2^62 modulo p, both kept in (-2 p, p).
fn update_de(d: &mut Signed62, e: &mut Signed62, t: &Transition, p: &Signed62, inverse62: u64) {
    let (sign_d, sign_e) = (d[4] >> 63, e[4] >> 63);
    let mut md = (t.u & sign_d) + (t.v & sign_e);
    let mut me = (t.q & sign_d) + (t.r & sign_e);
    let mut cd = wide(t.u, d[0]) + wide(t.v, e[0]);
    let mut ce = wide(t.q, d[0]) + wide(t.r, e[0]);
    // Multiples of p that make the low 62 bits vanish.
    md -= (inverse62.wrapping_mul(cd as u64).wrapping_add(md as u64) & MASK62) as i64;
    me -= (inverse62.wrapping_mul(ce as u64).wrapping_add(me as u64) & MASK62) as i64;
    cd = (cd + wide(p[0], md)) >> 62;
    ce = (ce + wide(p[0], me)) >> 62;
    for i in 1..5 {
        let (di, ei) = (d[i], e[i]);
        cd += wide(t.u, di) + wide(t.v, ei) + wide(p[i], md);
        ce += wide(t.q, di) + wide(t.r, ei) + wide(p[i], me);
        d[i - 1] = (cd as u64 & MASK62) as i64;
        e[i - 1] = (ce as u64 & MASK62) as i64;
        cd >>= 62;
        ce >>= 62;
    }
    d[4] = cd as i64;
    e[4] = ce as i64;
}

/// (f, g) <- transition (f, g) / 2^62, exactly, over `length` limbs.
fn update_fg(f: &mut Signed62, g: &mut Signed62, t: &Transition, length: usize) {
    let mut cf = (wide(t.u, f[0]) + wide(t.v, g[0])) >> 62;
    let mut cg = (wide(t.q, f[0]) + wide(t.r, g[0])) >> 62;
    for i in 1..length {
        cf += wide(t.u, f[i]) + wide(t.v, g[i]);
        cg += wide(t.q, f[i]) + wide(t.r, g[i]);
        f[i - 1] = (cf as u64 & MASK62) as i64;
        g[i - 1] = (cg as u64 & MASK62) as i64;
        cf >>= 62;
        cg >>= 62;
    }
    f[length - 1] = cf as i64;
    g[length - 1] = cg as i64;
}

/// Carries limbs 0 to 3 into 62 bits.
fn carry(x: &mut Signed62) {
    for i in 0..4 {
        x[i + 1] += x[i] >> 62;
        x[i] &= MASK62 as i64;
    }
}

/// From (-2 p, p), negated if asked, to [0, p).
fn normalise(mut x: Signed62, negate: bool, p: &Signed62) -> Signed62 {
    let add_if = |x: &mut Signed62, condition: bool| {
        if condition {
            x.iter_mut().zip(p).for_each(|(limb, p)| *limb += p);
        }
    };
    let negative = x[4] < 0;
    add_if(&mut x, negative);
    if negate {
        x = x.map(|limb| -limb);
    }
    carry(&mut x);
    let negative = x[4] < 0;
    add_if(&mut x, negative);
    carry(&mut x);
    x
}

/// 1 / x modulo p, for x in [1, p).
pub fn invert<F: Field>(x: &[u64; 4]) -> [u64; 4] {
    let p = split(&F::MODULUS);
    let inverse62 = F::NEGATIVE_INVERSE.wrapping_neg() & MASK62;
    let (mut f, mut g) = (p, split(x));
    let (mut d, mut e) = ([0i64; 5], [1, 0, 0, 0, 0]);
    let (mut eta, mut length) = (-1i64, 5);
    loop {
        let (next, transition) = division_steps(eta, f[0] as u64, g[0] as u64);
        eta = next;
        update_de(&mut d, &mut e, &transition, &p, inverse62);
        update_fg(&mut f, &mut g, &transition, length);
        if g[..length].iter().all(|&limb| limb == 0) {
            break;
        }
        // Drop the top limbs once both hold nothing but the sign.
        let (ft, gt) = (f[length - 1], g[length - 1]);
        if length > 1 && (ft == 0 || ft == -1) && (gt == 0 || gt == -1) {
            f[length - 2] |= ((ft as u64) << 62) as i64;
            g[length - 2] |= ((gt as u64) << 62) as i64;
            length -= 1;
        }
    }
    // Now f = +-1 and d = +-1 / x.
    join(&normalise(d, f[length - 1] < 0, &p))
}
