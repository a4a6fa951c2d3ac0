//! Pure media code.
