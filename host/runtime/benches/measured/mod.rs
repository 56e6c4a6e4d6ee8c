//! Measuring: CPU time of the calling thread, as the best and the median of several means.

/// CPU time of this thread in microseconds.
fn cpu_micros() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}

/// An async runtime on this thread.
pub(crate) fn on_this_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("it starts")
}

/// Runs `what` so many times, several times over, and prints the best and the median of the means.
pub(crate) fn measure(
    name: &str,
    rounds: u32,
    runtime: &tokio::runtime::Runtime,
    mut what: impl AsyncFnMut(),
) {
    let mut means: Vec<f64> = (0..9)
        .map(|_| {
            runtime.block_on(async {
                let start = cpu_micros();
                for _ in 0..rounds {
                    what().await;
                }
                (cpu_micros() - start) / f64::from(rounds)
            })
        })
        .collect();
    means.sort_by(f64::total_cmp);
    println!(
        "{name:<56} {:>7.2} us best {:>7.2} us median",
        means[0], means[4]
    );
}
