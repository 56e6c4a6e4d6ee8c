//! The command line: what is typed, and which file carries it out.
#![expect(
    clippy::disallowed_methods,
    reason = "commands have no workers to block; `run` and `dev` read files on threads of their own"
)]

mod ask;
mod cache;
mod check;
mod compile;
mod dev;
mod distributions;
mod explain;
mod invalidate;
mod kv;
mod kv_file;
mod output;
mod plugin;
mod plugin_check;
mod plugin_inspect;
mod plugin_test;
mod run;
mod stats;

use crate::scaffold;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// The command line or the configuration is wrong.
const WRONG: u8 = 2;

/// Something failed that was rightly asked for.
const FAILED: u8 = 1;

/// A content delivery edge that you run yourself and program in WebAssembly.
#[derive(Parser)]
#[command(name = "selvedge", version, about, long_about = LONG, after_long_help = AFTER)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const LONG: &str = "\
A content delivery edge that you run yourself and program in WebAssembly.

A server file (selvedge.toml) says where to listen and where to store; each file of its distributions folder
describes one distribution: its origins, its behaviors by path, and its plugins. A plugin is Rust compiled to
wasm32-wasip1; it may choose the cache key, how long an object lives, and the origin, for each request.";

const AFTER: &str = "\
To begin:
  selvedge dev examples/quickstart           run an example with its origins, rebuild on every change
  selvedge plugin new my-plugin              write a plugin project
  selvedge plugin build my-plugin            build it: leaves my-plugin/my-plugin.wasm
  selvedge plugin test my-plugin             build it and play its scenarios in the real host
  selvedge plugin check my-plugin            build it and load it with its configuration, as a host does
  selvedge check --config selvedge.toml      say what is wrong with a configuration, all of it at once
  selvedge run --config selvedge.toml        serve

While a host runs, with the same --config:
  selvedge invalidate shop '/images/*'       fetch everything under /images anew, from now on
  selvedge cache ls http://shop.test/a       what is stored for a URL, and whether it would be used
  selvedge cache stats                       how much is stored, for whom, and how well it serves
  selvedge explain http://shop.test/a        what would become of a request, and why
  selvedge kv shop set /old /new             data that plugins read by key

While it runs, SIGHUP or a changed file makes it read its configuration anew; SIGTERM and Ctrl-C end it after
the requests under way. The log goes to standard error; SELVEDGE_LOG filters it (for instance access=off).

Exit codes: 0 done; 1 something failed; 2 the command line or the configuration is wrong.";

#[derive(Subcommand)]
enum Command {
    /// Serve the distributions of a configuration
    Run(run::Arguments),
    /// Run a folder for development: build its plugins, start its origins, follow every change
    Dev(dev::Arguments),
    /// Check a configuration with its plugins, without serving
    Check(Configured),
    /// List the distributions with their assigned domain names
    Distributions(Configured),
    /// Invalidate stored responses of a running host, by path or tag
    Invalidate(invalidate::Arguments),
    /// Look into the cache of a running host
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Read and change the key-value data that plugins of a running host read
    Kv(kv::Arguments),
    /// Say what a running host would do with a request, and why, without fetching anything
    Explain(explain::Arguments),
    /// Write, build, test, check and inspect plugins
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Compile the plugin file on standard input: what this program calls itself with
    #[command(name = compile::NAME, hide = true)]
    CompilePlugin(compile::Arguments),
}

#[derive(Args)]
struct Configured {
    /// The server file
    #[arg(long, short, value_name = "FILE", default_value = "selvedge.toml")]
    config: PathBuf,
}

#[derive(Subcommand)]
enum CacheCommand {
    /// List the stored responses of a URL, and whether each would be used now
    Ls(cache::Arguments),
    /// Say how much is stored, for whom, and how well it serves
    Stats(stats::Arguments),
}

#[derive(Subcommand)]
enum PluginCommand {
    /// Write a new plugin project: it builds as it is, and has a test and a scenario for each hook
    New {
        /// The plugin's name, which is also the package's: lower-case letters, digits and dashes
        name: String,
        /// The hooks to begin with, by name; cache-key, origin-selection and ttl when none is given
        #[arg(long = "hook", value_name = "HOOK")]
        hooks: Vec<scaffold::Hook>,
        /// The folder; its name is the plugin's when this is left out
        #[arg(long, value_name = "FOLDER")]
        path: Option<PathBuf>,
    },
    /// Build a plugin project for wasm32-wasip1, and leave NAME.wasm in its folder
    Build {
        /// The project's folder
        #[arg(default_value = ".")]
        project: PathBuf,
    },
    /// Build a plugin project and play its scenarios, `scenarios/*.toml`, in the real host
    Test(plugin_test::Arguments),
    /// Load a plugin as a host does, with its configuration, and say what it says: nothing is served
    Check(plugin_check::Arguments),
    /// Say what is in a plugin file: hooks, imports, size, memory, and the limits that apply
    Inspect(plugin_inspect::Arguments),
}

/// Carries out the command line.
pub fn main() -> ExitCode {
    let code = match Cli::parse().command {
        Command::CompilePlugin(limits) => return compile::compile(&limits),
        Command::Run(arguments) => run::run(&arguments),
        Command::Dev(arguments) => dev::dev(&arguments),
        Command::Check(Configured { config }) => check::check(&config),
        Command::Distributions(Configured { config }) => distributions::list(&config),
        Command::Invalidate(arguments) => invalidate::invalidate(arguments),
        Command::Kv(arguments) => kv::kv(arguments),
        Command::Cache(CacheCommand::Ls(arguments)) => cache::list(&arguments),
        Command::Cache(CacheCommand::Stats(arguments)) => stats::stats(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Plugin(PluginCommand::New { name, hooks, path }) => {
            plugin::new(&name, path, &hooks)
        }
        Command::Plugin(PluginCommand::Build { project }) => plugin::build(&project),
        Command::Plugin(PluginCommand::Test(arguments)) => plugin_test::test(&arguments),
        Command::Plugin(PluginCommand::Check(arguments)) => plugin_check::check(&arguments),
        Command::Plugin(PluginCommand::Inspect(arguments)) => plugin_inspect::inspect(&arguments),
    };
    ExitCode::from(code)
}
