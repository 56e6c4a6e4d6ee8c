//! Where and when: the lines above a table.

use std::fs;

fn first_line(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

fn field(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// Processor, memory, kernel and day.
pub(crate) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field("/proc/meminfo", "MemTotal");
    let kibibytes: u64 = memory
        .split(' ')
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(0);
    let day = std::process::Command::new("date")
        .args(["-u", "+%F %H:%M UTC"])
        .output();
    let day = day.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    format!(
        "{}: {cores} cores ({}), {} GiB, Linux {}, loopback",
        day.unwrap_or_default(),
        field("/proc/cpuinfo", "model name"),
        (kibibytes + (1 << 19)) >> 20,
        first_line("/proc/sys/kernel/osrelease"),
    )
}

/// How many wanted to run in the last minute, five and fifteen: the noise.
pub(crate) fn load_average() -> String {
    let line = first_line("/proc/loadavg");
    line.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
