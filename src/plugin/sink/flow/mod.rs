//! What flows through the pads.

mod buffers;
mod elementary;
mod end;
mod events;
mod fragments;
