//! `selvedge plugin test`: builds a plugin project and plays its scenarios in the real host.
//!
//! Each scenario gets a host of its own in this process ([`world`]): the store, the limits, the compiler's child and the sockets
//! of `selvedge run`, on a clock that stands still until a step moves it. Its origins are scripted servers on this machine
//! ([`servers`]). What came of a step is compared with what the file expects ([`checks`]), and what differs is shown at its
//! place in the file.

mod capture;
mod checks;
mod servers;
mod viewer;
mod world;

use super::output::{complain, say};
use super::{FAILED, WRONG};
use crate::config;
use crate::config::scenario::Scenario;
use crate::observe::logs;
use crate::scaffold;
use capture::LogLines;
use clap::Args;
use std::path::{Path, PathBuf};
use world::{Setting, World};

#[derive(Args)]
pub(super) struct Arguments {
    /// The project's folder
    #[arg(default_value = ".")]
    project: PathBuf,
    /// Only the scenario of this name: its file's, without .toml
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
}

/// A scenario with its name.
struct Named {
    name: String,
    scenario: Scenario,
}

pub(super) fn test(arguments: &Arguments) -> u8 {
    let Arguments { project, only } = arguments;
    // Everything that is wrong with the files is said before anything takes time.
    let scenarios = match find(project, only.as_deref()).and_then(|files| read(&files)) {
        Ok(scenarios) => scenarios,
        Err(why) => {
            complain(why);
            return WRONG;
        }
    };
    let built = match scaffold::build(project, &mut |line| complain(line)) {
        Ok(built) => built,
        Err(error) => {
            complain(error);
            return FAILED;
        }
    };
    let log = LogLines::default();
    logs::start_quietly_with(log.clone());
    match play(&built.wasm, scenarios, log) {
        Ok(0) => 0,
        Ok(_) => FAILED,
        Err(error) => {
            complain(format_args!("the scenarios can't be played: {error}"));
            FAILED
        }
    }
}

/// The scenario files of a project, by name.
fn find(project: &Path, only: Option<&str>) -> Result<Vec<(String, PathBuf)>, String> {
    let folder = project.join("scenarios");
    let hint = "A scenario is a file such as scenarios/first.toml there, for instance\n\n\
                [[steps]]\nget = \"/\"\n[steps.expect]\nstatus = 200\ncache = \"miss\"\n\n\
                docs/plugins.md, \"Test it\", says what can be in one";
    let entries = std::fs::read_dir(&folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!("there is no folder {}. {hint}", folder.display())
        }
        _ => format!("the folder {} can't be read: {error}", folder.display()),
    })?;
    let mut files: Vec<(String, PathBuf)> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
        .filter(|(name, _)| !name.starts_with('.'))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(format!(
            "there is no scenario in {}. {hint}",
            folder.display()
        ));
    }
    let Some(only) = only else {
        return Ok(files);
    };
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    files.retain(|(name, _)| name == only);
    match files.is_empty() {
        false => Ok(files),
        true => Err(format!(
            "there is no scenario `{}` in {}; there is: {}",
            only.escape_debug(),
            folder.display(),
            names.join(", ")
        )),
    }
}

/// Reads all of them; what is wrong with any is in the error.
fn read(files: &[(String, PathBuf)]) -> Result<Vec<Named>, String> {
    let mut scenarios = Vec::new();
    let mut wrong = String::new();
    for (name, file) in files {
        match config::load_scenario(file) {
            Ok(scenario) => scenarios.push(Named {
                name: name.clone(),
                scenario,
            }),
            Err(report) => {
                wrong += &format!("{}the scenario `{name}` can't be played\n", report.listed());
            }
        }
    }
    match wrong.is_empty() {
        true => Ok(scenarios),
        false => Err(wrong.trim_end().to_owned()),
    }
}

/// Plays all scenarios and says how each went. Gives the number of those that failed.
fn play(wasm: &Path, scenarios: Vec<Named>, log: LogLines) -> std::io::Result<usize> {
    let folder = tempfile::TempDir::with_prefix("selvedge-test-")?;
    let setting = Setting::new(wasm, folder.path(), log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let (all, mut failed) = (scenarios.len(), 0);
    for Named { name, scenario } in scenarios {
        let steps = scenario.script.steps.len();
        match runtime.block_on(one(&setting, scenario)) {
            Ok(()) => say(format_args!("ok  {name}  {}", count(steps, "step"))),
            Err(Failure { step, why }) => {
                failed += 1;
                let step = step.map_or_else(String::new, |step| format!(", step {step}"));
                say(format_args!("FAILED {name}{step}: {}\n", why.trim_end()));
            }
        }
    }
    say(format_args!("{} passed, {failed} failed", all - failed));
    Ok(failed)
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// Why a scenario failed, and at which step; at none where the host did not start.
struct Failure {
    step: Option<usize>,
    why: String,
}

/// Plays one scenario, up to the first step that does not go as expected: what follows would only be consequences.
async fn one(setting: &Setting, scenario: Scenario) -> Result<(), Failure> {
    let Scenario { config, script } = scenario;
    // Kept for its reports: they show places of the file.
    let file = config.clone();
    let mut world = World::start(setting, config, &script)
        .await
        .map_err(|why| Failure { step: None, why })?;
    let mut result = Ok(());
    for (number, step) in script.steps.iter().enumerate() {
        if let Some(time) = step.advance {
            world.advance(time);
        }
        let Some(ask) = &step.ask else {
            continue;
        };
        let problem = match world.ask(ask, !step.expect.key.is_empty()).await {
            Ok(came) => match checks::check(step, &came) {
                problems if problems.is_empty() => continue,
                problems => format!("\n{}{came}", file.report(problems).listed()),
            },
            Err(why) => why,
        };
        result = Err(Failure {
            step: Some(number + 1),
            why: format!("{} {}: {problem}", ask.method, ask.target),
        });
        break;
    }
    world.end().await;
    result
}
