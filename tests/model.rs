//! The model of the transport: each verb as a sentence that can be false.

mod common;

mod model {
    mod broadcast;
    mod demand;
    mod faults;
    mod group;
    mod origin;
    mod plain;
    mod retention;
    mod threads;
    mod track;
}
