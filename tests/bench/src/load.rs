//! The generators, wrk and h2load: how they are called, and what their output says.

use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The generator's results of one run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seen {
    /// Complete answers.
    pub(crate) requests: u64,
    /// How long the run was.
    pub(crate) lasted: Duration,
    /// Half of the answers came within this time.
    pub(crate) p50: Duration,
    /// All but a hundredth of them did.
    pub(crate) p99: Duration,
    /// Connections that failed or waited for more than two seconds.
    pub(crate) broken: u64,
}

/// The server that is asked, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aim<'a> {
    pub(crate) address: SocketAddr,
    /// The value of Host.
    pub(crate) host: &'a str,
    pub(crate) seconds: u32,
    pub(crate) connections: u32,
}

/// Runs wrk with one thread against one path, or with a script and its arguments.
pub(crate) fn wrk(aim: Aim, path: &str, script: Option<(&Path, &str)>) -> Result<Seen> {
    let mut command = Command::new("wrk");
    command.args(["-t1", "--latency"]);
    command
        .arg(format!("-c{}", aim.connections))
        .arg(format!("-d{}s", aim.seconds));
    command.arg("-H").arg(format!("Host: {}", aim.host));
    if let Some((file, _)) = script {
        command.arg("-s").arg(file);
    }
    command.arg(format!("http://{}{path}", aim.address));
    if let Some((_, arguments)) = script {
        command.arg("--").args(arguments.split(' '));
    }
    let output = run(command)?;
    parse_wrk(&output).with_context(|| format!("wrk said:\n{output}"))
}

/// How many connections h2load opens.
pub(crate) const H2_CONNECTIONS: u32 = 16;
/// How many streams each of them has open at a time.
pub(crate) const H2_STREAMS: u32 = 10;

/// Runs h2load with one thread and prior knowledge of HTTP/2 against one path. `scratch` is a folder for its log.
pub(crate) fn h2load(aim: Aim, path: &str, scratch: &Path) -> Result<Seen> {
    let log = scratch.join("h2load.log");
    let _ = std::fs::remove_file(&log);
    let mut command = Command::new("h2load");
    command
        .arg("-t1")
        .arg(format!("-c{}", aim.connections))
        .arg(format!("-m{H2_STREAMS}"));
    command.arg(format!("-D{}", aim.seconds));
    command.arg("-H").arg(format!(":authority: {}", aim.host));
    command.arg("--log-file").arg(&log);
    command.arg(format!("http://{}{path}", aim.address));
    let output = run(command)?;
    let times = std::fs::read_to_string(&log).context("h2load wrote no log")?;
    parse_h2load(&output, &times, aim.seconds).with_context(|| format!("h2load said:\n{output}"))
}

fn run(mut command: Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("{program} does not start"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{program} failed:\n{text}{errors}");
    }
    Ok(text)
}

/// Returns true if a program can be found.
pub(crate) fn installed(program: impl AsRef<OsStr>) -> bool {
    let program = program.as_ref();
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Daemons lie in folders that users do not always have in their PATH.
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .any(|folder| folder.join(program).is_file())
}

fn parse_wrk(output: &str) -> Result<Seen> {
    if let Some(line) = line_with(output, "Non-2xx or 3xx responses") {
        bail!("answers that are no success: {}", line.trim());
    }
    let percentile = |name: &str| {
        let line = output
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with(name));
        line.and_then(|line| parse_duration(line.strip_prefix(name)?.trim()))
            .with_context(|| format!("there is no {name}"))
    };
    let line = line_with(output, " requests in ").context("there is no number of requests")?;
    let mut words = line.split_whitespace();
    let requests = words.next().and_then(|word| word.parse().ok());
    let lasted = words
        .nth(2)
        .and_then(|word| parse_duration(word.trim_end_matches(',')));
    Ok(Seen {
        requests: requests.context("the number of requests is none")?,
        lasted: lasted.context("the time is none")?,
        p50: percentile("50%")?,
        p99: percentile("99%")?,
        broken: line_with(output, "Socket errors").map_or(0, sum_of_numbers),
    })
}

