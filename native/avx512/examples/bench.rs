//! Every kernel against arkworks on one core: `cargo run --release --example bench [filter] [repetitions] [alone]`.
//!
//! Best of several runs, the thread's processor time, a rayon pool of one thread. Linux only. Pin it (`taskset -c 1 ...`).

use std::hint::black_box;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField, UniformRand};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rand::SeedableRng;
use rand::rngs::StdRng;
use zkmargin_avx512::{Affine, Element, FieldVec, PointVec, Scalar, Tape, msm, ntt, unavailable_reason};

/// Keeps a result from being optimised away.
fn consume<T>(result: T) {
    let _ = black_box(result);
}

/// Processor time of this thread: other load on the machine disturbs it less than the time of day.
fn thread_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is valid for the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

struct Bench {
    filter: String,
    repetitions: usize,
    /// Leave arkworks out.
    alone: bool,
}

impl Bench {
    fn best(&self, mut run: impl FnMut()) -> f64 {
        let once = |run: &mut dyn FnMut()| {
            let start = thread_seconds();
            run();
            thread_seconds() - start
        };
        let first = once(&mut run);
        // At least 20 ms of runs, so that short kernels are measured warm.
        let runs = self.repetitions.max((0.02 / first) as usize).min(1000);
        (0..runs).map(|_| once(&mut run)).fold(first, f64::min)
    }

    /// One line of the table: time, time an item, arkworks' time, ratio.
    fn line(&self, name: &str, items: usize, native: impl FnMut(), arkworks: Option<&mut dyn FnMut()>) {
        if !name.contains(&self.filter) {
            return;
        }
        let native = self.best(native);
        let each = native * 1e9 / items as f64;
        print!("{name:34} {:10.3} ms {each:9.2} ns", native * 1e3);
        if let Some(arkworks) = arkworks.filter(|_| !self.alone) {
            let arkworks = self.best(arkworks);
            print!("   arkworks {:10.3} ms   ratio {:5.2}", arkworks * 1e3, arkworks / native);
        }
        println!();
    }
}

fn main() {
    if let Some(reason) = unavailable_reason() {
        println!("nothing to measure: {reason}");
        return;
    }
    let mut arguments = std::env::args().skip(1);
    let filter = arguments.next().unwrap_or_default();
    let repetitions = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(5);
    let bench = Bench { filter, repetitions, alone: arguments.next().is_some() };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread");
    pool.install(|| {
        field(&bench);
        transforms(&bench);
        multi_scalar(&bench);
    });
}

fn random(count: usize) -> Vec<Fr> {
    let mut rng = StdRng::seed_from_u64(count as u64);
    (0..count).map(|_| Fr::rand(&mut rng)).collect()
}

fn vector(x: &[Fr]) -> FieldVec {
    FieldVec::from_words(&x.iter().map(|x| x.into_bigint().0).collect::<Vec<_>>()).expect("canonical")
}

fn field(bench: &Bench) {
    for n in [4096, 1 << 16] {
        let (a, b) = (random(n), random(n + 1)[1..].to_vec());
        let (x, y) = (vector(&a), vector(&b));
        let scalar = x.get(1);
        let name = |kernel: &str| format!("{kernel} 2^{}", n.ilog2());
        let mut run = || consume(a.iter().zip(&b).map(|(a, b)| a * b).collect::<Vec<_>>());
        bench.line(&name("multiply"), n, || consume(x.multiply(&y)), Some(&mut run));
        let mut run = || consume(a.iter().zip(&b).map(|(a, b)| a + b).collect::<Vec<_>>());
        bench.line(&name("add"), n, || consume(x.add(&y)), Some(&mut run));
        let mut run = || consume(a.iter().zip(&b).map(|(a, b)| *a * b).sum::<Fr>());
        bench.line(&name("inner product"), n, || consume(x.inner_product(&y)), Some(&mut run));
        let mut run = || consume(a.iter().sum::<Fr>());
        bench.line(&name("sum"), n, || consume(x.sum()), Some(&mut run));
        bench.line(&name("prefix sum"), n, || consume(x.prefix_sum()), None);
        let (vectors, coefficients) = ([&x, &y, &x, &y, &x, &y, &x, &y], [scalar; 8]);
        bench.line(
            &name("linear combination of 8"),
            8 * n,
            || consume(FieldVec::linear_combination(&vectors, &coefficients)),
            None,
        );
        let mut run = || ark_ff::batch_inversion(black_box(&mut a.clone()));
        bench.line(&name("batch inverse"), n, || consume(x.batch_inverse()), Some(&mut run));
        let mut run = || consume(a.iter().rev().fold(b[0], |s, c| s * b[1] + c));
        bench.line(&name("evaluate"), n, || consume(FieldVec::evaluate(&[&x], scalar)), Some(&mut run));
        bench.line(&name("divide by linear"), n, || consume(x.divide_by_linear(scalar)), None);
        let tape = Tape::new(&[(0, 0), (1, 1)], 1, 2, &[[2, 0, 0, 1], [0, 1, 3, 2], [2, 0, 4, 3], [1, 0, 3, 0]]);
        let tape = tape.expect("a valid tape");
        bench.line(&name("tape of 4"), 4 * n, || consume(tape.evaluate(&[&x, &y], &[scalar])), None);
        let small = FieldVec::from_i64(&(0..n as i64).collect::<Vec<_>>());
        bench.line(&name("from i64"), n, || consume(FieldVec::from_i64(&vec![-5; n])), None);
        bench.line(&name("to bytes"), n, || consume(x.to_bytes()), None);
        let bytes = x.to_bytes();
        bench.line(&name("from bytes"), n, || consume(FieldVec::from_bytes(&bytes)), None);
        bench.line(&name("decompose 5 x 12"), 5 * n, || consume(small.decompose(12, 5)), None);
        bench.line(
            &name("multiplicities 16 bits"),
            n,
            || consume(FieldVec::multiplicities(&[&small], 16, 1 << 16)),
            None,
        );
        bench.line(&name("split sign"), n, || consume(x.split_sign()), None);
    }
    let x = Fr::from(3u64).inverse().expect("not zero");
    let y = Scalar::from_canonical(x.into_bigint().0).expect("canonical");
    let mut run = || consume(black_box(x).inverse());
    bench.line("one inversion", 1, || consume(black_box(y).inverse()), Some(&mut run));
}

