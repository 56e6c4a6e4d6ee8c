//! Resources of a server, from /proc: processor time and memory of its process and of all that it started.

use anyhow::{Context, Result};
use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// The unit of the times in /proc/PID/stat: `USER_HZ`, which is 100 on every Linux that this is built for.
const TICK: Duration = Duration::from_millis(10);

/// The content of one /proc/PID/stat.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// User and system time of the process and of the children that it has waited for, in ticks.
    ticks: u64,
}

/// The name in parentheses may itself hold blanks and parentheses: the fields begin after the last of them.
fn parse_stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    // proc(5) counts from 1, with pid and name before these: ppid is 4, utime to cstime are 14 to 17.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let mut ticks = 0;
    for field in 14..=17 {
        ticks += number(field)?;
    }
    Some(Stat {
        parent: u32::try_from(number(4)?).ok()?,
        ticks,
    })
}

/// A line `Name:  123 kB` of /proc/PID/status or smaps_rollup, in bytes.
fn parse_memory(text: &str, name: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn family(root: u32) -> Result<Vec<(u32, Stat)>> {
    let mut all = HashMap::new();
    for entry in fs::read_dir("/proc")
        .context("/proc can't be read")?
        .flatten()
    {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let text = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some(stat) = parse_stat(&text) {
            all.insert(pid, stat);
        }
    }
    let mut pids = vec![root];
    let mut next = 0;
    while let Some(parent) = pids.get(next).copied() {
        pids.extend(
            all.iter()
                .filter(|(_, stat)| stat.parent == parent)
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    Ok(pids
        .into_iter()
        .filter_map(|pid| all.remove_entry(&pid))
        .collect())
}

/// Processor time used so far by a process and all that descend from it.
pub(crate) fn processor_time(root: u32) -> Result<Duration> {
    let family = family(root)?;
    anyhow::ensure!(!family.is_empty(), "process {root} has ended");
    let ticks: u64 = family.iter().map(|(_, stat)| stat.ticks).sum();
    Ok(TICK.saturating_mul(u32::try_from(ticks).context("more time than fits")?))
}

/// Resident memory of a process and all that descend from it, in bytes. What several of them share counts once.
pub(crate) fn memory(root: u32) -> Result<u64> {
    let mut sum = 0;
    for (pid, _) in family(root)? {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        sum += parse_memory(&rollup, "Pss").unwrap_or(0);
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "4242 (a (b) c) S 17 4242 4242 0 -1 4194560 1 2 3 4 250 50 7 3 20 0 5 0 100 200 300";

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let expected = Stat {
            parent: 17,
            ticks: 250 + 50 + 7 + 3,
        };
        assert_eq!(parse_stat(STAT), Some(expected));
    }

    #[test]
    fn a_torn_line_is_no_stat() {
        assert_eq!(parse_stat(&STAT[..60]), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn memory_is_in_kibibytes_under_its_exact_name() {
        let rollup = "Rss:  900 kB\nPss:     300 kB\nPss_Dirty: 7 kB\n";
        assert_eq!(parse_memory(rollup, "Pss"), Some(300 * 1024));
        assert_eq!(parse_memory(rollup, "Swap"), None);
    }

    #[test]
    fn this_process_has_used_time_and_memory() {
        let myself = std::process::id();
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_millis(200) {
            std::hint::spin_loop();
        }
        assert!(processor_time(myself).expect("it runs") > Duration::ZERO);
        assert!(memory(myself).expect("it runs") > 0);
    }

    #[test]
    fn what_a_child_uses_counts_for_its_parent() {
        let mut child = std::process::Command::new("sleep")
            .arg("30")
            .spawn()
            .expect("sleep starts");
        let family = family(std::process::id()).expect("/proc");
        let found = family.iter().any(|(pid, _)| *pid == child.id());
        child.kill().expect("it is ours");
        child.wait().expect("it is ours");
        assert!(found);
    }
}
