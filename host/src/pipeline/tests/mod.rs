//! The pipeline as viewers and origins see it, in one process.

mod hits;
