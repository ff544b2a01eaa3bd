//! Buffers for vectors and scratch: wiped when they are done with, kept for the next of their size, and in huge pages
//! where they are large.
//!
//! Without this, a transform of 2^16 values would spend a quarter of its time in page faults: the system's allocator
//! returns such blocks to the kernel at once. What is taken again is overwritten anyway, and zeros in between cost a sum
//! of 2^16 values a quarter of its time: [`defer_wiping`] saves them.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard};

use rayon::prelude::*;

/// Huge pages on x86-64.
const HUGE: usize = 2 << 20;
/// Buffers from this size on are kept for reuse, in steps of it; smaller ones are the system allocator's business.
const STEP: usize = 64 << 10;
/// Most bytes kept for reuse: several times what one proof of 2^12 rows works on. What was used last is kept.
const KEPT: usize = 32 << 20;

/// A piece of memory of a size that `rounded` allows.
struct Piece {
    start: NonNull<u8>,
    bytes: usize,
    /// Bytes, from the start, that may hold secrets.
    written: usize,
}

impl Piece {
    fn wipe(&mut self) {
        // SAFETY: whoever has a piece has its memory.
        unsafe { wipe_range(self.start.as_ptr(), self.written) };
        self.written = 0;
    }
}

// SAFETY: a piece is owned memory; nothing about it belongs to a thread.
unsafe impl Send for Piece {}

struct Free {
    /// The one that was given back first comes first.
    pieces: VecDeque<Piece>,
    bytes: usize,
    /// How many `DeferredWiping` there are. With none, all pieces are wiped.
    deferrals: usize,
}

static FREE: Mutex<Free> = Mutex::new(Free { pieces: VecDeque::new(), bytes: 0, deferrals: 0 });

impl Free {
    /// Keeps a piece, and takes those off the list for which there is no room then.
    fn keep(&mut self, piece: Piece) -> Vec<Piece> {
        self.bytes += piece.bytes;
        self.pieces.push_back(piece);
        let mut old = Vec::new();
        // Sizes that are no longer asked for would otherwise fill the list for ever.
        while self.bytes > KEPT {
            let Some(piece) = self.pieces.pop_front() else { break };
            self.bytes -= piece.bytes;
            old.push(piece);
        }
        old
    }

    /// Takes all pieces off the list that are not wiped.
    fn take_written(&mut self) -> VecDeque<Piece> {
        let (written, clean): (VecDeque<Piece>, _) = self.pieces.drain(..).partition(|piece| piece.written > 0);
        self.pieces = clean;
        self.bytes = self.pieces.iter().map(|piece| piece.bytes).sum();
        written
    }
}

fn free_list() -> MutexGuard<'static, Free> {
    // The list is consistent between any two statements that could panic.
    FREE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Gives the memory that is kept for reuse back to the system.
pub fn release_memory() {
    let pieces = {
        let mut free = free_list();
        free.bytes = 0;
        std::mem::take(&mut free.pieces)
    };
    pieces.into_iter().for_each(release);
}

/// While one of these lives, kept memory may hold what was written to it.
#[derive(Debug)]
#[must_use]
pub struct DeferredWiping(());

/// Defers wiping the memory that is kept for reuse, until the last of these is dropped. What is not kept is wiped at once.
pub fn defer_wiping() -> DeferredWiping {
    free_list().deferrals += 1;
    DeferredWiping(())
}

impl Drop for DeferredWiping {
    fn drop(&mut self) {
        let mut written = {
            let mut free = free_list();
            free.deferrals -= 1;
            if free.deferrals > 0 {
                return;
            }
            free.take_written()
        };
        written.par_iter_mut().for_each(Piece::wipe);
        let old: Vec<Piece> = {
            let mut free = free_list();
            written.into_iter().flat_map(|piece| free.keep(piece)).collect()
        };
        old.into_iter().for_each(release);
    }
}

/// Gives a piece, which is on no list, back to the system.
fn release(mut piece: Piece) {
    piece.wipe();
    // SAFETY: pieces come from `alloc` with this layout; this one is owned, so nobody else frees it.
    unsafe { dealloc(piece.start.as_ptr(), layout(piece.bytes)) };
}

fn rounded(bytes: usize) -> usize {
    match bytes {
        0..STEP => bytes.next_multiple_of(64),
        // Large ones too, not to whole huge pages: a column of 2^16 elements would take half as much again.
        _ => bytes.next_multiple_of(STEP),
    }
}

fn layout(bytes: usize) -> Layout {
    let align = if bytes >= HUGE { HUGE } else { 64 };
    Layout::from_size_align(bytes, align).unwrap_or_else(|_| panic!("a buffer of {bytes} bytes"))
}

