//! The part of WASI that guests may import: clocks, random numbers, and standard output and error, which become log lines.
//!
//! The rest is there because the standard libraries of languages import it, and is empty or refuses: no arguments, no
//! environment, no preopened folder, no socket, no name look-up. Nothing here blocks a worker thread: without a folder
//! there is no file to wait for, and waiting for a clock is a timer of tokio.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliCtxView, WasiCliView};
use wasmtime_wasi::clocks::{HostWallClock, WasiClocks, WasiClocksCtxView, WasiClocksView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemCtxView, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::{LinkOptions, cli, clocks, filesystem, random, sockets};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::random::{WasiRandom, WasiRandomCtx};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsCtxView, WasiSocketsView};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_io::bindings::wasi::io;

use crate::facts::Read;
use crate::guest_log::{SharedLog, Stdio};
use crate::options::WallClock;
use crate::state::State;

/// Random bytes that a guest gets in one call.
const MAX_RANDOM: u64 = 64 << 10;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let l = linker;
    let options = LinkOptions::default();
    io::error::add_to_linker::<State, HasTable>(l, table)?;
    io::poll::add_to_linker::<State, HasTable>(l, table)?;
    io::streams::add_to_linker::<State, HasTable>(l, table)?;
    clocks::wall_clock::add_to_linker::<State, WasiClocks>(l, clock)?;
    clocks::monotonic_clock::add_to_linker::<State, WasiClocks>(l, clock)?;
    random::random::add_to_linker::<State, WasiRandom>(l, chance)?;
    random::insecure::add_to_linker::<State, WasiRandom>(l, chance)?;
    random::insecure_seed::add_to_linker::<State, WasiRandom>(l, chance)?;
    cli::exit::add_to_linker::<State, WasiCli>(l, command)?;
    cli::environment::add_to_linker::<State, WasiCli>(l, command)?;
    cli::stdin::add_to_linker::<State, WasiCli>(l, command)?;
    cli::stdout::add_to_linker::<State, WasiCli>(l, command)?;
    cli::stderr::add_to_linker::<State, WasiCli>(l, command)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(l, command)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(l, command)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(l, command)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(l, command)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(l, command)?;
    filesystem::preopens::add_to_linker::<State, WasiFilesystem>(l, files)?;
    filesystem::types::add_to_linker::<State, WasiFilesystem>(l, files)?;
    sockets::tcp_create_socket::add_to_linker::<State, WasiSockets>(l, network)?;
    sockets::udp_create_socket::add_to_linker::<State, WasiSockets>(l, network)?;
    sockets::instance_network::add_to_linker::<State, WasiSockets>(l, network)?;
    sockets::network::add_to_linker::<State, WasiSockets>(l, &(&options).into(), network)?;
    sockets::ip_name_lookup::add_to_linker::<State, WasiSockets>(l, network)?;
    sockets::tcp::add_to_linker::<State, WasiSockets>(l, network)?;
    sockets::udp::add_to_linker::<State, WasiSockets>(l, network)?;
    Ok(())
}

// The ways in, one for each group of interfaces: they count the call and record what the decision may now depend on.

fn table(state: &mut State) -> &mut ResourceTable {
    state.usage.note_call();
    &mut state.table
}

fn clock(state: &mut State) -> WasiClocksCtxView<'_> {
    state.usage.note_call();
    state.note(Read::Clock);
    WasiClocksView::clocks(state)
}

fn chance(state: &mut State) -> &mut WasiRandomCtx {
    state.usage.note_call();
    state.note(Read::Random);
    state.ctx().ctx.random()
}

fn command(state: &mut State) -> WasiCliCtxView<'_> {
    state.usage.note_call();
    WasiCliView::cli(state)
}

fn files(state: &mut State) -> WasiFilesystemCtxView<'_> {
    state.usage.note_call();
    WasiFilesystemView::filesystem(state)
}

fn network(state: &mut State) -> WasiSocketsCtxView<'_> {
    state.usage.note_call();
    WasiSocketsView::sockets(state)
}

/// For the interfaces that only need the table.
struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let State {
            wasi,
            log,
            table,
            plugin,
            ..
        } = self;
        let clock = plugin.wall_clock.as_ref();
        let ctx = wasi.get_or_insert_with(|| Box::new(empty_context(log, clock)));
        WasiCtxView { ctx, table }
    }
}

/// No arguments, environment, folders or sockets; output goes to the log.
fn empty_context(log: &SharedLog, clock: Option<&Arc<dyn WallClock>>) -> WasiCtx {
    let mut builder = WasiCtx::builder();
    if let Some(clock) = clock {
        builder.wall_clock(Told(clock.clone()));
    }
    builder
        .stdout(ToLog {
            log: log.clone(),
            stdio: Stdio::Out,
        })
        .stderr(ToLog {
            log: log.clone(),
            stdio: Stdio::Err,
        })
        .max_random_size(MAX_RANDOM)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}

/// A wall clock that is not the system's.
struct Told(Arc<dyn WallClock>);

impl HostWallClock for Told {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        self.0.since_epoch()
    }
}

/// Standard output or error of a guest.
#[derive(Clone)]
struct ToLog {
    log: SharedLog,
    stdio: Stdio,
}

impl IsTerminal for ToLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for ToLog {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Asked for by WASI 0.3 only, which is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for ToLog {
    async fn ready(&mut self) {}
}

impl OutputStream for ToLog {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.log.lock().stdio(self.stdio, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(4096)
    }
}
