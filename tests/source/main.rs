//! `moqsrc` against a publisher made of the model and the network layer alone.
#![cfg(feature = "plugin")]

mod broadcast;
mod camera;
mod cycles;
mod life;
#[path = "../common/link.rs"]
mod link;
mod narrow;
mod pace;
mod pads;
mod player;
mod renditions;
mod shape;
mod siblings;
mod time;
#[path = "../common/waiting.rs"]
mod waiting;