fn obtain(bytes: usize) -> Piece {
    if bytes >= STEP {
        let mut free = free_list();
        let at = free.pieces.iter().rposition(|piece| piece.bytes == bytes);
        if let Some(piece) = at.and_then(|at| free.pieces.remove(at)) {
            free.bytes -= bytes;
            return piece;
        }
    }
    // SAFETY: `bytes` is not zero: empty buffers take no memory.
    let start = unsafe { alloc(layout(bytes)) };
    let start = NonNull::new(start).unwrap_or_else(|| handle_alloc_error(layout(bytes)));
    #[cfg(all(target_os = "linux", not(miri)))] // Miri knows no advice.
    if bytes >= HUGE {
        // SAFETY: the range is ours; the advice changes how it is backed, not what it holds. Failure does no harm.
        unsafe { libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
    }
    Piece { start, bytes, written: 0 }
}

fn give_back(mut piece: Piece) {
    if !(STEP..=KEPT).contains(&piece.bytes) {
        return release(piece);
    }
    let mut free = free_list();
    if free.deferrals == 0 {
        // Not while others wait for the list.
        drop(free);
        piece.wipe();
        free = free_list();
    }
    let old = free.keep(piece);
    drop(free);
    old.into_iter().for_each(release);
}

/// Overwrites memory with zeros in a way that the compiler keeps.
///
/// # Safety
/// The range must be writable memory that nothing else uses.
unsafe fn wipe_range(start: *mut u8, bytes: usize) {
    // SAFETY: the caller's promise.
    unsafe { std::ptr::write_bytes(start, 0, bytes) };
    #[cfg(not(miri))] // Miri has no assembler.
    // SAFETY: the empty assembly does nothing, but may have read the zeros for all the compiler knows.
    unsafe {
        std::arch::asm!("/* {0} */", in(reg) start, options(nostack, preserves_flags))
    };
}

/// Empties a vector and overwrites what it held.
pub fn wipe<T: Copy>(memory: &mut Vec<T>) {
    memory.clear();
    let spare = memory.spare_capacity_mut();
    // SAFETY: spare capacity may hold any bytes, and is exclusively ours.
    unsafe { wipe_range(spare.as_mut_ptr().cast(), size_of_val(spare)) };
}

/// A growing array of plain data, aligned to 64 bytes or more, wiped on drop or when `defer_wiping` ends.
pub struct Buffer<T: Copy> {
    /// The start of a piece of `rounded(room * size_of::<T>())` bytes, or dangling if that is zero.
    start: NonNull<T>,
    /// Items that may be written.
    room: usize,
    /// Bytes to be wiped: the room, or more if a larger buffer had the piece before.
    written: usize,
    len: usize,
    items: PhantomData<T>,
}

// SAFETY: the items are owned and plain data.
unsafe impl<T: Copy + Send> Send for Buffer<T> {}
// SAFETY: a shared buffer gives out shared references only.
unsafe impl<T: Copy + Sync> Sync for Buffer<T> {}

impl<T: Copy> Default for Buffer<T> {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl<T: Copy> Buffer<T> {
    /// An empty buffer with room for `count` items.
    pub fn with_capacity(count: usize) -> Self {
        const { assert!(align_of::<T>() <= 64 && size_of::<T>() > 0) };
        let bytes = size_of::<T>().checked_mul(count).unwrap_or_else(|| panic!("a buffer of {count} items"));
        let (start, written) = if bytes == 0 {
            (NonNull::dangling(), 0)
        } else {
            let piece = obtain(rounded(bytes));
            if cfg!(debug_assertions) {
                // What memory holds is chance: tests see to it that no kernel counts on zeros.
                // SAFETY: the piece is that large, and ours.
                unsafe { std::ptr::write_bytes(piece.start.as_ptr(), 0xa5, bytes) };
            }
            (piece.start.cast(), piece.written.max(bytes))
        };
        Self { start, room: count, written, len: 0, items: PhantomData }
    }

    /// `count` copies of an item.
    pub fn filled(item: T, count: usize) -> Self {
        let mut buffer = Self::with_capacity(count);
        buffer.grow(item, count);
        buffer
    }

    /// Room for items, initialised or not.
    pub fn room(&mut self) -> &mut [MaybeUninit<T>] {
        // SAFETY: the piece is that large, aligned, and exclusively ours.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast(), self.room) }
    }

    /// Declares the first `len` items initialised.
    ///
    /// # Safety
    /// They must be, and `len` at most the room.
    pub unsafe fn set_len(&mut self, len: usize) {
        debug_assert!(len <= self.room);
        self.len = len;
    }

    /// Drops all but the first `len` items, if there are more.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Moves the items to where there is room for `count`, if there is not.
    #[cold]
    fn reserve(&mut self, count: usize) {
        if self.room < count {
            let mut larger = Self::with_capacity(count);
            larger.extend(self);
            std::mem::swap(self, &mut larger);
        }
    }

    /// Appends items for which there is room.
    fn extend(&mut self, items: &[T]) {
        let start = self.len;
        for (slot, &item) in self.room()[start..][..items.len()].iter_mut().zip(items) {
            slot.write(item);
        }
        self.len += items.len();
    }

    /// Appends an item.
    #[inline]
    pub fn push(&mut self, item: T) {
        if self.len == self.room {
            self.reserve((2 * self.len).max(STEP / size_of::<T>()));
        }
        // SAFETY: there is room for one more.
        unsafe { self.start.add(self.len).write(item) };
        self.len += 1;
    }

    /// Appends copies of an item until there are `len`, if there are fewer.
    pub fn grow(&mut self, item: T, len: usize) {
        if len <= self.len {
            return;
        }
        self.reserve(len);
        let start = self.len;
        for slot in &mut self.room()[start..len] {
            slot.write(item);
        }
        self.len = len;
    }
}

impl<T: Copy> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the first `len` items are initialised.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T: Copy> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: the first `len` items are initialised, and exclusively ours.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T: Copy> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::with_capacity(self.len);
        copy.extend(self);
        copy
    }
}