fn parse_h2load(output: &str, log: &str, seconds: u32) -> Result<Seen> {
    let line = line_with(output, "requests:").context("there is no line of requests")?;
    let before = |word: &str| {
        let (left, _) = line.split_once(word)?;
        left.split_whitespace().last()?.parse::<u64>().ok()
    };
    let requests = before(" succeeded").context("no number of successes")?;
    ensure!(
        before(" failed") == Some(0) && before(" errored") == Some(0),
        "answers that are no success: {line}"
    );
    // Start, status, microseconds.
    let mut times: Vec<u64> = log
        .lines()
        .filter_map(|line| line.split('\t').nth(2)?.parse().ok())
        .collect();
    times.sort_unstable();
    let percentile = |hundredths: usize| {
        let time = times
            .get(times.len().saturating_sub(1) * hundredths / 100)
            .copied();
        time.map(Duration::from_micros).context("the log is empty")
    };
    Ok(Seen {
        requests,
        lasted: Duration::from_secs(seconds.into()),
        p50: percentile(50)?,
        p99: percentile(99)?,
        broken: before(" timeout").unwrap_or(0),
    })
}

fn line_with<'a>(output: &'a str, text: &str) -> Option<&'a str> {
    output.lines().find(|line| line.contains(text))
}

fn sum_of_numbers(line: &str) -> u64 {
    line.split(|c: char| !c.is_ascii_digit())
        .filter_map(|word| word.parse::<u64>().ok())
        .sum()
}

/// As wrk writes it: `612.00us`, `1.20ms`, `3.01s`, `1.50m`.
fn parse_duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let number: f64 = number.parse().ok()?;
    let seconds = match unit {
        "us" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        "m" => number * 60.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRK: &str = "\
Running 3s test @ http://127.0.0.1:8080/1024
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     0.90ms  300.12us   9.33ms   85.11%
    Req/Sec    70.44k     3.10k   75.00k    70.00%
  Latency Distribution
     50%  852.00us
     75%    1.02ms
     90%    1.31ms
     99%    2.04ms
  210391 requests in 3.01s, 250.63MB read
Requests/sec:  69897.34
Transfer/sec:     83.27MB
";

    #[test]
    fn wrk_says_requests_time_and_percentiles() {
        let seen = parse_wrk(WRK).expect("it is whole");
        assert_eq!(seen.requests, 210_391);
        assert_eq!(seen.lasted, Duration::from_millis(3010));
        assert_eq!(seen.p50, Duration::from_micros(852));
        assert_eq!(seen.p99, Duration::from_micros(2040));
        assert_eq!(seen.broken, 0);
    }

    #[test]
    fn a_run_with_answers_that_are_no_success_is_none() {
        let output = format!("{WRK}  Non-2xx or 3xx responses: 12\n");
        let error = parse_wrk(&output).expect_err("12 were none");
        assert!(error.to_string().contains("12"), "{error}");
    }

    #[test]
    fn broken_connections_are_counted() {
        let output = format!("{WRK}  Socket errors: connect 0, read 3, write 0, timeout 4\n");
        assert_eq!(parse_wrk(&output).expect("it is whole").broken, 7);
    }

    #[test]
    fn output_of_another_kind_is_an_error() {
        parse_wrk("unable to connect to 127.0.0.1:1 Connection refused").expect_err("no figures");
        parse_wrk("").expect_err("nothing");
    }

    #[test]
    fn durations_have_the_units_of_wrk() {
        assert_eq!(parse_duration("612.00us"), Some(Duration::from_micros(612)));
        assert_eq!(parse_duration("1.50m"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("1.50h"), None);
        assert_eq!(parse_duration("12"), None);
    }

    const H2LOAD: &str = "\
finished in 3.00s, 30000.00 req/s, 31.50MB/s
requests: 5 total, 5 started, 5 done, 5 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 5 2xx, 0 3xx, 0 4xx, 0 5xx
";

    #[test]
    fn h2load_says_requests_and_its_log_the_percentiles() {
        let log = "1\t200\t10\n2\t200\t50\n3\t200\t30\n4\t200\t20\n5\t200\t40\n";
        let seen = parse_h2load(H2LOAD, log, 3).expect("it is whole");
        assert_eq!(seen.requests, 5);
        assert_eq!(seen.p50, Duration::from_micros(30));
        assert_eq!(seen.p99, Duration::from_micros(40));
    }

    #[test]
    fn failed_requests_of_h2load_make_a_run_none() {
        let output = H2LOAD.replace("0 failed", "2 failed");
        parse_h2load(&output, "1\t200\t10\n", 3).expect_err("two failed");
    }
}
