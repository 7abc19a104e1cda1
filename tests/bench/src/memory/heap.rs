//! What the process has allocated, as the allocator itself counts it.

/// Octets that are allocated now, with what the allocator adds to each piece.
///
/// No allocator of our own stands in between, so what is measured is what a program gets.
#[cfg(target_env = "gnu")]
pub(super) fn allocated() -> f64 {
    // SAFETY: it reads counts of the C library under its own locks, and takes no argument.
    let counts = unsafe { nix::libc::mallinfo2() };
    (counts.uordblks + counts.hblkhd) as f64
}

/// Likewise, where the C library does not count: what is in RAM.
#[cfg(not(target_env = "gnu"))]
pub(super) fn allocated() -> f64 {
    crate::peers::process::resident_kib(std::process::id()).map_or(f64::NAN, |kib| kib * 1024.0)
}