impl<T: Copy> Drop for Buffer<T> {
    fn drop(&mut self) {
        let bytes = self.room * size_of::<T>();
        if bytes > 0 {
            give_back(Piece { start: self.start.cast(), bytes: rounded(bytes), written: self.written });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_grow_shrink_and_start_over() {
        for count in
            [0usize, 1, 7, 100, 9000, 300_000, 1_000_000].into_iter().filter(|&count| !cfg!(miri) || count < 10_000)
        {
            let mut buffer = Buffer::filled(7u64, count);
            assert!(count == 0 || buffer.as_ptr().addr() % 64 == 0);
            assert!(buffer.len() == count && buffer.iter().all(|&x| x == 7));
            buffer.grow(8, count + 5);
            assert!(buffer[..count].iter().all(|&x| x == 7) && buffer[count..] == [8; 5]);
            let copy = buffer.clone();
            buffer.truncate(count / 2);
            assert_eq!(buffer[..], copy[..count / 2]);
        }
    }

    /// One test: what another one gives back would push its pieces off the list.
    #[test]
    #[cfg_attr(miri, ignore = "slow")]
    fn kept_memory_is_wiped_and_used_last() {
        const ITEMS: usize = 23 * STEP / 8; // A size that no other test uses.
        /// Words that are not zero in the kept piece of that size.
        fn words_left() -> usize {
            let free = free_list();
            let piece = free.pieces.iter().find(|piece| piece.bytes == 8 * ITEMS).expect("kept for reuse");
            // SAFETY: `filled` has written all of these bytes, and the lock keeps others off them.
            let words = unsafe { std::slice::from_raw_parts(piece.start.as_ptr().cast::<u64>(), ITEMS) };
            words.iter().filter(|&&word| word != 0).count()
        }

        let deferred = (defer_wiping(), defer_wiping());
        let secret = Buffer::filled(u64::MAX, ITEMS);
        let start = secret.as_ptr().addr();
        drop(secret);
        assert_eq!(words_left(), ITEMS);
        // Room for less than was written.
        assert_eq!(Buffer::filled(2u64, ITEMS - 7).as_ptr().addr(), start);
        let outlasting = Buffer::filled(3u64, ITEMS - 9);
        drop(deferred.0);
        drop(outlasting);
        assert_eq!(words_left(), ITEMS);
        let outlasting = Buffer::filled(4u64, ITEMS - 11);
        drop(deferred.1);
        drop(outlasting);
        assert_eq!(words_left(), 0);
        drop(Buffer::filled(5u64, ITEMS));
        assert_eq!(words_left(), 0);
        let deferred = defer_wiping();
        drop(Buffer::filled(6u64, ITEMS));
        drop(deferred);
        assert_eq!(words_left(), 0);
        assert_eq!(Buffer::filled(2u64, ITEMS).as_ptr().addr(), start);
        drop((0..20).map(|_| Buffer::filled(3u8, KEPT / 8)).collect::<Vec<_>>());
        let free = free_list();
        assert!(free.bytes <= KEPT && free.bytes == free.pieces.iter().map(|piece| piece.bytes).sum::<usize>());
        assert!(free.pieces.iter().all(|piece| piece.bytes != 8 * ITEMS), "given back for newer ones");
    }
}
