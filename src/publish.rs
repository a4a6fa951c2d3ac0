//! Samples into groups and frames of a broadcast, and the upkeep of its catalog.
