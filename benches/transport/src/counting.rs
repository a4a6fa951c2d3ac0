//! An allocator that counts: how often, and how many bytes are live.

// A global allocator cannot be written without `unsafe`. It only counts, then calls the system's; and it lives in this
// package, outside of the library.
#![allow(unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};

pub(crate) struct Counting;

/// The state of the heap; two of them make a difference.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heap {
    pub(crate) allocations: u64,
    pub(crate) live: i64,
}

impl Heap {
    pub(crate) fn now() -> Self {
        Self {
            allocations: ALLOCATIONS.load(Relaxed),
            live: LIVE.load(Relaxed),
        }
    }

    /// Allocations, and bytes that stayed, since `self`.
    pub(crate) fn since(self) -> (f64, f64) {
        let now = Self::now();
        let allocations = (now.allocations - self.allocations) as f64;
        (allocations, (now.live - self.live) as f64)
    }
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicI64 = AtomicI64::new(0);

fn grown(bytes: i64) {
    ALLOCATIONS.fetch_add(1, Relaxed);
    LIVE.fetch_add(bytes, Relaxed);
}

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as i64, Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        grown(size as i64 - layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