fn transforms(bench: &Bench) {
    for log in [10, 12, 14, 16, 20] {
        let n = 1usize << log;
        let a = random(n);
        let (x, domain) = (vector(&a), Radix2EvaluationDomain::<Fr>::new(n).expect("a power of two"));
        let seven = Fr::from(7u64);
        let (coset, shift) = (domain.get_coset(seven).expect("not zero"), Scalar::from_u64(7));
        let mut run = || consume(domain.fft(&a));
        bench.line(&format!("ntt 2^{log}"), n, || consume(ntt::evaluate(&[&x], n)), Some(&mut run));
        let mut run = || consume(domain.ifft(&a));
        bench.line(&format!("inverse ntt 2^{log}"), n, || consume(ntt::interpolate(&[&x])), Some(&mut run));
        if log < 20 {
            let mut run = || consume(coset.fft(&a));
            let native = || consume(ntt::evaluate_on_coset(&[&x], n, shift));
            bench.line(&format!("coset ntt 2^{log}"), n, native, Some(&mut run));
            let mut run = || consume(coset.ifft(&a));
            let native = || consume(ntt::interpolate_on_coset(&[&x], shift));
            bench.line(&format!("inverse coset ntt 2^{log}"), n, native, Some(&mut run));
        }
    }
}

/// Random magnitudes below 2^bits; half of them negative if `signed`.
fn scalars(count: usize, bits: u32, signed: bool) -> Vec<Fr> {
    let mask = |x: Fr| {
        let mut words = x.into_bigint().0;
        for (k, word) in words.iter_mut().enumerate() {
            let left = bits.saturating_sub(64 * k as u32);
            *word &= if left >= 64 { u64::MAX } else { (1 << left) - 1 };
        }
        Fr::from_bigint(BigInt(words)).expect("not above the original")
    };
    let random = random(count);
    random.iter().map(|&x| if signed && x.into_bigint().0[0] & 1 == 1 { -mask(x) } else { mask(x) }).collect()
}

fn multi_scalar(bench: &Bench) {
    for log in [10, 12, 14, 16] {
        let n = 1usize << log;
        let mut rng = StdRng::seed_from_u64(1);
        let (start, step) = (G1Projective::rand(&mut rng), G1Projective::rand(&mut rng));
        // No arithmetic progression: its sums collide, which no real basis does.
        let all: Vec<_> = std::iter::successors(Some(start), |p| Some(p.double() + step)).take(n).collect();
        let basis = G1Projective::normalize_batch(&all);
        let points: Vec<Affine> = basis.iter().map(native_point).collect();
        let points = PointVec::from_affine(&points);
        for (bits, signed) in [(254, false), (64, false), (16, false), (16, true), (1, false)] {
            let scalars = scalars(n, bits, signed);
            let x = vector(&scalars);
            let name = format!("msm 2^{log} {bits} bits{}", if signed { " signed" } else { "" });
            let mut run = || consume(G1Projective::msm(&basis, &scalars));
            bench.line(&name, n, || consume(msm(&points, &[&x], &[])), Some(&mut run));
        }
        let x = vector(&scalars(n - 4, 16, false));
        let tail = [1, 2, 3, 4].map(|i| vector(&random(5)).get(i));
        bench.line(&format!("msm 2^{log} 16 bits, tail of 4"), n, || consume(msm(&points, &[&x], &[&tail])), None);
        let columns: Vec<FieldVec> = (0..8).map(|_| vector(&scalars(n, 12, false))).collect();
        let columns: Vec<&FieldVec> = columns.iter().collect();
        bench.line(&format!("msm 2^{log} 12 bits, 8 vectors"), 8 * n, || consume(msm(&points, &columns, &[])), None);
    }
}

fn native_point(p: &G1Affine) -> Affine {
    let coordinate = |x: ark_bn254::Fq| Element::from_canonical(x.into_bigint().0).expect("canonical");
    Affine { x: coordinate(p.x), y: coordinate(p.y) }
}
