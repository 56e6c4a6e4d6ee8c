//! Distributions as they run: the configuration, its plugins loaded, its origins with their connections.
//!
//! A [`Plan`] is all that is in force at a time. It is never changed: a running host swaps one for another, and requests under
//! way end under the one that they began with. Each distribution is taken whole or not at all, and by itself: what has not
//! changed is the same in the next plan, and what is broken stays as it was last right.

mod backends;
mod behavior;
mod broken;
mod claims;
mod geo;
mod grants;
mod hosts;
mod plan;
mod plugins;
mod running;
mod services;
mod trust;
mod work;

#[cfg(test)]
mod tests;

pub use behavior::Behavior;
pub use broken::{Broken, Pending, Serves};
pub use plan::{HostTarget, Plan, RequestSettings};
pub use plugins::{NotLoaded, load_alone};
pub use running::Distribution;
pub use services::{NoServices, Services};
pub use work::Builder;
