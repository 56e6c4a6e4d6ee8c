//! Medians, ratios, spreads, and the tables in Markdown.

use crate::busy;
use crate::compare::Sample;
use crate::workload::{Kind, WORKLOADS, Workload};
use std::fmt::Write;

/// The middle value, or the mean of the two middle ones.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some((upper + values.get(middle.checked_sub(1)?)?) / 2.0)
}

/// The least and the greatest.
fn bounds(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().fold(None, |bounds, value| match bounds {
        None => Some((value, value)),
        Some((least, greatest)) => Some((least.min(value), greatest.max(value))),
    })
}

/// The cost of a row relative to another: the median of the ratios of each round, since what disturbs a round
/// disturbs both.
fn ratio(rows: &[&Sample], others: &[&Sample], of: impl Fn(&Sample) -> f64) -> Option<f64> {
    median(ratios(rows, others, of))
}

/// The ratios of each round that has both.
fn ratios(rows: &[&Sample], others: &[&Sample], of: impl Fn(&Sample) -> f64) -> Vec<f64> {
    let ratios = rows.iter().filter_map(|sample| {
        let other = others.iter().find(|other| other.round == sample.round)?;
        Some(of(sample) / of(other))
    });
    ratios.filter(|ratio| ratio.is_finite()).collect()
}

fn of_row<'a>(samples: &'a [Sample], workload: &str, row: &str) -> Vec<&'a Sample> {
    let wanted = |sample: &&Sample| sample.workload == workload && sample.row == row;
    samples.iter().filter(wanted).collect()
}

/// The rows of a workload, in the order in which the servers stand in the tables.
fn rows_of(samples: &[Sample], workload: &str, order: &[&str]) -> Vec<&'static str> {
    let mut rows: Vec<&'static str> = Vec::new();
    for sample in samples.iter().filter(|sample| sample.workload == workload) {
        if !rows.contains(&sample.row) {
            rows.push(sample.row);
        }
    }
    let place = |row: &&str| {
        order
            .iter()
            .position(|name| row.starts_with(name))
            .unwrap_or(order.len())
    };
    rows.sort_by_key(|row| {
        (
            order
                .iter()
                .rposition(|name| name == row)
                .unwrap_or_else(|| place(row)),
            row.len(),
        )
    });
    rows
}

/// A number with as many digits as it deserves.
pub(crate) fn short(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), short)
}

/// Processor time for each request: all servers by all workloads, medians.
pub(crate) fn summary(samples: &[Sample], order: &[&'static str]) -> String {
    let measured: Vec<&Workload> = WORKLOADS
        .iter()
        .filter(|workload| {
            !matches!(
                workload.kind,
                Kind::Plugin(_) | Kind::Crowd(_) | Kind::Busy(_)
            )
        })
        .filter(|workload| {
            samples
                .iter()
                .any(|sample| sample.workload == workload.name)
        })
        .collect();
    if measured.is_empty() {
        return String::new();
    }
    let mut text = String::from("| CPU us a request |");
    for workload in &measured {
        let _ = write!(text, " {} |", workload.title);
    }
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(measured.len()));
    for name in order {
        let _ = write!(text, "| {name} |");
        for workload in &measured {
            let samples = of_row(samples, workload.name, name);
            let _ = write!(
                text,
                " {} |",
                cell(median(samples.iter().map(|sample| sample.cpu)))
            );
        }
        text.push('\n');
    }
    text
}

/// Hits alone and beside a second load that fills: how much longer the slowest hundredth waits.
fn busy(workload: &Workload, samples: &[Sample]) -> String {
    let mut text = format!(
        "### {}\n\n| | p99 us alone | p99 us while filling | ratio | least to greatest | filled, MiB/s | of 16 stored |\n\
         |---|---|---|---|---|---|---|\n",
        workload.title
    );
    for (alone, filling) in busy::ROWS {
        let without = of_row(samples, workload.name, alone);
        let with = of_row(samples, workload.name, filling);
        let p99 = |rows: &[&Sample]| cell(median(rows.iter().map(|sample| sample.p99)));
        let ratios = ratios(&with, &without, |sample| sample.p99);
        let spread = bounds(ratios.iter().copied()).map_or_else(String::new, |(least, most)| {
            format!("{} to {}", short(least), short(most))
        });
        let filled = with.iter().filter_map(|sample| sample.filled);
        let _ = writeln!(
            text,
            "| {alone} | {} | {} | {} | {spread} | {} | {} |",
            p99(&without),
            p99(&with),
            cell(median(ratios)),
            cell(median(
                filled
                    .clone()
                    .map(|filled| filled.rate / f64::from(1 << 20))
            )),
            cell(median(filled.map(|filled| filled.stored as f64))),
        );
    }
    text
}

