//! Coded pictures and sound, their configuration, and text.
#![no_main]

#[path = "../inputs.rs"]
mod inputs;

libfuzzer_sys::fuzz_target!(|data: &[u8]| inputs::codecs(data));
