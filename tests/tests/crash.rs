//! Killed at any instant under full load, an edge starts again at once, serves nothing wrong, and has forgotten nothing
//! that it acknowledged.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use selvedge_tests::*;

/// The answers that a run must have compared at least, or the load was none.
const MIN_ANSWERS: u64 = 3_000;

#[test]
fn an_edge_killed_a_hundred_times_under_full_load_never_serves_a_wrong_body_nor_forgets_an_invalidation()
 {
    let origin = Origin::start();
    let corpus = Corpus::at(&origin, 600);
    // Small enough that segments roll over and eviction goes on all the time.
    let mut edge = Edge::in_front_of(&origin)
        .behavior("forward = { headers = [\"Accept-Language\"] }")
        .server("access_log = false")
        .store("memory = \"8 MiB\"\ndisk = \"24 MiB\"\nmax_object = \"8 MiB\"")
        .start();
    let mut chance = Chance(0x5eed);
    let (mut starts, mut acknowledged) = (Vec::new(), 0);
    for round in 0..100 {
        let seed = chance.number();
        let (address, config) = (edge.address(), edge.config());
        let enough = corpus.answers().0 + 20 + chance.below(100);
        corpus.load(address, 6, seed, || {
            eventually("viewers are served", || corpus.answers().0 >= enough);
            corpus.change(round, |path| {
                let done = invalidate(&config, path);
                acknowledged += u64::from(done);
                done
            });
            std::thread::sleep(Duration::from_millis(chance.below(60)));
            corpus.may_break();
            edge.kill();
        });
        corpus.assert_right();
        for line in edge.log() {
            let lost = line.contains("discarded") || line.contains("does not check out");
            assert!(
                !lost,
                "round {round}: a kill costs nothing that was committed: {line}"
            );
        }
        let began = Instant::now();
        edge = edge.restart();
        starts.push(began.elapsed());
    }
    starts.sort();
    let (answers, hits) = corpus.answers();
    let summary = format!(
        "{answers} answers, {hits} hits, {acknowledged} invalidations, starts: median {:?}, longest {:?}",
        starts[50], starts[99]
    );
    assert_eq!(acknowledged, 100, "{summary}");
    assert!(answers >= MIN_ANSWERS && hits * 10 > answers, "{summary}");
    assert!(starts[50] < Duration::from_secs(1), "{summary}");
    // Less than a second where nothing else runs; this is for a debug build beside other tests.
    assert!(starts[99] < Duration::from_secs(5), "{summary}");
    assert!(edge.metric_sum("selvedge_store_disk_objects", "") > 0.0);
}

/// The time after which an answer is on disk, kill or not,
const KEPT_AFTER: Duration = Duration::from_secs(5);
/// where the disk takes no longer than this for a sync, and the edge found room for all.
const QUICK: Duration = Duration::from_secs(1);
/// Rounds in which the disk may be too slow, which prove nothing.
const MAX_SLOW: u64 = 12;
/// The answers that a round is about, at least.
const MIN_DUE: usize = 100;

#[test]
fn an_edge_that_is_killed_has_forgotten_at_most_the_last_few_seconds() {
    let origin = Origin::start();
    let corpus = Corpus::at(&origin, 600);
    // Large enough that nothing is evicted, and that all may wait for the disk at once: what finds no room is not written.
    let mut edge = Edge::in_front_of(&origin)
        .behavior("forward = { headers = [\"Accept-Language\"] }")
        .server("access_log = false")
        .store("memory = \"1 GiB\"\ndisk = \"2 GiB\"\nmax_object = \"8 MiB\"")
        .start();
    let mut chance = Chance(0xf0e);
    let began = Instant::now();
    let (mut rounds, mut slow) = (0, 0);
    while rounds < 4 {
        let round = rounds + slow;
        let config = edge.config();
        corpus.change(round, |path| invalidate(&config, path));
        let (killed, not_written, slowest) =
            corpus.load(edge.address(), 6, chance.number(), || {
                eventually("viewers are served", || corpus.current() > MIN_DUE);
                let more = Duration::from_millis(200 + chance.below(1_500));
                let slowest = slowest_sync_within(KEPT_AFTER + more);
                let not_written = edge.metric_sum("selvedge_store_not_written_objects", "");
                corpus.may_break();
                // What is answered while the kill is under way was answered at its end.
                let killed = Instant::now();
                edge.kill();
                (killed, not_written, slowest)
            });
        corpus.assert_right();
        edge = edge.restart();
        if not_written > 0.0 || slowest > QUICK {
            slow += 1;
            assert!(
                slow <= MAX_SLOW,
                "the disk is too slow: {not_written} not written, a sync takes {slowest:?}"
            );
            // What a disk that is too slow has lost is not due later either.
            corpus.forgive_since(began);
            continue;
        }
        let (due, missed) = corpus.forgotten(edge.address(), killed - KEPT_AFTER);
        assert!(
            missed.is_empty(),
            "round {round}: {} of {due}, a sync took {slowest:?}: {missed:?}",
            missed.len()
        );
        assert!(
            due > MIN_DUE,
            "round {round}: only {due} were answered in time"
        );
        // The kill may have taken these, and in the next round perhaps nobody asks for them in time.
        corpus.forgive_since(killed - KEPT_AFTER);
        rounds += 1;
    }
}

/// The longest that the disk took for a sync in all this time.
fn slowest_sync_within(time: Duration) -> Duration {
    let mut file = tempfile::tempfile().expect("a file");
    let (began, mut slowest) = (Instant::now(), Duration::ZERO);
    while began.elapsed() < time {
        let sync = Instant::now();
        file.write_all(&[1; 4096])
            .and_then(|()| file.sync_data())
            .expect("the disk works");
        slowest = slowest.max(sync.elapsed());
        std::thread::sleep(Duration::from_millis(50));
    }
    slowest
}

/// True if the edge acknowledged it.
fn invalidate(config: &Path, path: &str) -> bool {
    let (command, file) = (["invalidate", "main", path, "--config"], config.as_os_str());
    let words = command.iter().map(|word| word.as_ref()).chain([file]);
    run(words).exit.code == Some(0)
}
