//! The few system calls that the standard library has no name for.

use std::ffi::CString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Sends a signal to a process that this test started.
pub(crate) fn signal(pid: u32, signal: i32) {
    let Ok(pid) = libc::pid_t::try_from(pid) else {
        return;
    };
    // SAFETY: kill takes two integers and touches no memory of ours.
    unsafe { libc::kill(pid, signal) };
}

/// Has the kernel kill the child when the thread that starts it ends, however that happens.
pub(crate) fn dies_with_us(command: &mut Command) {
    let ask = || {
        // SAFETY: prctl with PR_SET_PDEATHSIG takes integers only.
        match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: the closure makes one async-signal-safe system call and allocates nothing.
    unsafe { command.pre_exec(ask) };
}

fn file_limit(bytes: Option<u64>) -> libc::rlimit {
    libc::rlimit {
        rlim_cur: bytes.unwrap_or(libc::RLIM_INFINITY),
        rlim_max: libc::RLIM_INFINITY,
    }
}

/// Has the writes of a process that is to be started fail, as on a full disk.
pub(crate) fn starts_on_a_full_disk(command: &mut Command) {
    let limit = file_limit(Some(0));
    let ask = move || {
        // SAFETY: the limit is read from memory of ours.
        match unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: the closure makes one async-signal-safe system call and allocates nothing.
    unsafe { command.pre_exec(ask) };
}

/// Has writes of a process fail beyond this place of any file, as on a full disk; `None` lifts that.
pub(crate) fn limit_files(pid: u32, bytes: Option<u64>) {
    let limit = file_limit(bytes);
    let pid = libc::pid_t::try_from(pid).expect("a process id");
    // SAFETY: the new limit is read from memory of ours, and the old one is not asked for.
    let done = unsafe {
        libc::prlimit(
            pid,
            libc::RLIMIT_FSIZE,
            &raw const limit,
            std::ptr::null_mut(),
        )
    };
    assert_eq!(done, 0, "the limit of a process of our own can be changed");
}

/// Connects to an IPv4 address from this one.
pub(crate) fn connect_from(source: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let SocketAddr::V4(to) = to else {
        return Err(io::Error::other("the edge listens on IPv4"));
    };
    let name = |address: Ipv4Addr, port: u16| libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(address).to_be(),
        },
        sin_zero: [0; 8],
    };
    let size = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    let done = |result: i32| match result {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    };
    // SAFETY: socket takes integers only.
    let socket = done(unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) })?;
    // SAFETY: the descriptor was just opened and belongs to nobody else.
    let stream = unsafe { TcpStream::from_raw_fd(socket) };
    let (source, to) = (name(source, 0), name(*to.ip(), to.port()));
    // SAFETY: the descriptor is open as long as `stream` lives, and both names have `size` readable bytes.
    unsafe {
        done(libc::bind(socket, (&raw const source).cast(), size))?;
        done(libc::connect(socket, (&raw const to).cast(), size))?;
    }
    Ok(stream)
}

/// Closes a connection with RST instead of FIN.
pub(crate) fn reset(stream: TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    let size = size_of::<libc::linger>() as libc::socklen_t;
    let value: *const libc::linger = &raw const linger;
    // SAFETY: the descriptor is open as long as `stream` lives, and `value` points to `size` readable bytes.
    unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            value.cast(),
            size,
        )
    };
    drop(stream);
}

/// A figure of `/proc/PID/status` in bytes, for instance `VmRSS`.
pub(crate) fn memory(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.expect("the figure is there") * 1024
}

/// Bytes that are free for us on the disk of this folder.
pub(crate) fn free_disk(folder: &Path) -> u64 {
    let name = CString::new(folder.as_os_str().as_bytes()).expect("a path has no zero byte");
    let mut figures = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the name ends with a zero byte, and the figures are written to memory of ours that is large enough.
    let done = unsafe { libc::statvfs(name.as_ptr(), figures.as_mut_ptr()) };
    assert_eq!(done, 0, "the folder is there");
    // SAFETY: the call succeeded, so it has written all of them.
    let figures = unsafe { figures.assume_init() };
    figures.f_bavail * figures.f_frsize
}

/// Bytes that the files of a folder take on disk. Files may come and go meanwhile.
pub(crate) fn disk_used(folder: &Path) -> u64 {
    let items = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let taken = |path: &Path| match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => disk_used(path),
        Ok(found) => found.blocks() * 512,
        Err(_) => 0,
    };
    items.map(|item| taken(&item.path())).sum()
}

/// Processor time of a process so far: its own, and that of its children that have ended.
pub(crate) fn processor_time(pid: u32) -> (Duration, Duration) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    // The name of the program may have spaces; it ends with the last parenthesis.
    let (_, rest) = stat.rsplit_once(')').expect("a name in parentheses");
    let ticks: Vec<u64> = rest
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|figure| figure.parse().ok())
        .collect();
    // SAFETY: sysconf takes an integer and touches no memory of ours.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    let per_second = u64::try_from(per_second).expect("it is positive");
    let time = |ticks: u64| Duration::from_millis(ticks * 1000 / per_second);
    match ticks[..] {
        [user, system, user_of_children, system_of_children] => (
            time(user + system),
            time(user_of_children + system_of_children),
        ),
        _ => panic!("four figures of processor time: {stat}"),
    }
}