/// One workload: cost, its spread, its ratios, and how long viewers waited.
pub(crate) fn details(workload: &Workload, samples: &[Sample], order: &[&'static str]) -> String {
    let rows = rows_of(samples, workload.name, order);
    if rows.is_empty() {
        return String::new();
    }
    if let Kind::Busy(_) = workload.kind {
        return busy(workload, samples);
    }
    let mut text = format!("### {}\n\n", workload.title);
    if let Kind::Crowd(_) = workload.kind {
        text.push_str(
            "| | fetches | all done after, ms | least to greatest |\n|---|---|---|---|\n",
        );
    } else {
        text.push_str(
            "| | CPU us a request | least to greatest | x floor | x nginx | requests/s | p50 us | p99 us | p99 x nginx |\n\
             |---|---|---|---|---|---|---|---|---|\n",
        );
    }
    let floor = of_row(samples, workload.name, "floor");
    let nginx = of_row(samples, workload.name, "nginx");
    for row in rows {
        let these = of_row(samples, workload.name, row);
        let middle = |of: fn(&Sample) -> f64| cell(median(these.iter().map(|sample| of(sample))));
        let spread = |of: fn(&Sample) -> f64| {
            let spread = bounds(these.iter().map(|sample| of(sample)));
            spread.map_or_else(String::new, |(least, most)| {
                format!("{} to {}", short(least), short(most))
            })
        };
        if let Kind::Crowd(_) = workload.kind {
            let fetches = spread(|sample| sample.fetched as f64);
            let (least, most) =
                bounds(these.iter().map(|sample| sample.fetched as f64)).unwrap_or_default();
            let fetches = if least == most {
                format!("{least}")
            } else {
                fetches
            };
            let _ = writeln!(
                text,
                "| {row} | {fetches} | {} | {} |",
                middle(|sample| sample.p99 / 1e3),
                spread(|sample| sample.p99 / 1e3)
            );
            continue;
        }
        let _ = writeln!(
            text,
            "| {row} | {} | {} | {} | {} | {} | {} | {} | {} |",
            middle(|sample| sample.cpu),
            spread(|sample| sample.cpu),
            cell(ratio(&these, &floor, |sample| sample.cpu)),
            cell(ratio(&these, &nginx, |sample| sample.cpu)),
            middle(|sample| sample.per_second),
            middle(|sample| sample.p50),
            middle(|sample| sample.p99),
            cell(ratio(&these, &nginx, |sample| sample.p99)),
        );
    }
    text.push_str(&against_before(workload, samples));
    text
}

/// The cost of this build in terms of the other one, a line for each row that both have; empty without another build.
fn against_before(workload: &Workload, samples: &[Sample]) -> String {
    let mut text = String::new();
    for before in rows_of(samples, workload.name, &[]) {
        let Some(rest) = before.strip_prefix("selvedge before") else {
            continue;
        };
        let row = format!("selvedge{rest}");
        let now = of_row(samples, workload.name, &row);
        let then = of_row(samples, workload.name, before);
        let ratios = ratios(&now, &then, |sample| sample.cpu);
        let spread = bounds(ratios.iter().copied()).map_or_else(String::new, |(least, most)| {
            format!("{} to {}", short(least), short(most))
        });
        let median = cell(median(ratios));
        let _ = writeln!(text, "\n{row}: {median} x before ({spread})");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Filled;

    fn sample(row: &'static str, round: u32, cpu: f64) -> Sample {
        Sample {
            workload: "hit-1k",
            row,
            round,
            requests: 1000,
            cpu,
            per_second: 1.0,
            p50: 1.0,
            p99: 1.0,
            fetched: 0,
            broken: 0,
            filled: None,
        }
    }

    #[test]
    fn a_build_is_compared_with_the_one_before_round_by_round() {
        let samples = [
            sample("selvedge", 0, 10.0),
            sample("selvedge before", 0, 10.0),
            sample("selvedge", 1, 30.0),
            sample("selvedge before", 1, 20.0),
        ];
        let text = details(&WORKLOADS[0], &samples, &["selvedge", "selvedge before"]);
        let line = "selvedge: 1.25 x before (1.00 to 1.50)";
        assert!(text.lines().any(|other| other == line), "{text}");
    }

    #[test]
    fn hits_beside_filling_are_compared_with_those_alone() {
        let busy = |row, round, p99| Sample {
            workload: "busy",
            p99,
            ..sample(row, round, 1.0)
        };
        let mut samples = [
            busy("nginx", 0, 1000.0),
            busy("nginx, filling", 0, 3000.0),
            busy("nginx", 1, 2000.0),
            busy("nginx, filling", 1, 2000.0),
        ];
        samples[1].filled = Some(Filled {
            rate: 1_048_576.0,
            stored: 16,
        });
        let workload = WORKLOADS.last().expect("there are some");
        let text = details(workload, &samples, &["nginx"]);
        let row = "| nginx | 1500 | 2500 | 2.00 | 1.00 to 3.00 | 1.00 | 16.0 |";
        assert!(text.lines().any(|line| line == row), "{text}");
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median([]), None);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The second round was disturbed: everything took twice as long.
        let samples = [
            sample("selvedge", 0, 15.0),
            sample("floor", 0, 10.0),
            sample("selvedge", 1, 30.0),
            sample("floor", 1, 20.0),
            sample("selvedge", 2, 99.0),
        ];
        let rows = of_row(&samples, "hit-1k", "selvedge");
        let floor = of_row(&samples, "hit-1k", "floor");
        assert_eq!(ratio(&rows, &floor, |sample| sample.cpu), Some(1.5));
        assert_eq!(ratio(&rows, &[], |sample| sample.cpu), None);
    }

    #[test]
    fn a_table_has_a_line_for_each_server_in_order() {
        let samples = [
            sample("nginx", 0, 40.0),
            sample("selvedge", 0, 16.0),
            sample("floor", 0, 10.0),
        ];
        let text = details(&WORKLOADS[0], &samples, &["floor", "selvedge", "nginx"]);
        let lines: Vec<&str> = text.lines().skip(4).collect();
        assert_eq!(lines.len(), 3);
        assert!(
            lines[1].starts_with("| selvedge | 16.0 | 16.0 to 16.0 | 1.60 | 0.40 |"),
            "{text}"
        );
        let text = summary(&samples, &["floor", "selvedge", "nginx", "Varnish"]);
        assert!(
            text.ends_with("| nginx | 40.0 |\n| Varnish | - |\n"),
            "{text}"
        );
    }
}
