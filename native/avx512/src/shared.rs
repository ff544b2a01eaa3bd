//! A slice that several tasks write at disjoint places.

use std::marker::PhantomData;

/// A mutable slice whose parts are handed out without the borrow checker's help.
pub struct Shared<'a, T> {
    start: *mut T,
    len: usize,
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: it is a mutable borrow of the slice; what keeps tasks apart is the contract of `range`.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    /// Borrows a slice.
    pub fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), borrow: PhantomData }
    }

    /// Elements start..start + len. Panics past the end.
    ///
    /// # Safety
    /// No other range that is in use at the same time may overlap this one.
    #[allow(clippy::mut_from_ref)]
    #[inline]
    pub unsafe fn range(&self, start: usize, len: usize) -> &'a mut [T] {
        assert!(start <= self.len && len <= self.len - start, "range past the end of a shared slice");
        // SAFETY: in bounds by the assertion, exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }
}
