//! The pipeline as viewers and origins see it, in one process.

mod bodies;
mod completing;
mod crowds;
mod failures;
mod hits;
mod insights;
mod look_ups;
mod max_forwards;
mod passing;
mod plugged;
mod ranges;
mod receiving;
mod reload;
mod slicing;
mod vary;
