//! A seeded simulation of the running host against a shadow model.
//!
//! The real host, from its listener to its store, serves viewers in front of a scripted origin whose content has versions.
//! Random steps ask, ask at once, leave, move the clock, change what the origin has and how it answers, let it hang, invalidate,
//! damage the disk, end and start both. After each step a model that shares no code with the host judges what every viewer got:
//!
//! - nothing stale is served beyond what its directives and the policy allow, nothing from before an invalidation;
//! - what is fresh and stored is used, what may be used stale when the origin fails is used then;
//! - of what may be shared there is one fetch at a time, and what may not be shared reaches one viewer;
//! - Age is right and never falls for one stored response; Cache-Status says what happened;
//! - every viewer is answered; its bytes are the origin's, of the version and language that the fields name, whole or visibly
//!   broken off.
//!
//! A failure names the seed and the step. `SELVEDGE_SEED=7 cargo test -p selvedge --test simulation` runs one seed again,
//! `SELVEDGE_STEPS=5000` sets the number of steps, `SELVEDGE_THREADS=2` runs the host on more than one thread. Timing between
//! tasks is then the system's: a run that failed may pass when it is repeated.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write files themselves"
)]

mod asking;
mod checks;
mod content;
mod crowds;
mod damage;
mod host;
mod message;
mod model;
mod origin;
mod outdated;
mod parts;
mod plugin;
mod random;
mod state;
mod terms;
mod viewer;
mod world;

use world::World;

const SEEDS: [u64; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

/// For each seed.
const STEPS: u64 = 500;

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is {value}, which is no number")),
    )
}

/// Runs a seed on one thread, where the order of events hardly depends on the system, or on as many as are asked for. Returns
/// how often the model was sure what the host had to do.
fn run(seed: u64, steps: u64) -> u64 {
    let threads = number("SELVEDGE_THREADS").unwrap_or(1);
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder
        .worker_threads(usize::try_from(threads).unwrap_or(1).max(1))
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut world = World::new(seed, threads == 1).await;
        for step in 1..=steps {
            world.story.push(format!("step {step}"));
            if let Err(wrong) = world.step().await {
                let from = world.story.len().saturating_sub(120);
                let story = world.story[from..].join("\n");
                panic!(
                    "{story}\n\nSELVEDGE_SEED={seed} step {step}: {wrong}\n\
                     Run it again with SELVEDGE_SEED={seed} cargo test -p selvedge --test simulation"
                );
            }
        }
        let sure = world.model.sure;
        world.end().await;
        sure
    })
}

fn run_some(nth: usize) {
    let steps = number("SELVEDGE_STEPS").unwrap_or(STEPS);
    match number("SELVEDGE_SEED") {
        Some(seed) if nth == 0 => {
            run(seed, steps);
        }
        Some(_) => {}
        None => {
            let seeds = SEEDS.iter().filter(|seed| (*seed / 2) as usize % 2 == nth);
            let sure: u64 = seeds.clone().map(|seed| run(*seed, steps)).sum();
            let all = steps * seeds.count() as u64;
            assert!(
                all < 1000 || sure > all / 40,
                "the model was sure of only {sure} of {all} steps: it proves too little"
            );
        }
    }
}

#[test]
fn the_host_does_what_the_shadow_model_allows() {
    run_some(0);
}

#[test]
fn the_host_does_what_the_shadow_model_allows_with_other_seeds() {
    run_some(1);
}
