//! The thread pool, and loops that use it only where the work outweighs waking a thread.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use ark_bn254::Fr;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::error::{Error, Result};
use super::scalars::Scalars;

/// Entries a thread should have of an addition-like loop (about 5 ns an entry).
pub const CHEAP: usize = 8192;
/// Entries a thread should have of a multiplication-like loop (about 20 ns an entry).
pub const COSTLY: usize = 2048;

struct Pool {
    /// Threads do not survive a fork: a child process builds its own.
    process: u32,
    threads: Arc<ThreadPool>,
}

static POOL: Mutex<Option<Pool>> = Mutex::new(None);

fn build(count: usize) -> Result<Arc<ThreadPool>> {
    ThreadPoolBuilder::new()
        .num_threads(count)
        .thread_name(|index| format!("zkmargin-{index}"))
        .build()
        .map(Arc::new)
        .map_err(|error| Error::Invalid(format!("cannot start {count} threads: {error}")))
}

fn pool() -> Arc<ThreadPool> {
    let mut slot = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some(pool) = slot.as_ref().filter(|pool| pool.process == process) {
        return Arc::clone(&pool.threads);
    }
    let count = slot.as_ref().map_or(0, |pool| pool.threads.current_num_threads());
    let threads = build(count).expect("the system refused to start the kernels' threads");
    // Joining a parent process's threads would wait for ever: leave them be.
    std::mem::forget(slot.replace(Pool { process, threads: Arc::clone(&threads) }));
    threads
}

/// Use `count` threads from now on, 0 for one per core. Work in progress keeps the threads it has.
pub fn set_threads(count: usize) -> Result<()> {
    let threads = build(count)?;
    let mut slot = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    let previous = slot.replace(Pool { process, threads });
    if previous.as_ref().is_some_and(|pool| pool.process != process) {
        std::mem::forget(previous);
    }
    Ok(())
}

/// How many threads the kernels use.
pub fn threads() -> usize {
    match rayon::current_thread_index() {
        Some(_) => rayon::current_num_threads(),
        None => pool().current_num_threads(),
    }
}

/// Run `work` on the pool, so that every parallel loop in it stays there.
pub fn install<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    match rayon::current_thread_index() {
        Some(_) => work(),
        None => pool().install(work),
    }
}

/// Whether a loop of `length` entries deserves more than this thread.
fn worthwhile(length: usize, grain: usize) -> bool {
    length >= 2 * grain && threads() > 1
}

/// The chunk that gives every thread a few, each of at least `grain`.
pub fn chunk(length: usize, grain: usize) -> usize {
    length.div_ceil(4 * threads()).max(grain)
}

/// A new vector, filled chunk by chunk: `fill` gets a range of rows and the zeros to overwrite.
pub fn fill(length: usize, grain: usize, fill: impl Fn(Range<usize>, &mut [Fr]) + Sync) -> Scalars {
    let mut result = Scalars::zeros(length);
    fill_slice(&mut result, grain, fill);
    result
}

/// Rewrite a slice chunk by chunk.
pub fn fill_slice<T: Send>(slice: &mut [T], grain: usize, fill: impl Fn(Range<usize>, &mut [T]) + Sync) {
    let length = slice.len();
    if !worthwhile(length, grain) {
        fill(0..length, slice);
        return;
    }
    let size = chunk(length, grain);
    install(|| {
        slice.par_chunks_mut(size).enumerate().for_each(|(index, part)| {
            let start = index * size;
            fill(start..start + part.len(), part);
        });
    });
}

/// `map` of each chunk of rows, in order.
pub fn map_chunks<T: Send>(length: usize, grain: usize, map: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    if !worthwhile(length, grain) {
        return vec![map(0..length)];
    }
    let size = chunk(length, grain);
    install(|| {
        (0..length.div_ceil(size))
            .into_par_iter()
            .map(|index| map(index * size..length.min((index + 1) * size)))
            .collect()
    })
}

/// A new vector in two passes over the same chunks: `summarise` each, then fill it, given the summaries of the chunks
/// before it and after it.
pub fn scan<S: Send + Sync>(
    length: usize,
    grain: usize,
    summarise: impl Fn(Range<usize>) -> S + Sync,
    fill: impl Fn(Range<usize>, &[S], &[S], &mut [Fr]) + Sync,
) -> Scalars {
    let mut result = Scalars::zeros(length);
    if !worthwhile(length, grain) {
        fill(0..length, &[], &[], &mut result);
        return result;
    }
    let size = chunk(length, grain);
    let rows = |index: usize| index * size..length.min((index + 1) * size);
    install(|| {
        let summaries: Vec<S> =
            (0..length.div_ceil(size)).into_par_iter().map(|index| summarise(rows(index))).collect();
        result.par_chunks_mut(size).enumerate().for_each(|(index, part)| {
            fill(rows(index), &summaries[..index], &summaries[index + 1..], part);
        });
    });
    result
}

/// The first row that `matches`.
pub fn first_row(length: usize, grain: usize, matches: impl Fn(usize) -> bool + Sync) -> Option<usize> {
    map_chunks(length, grain, |mut rows| rows.find(|&row| matches(row))).into_iter().flatten().next()
}

/// `map` of each item, one task an item.
pub fn map_items<I: Sync, T: Send>(items: &[I], map: impl Fn(usize, &I) -> T + Sync + Send) -> Vec<T> {
    if items.len() == 1 {
        return vec![map(0, &items[0])];
    }
    install(|| items.par_iter().enumerate().map(|(index, item)| map(index, item)).collect())
}
