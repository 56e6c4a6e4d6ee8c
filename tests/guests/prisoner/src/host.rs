//! The host's own interfaces for folders, sockets and names, past the standard library.

use wasi::cli::environment;
use wasi::filesystem::preopens;
use wasi::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasi::sockets::{instance_network, ip_name_lookup, tcp_create_socket, udp_create_socket};

// Of each interface only what is called here. The types are those of WASI 0.2.
wit_bindgen::generate!({
    inline: "
        package test:prisoner;

        world ways-out {
            import wasi:cli/environment@0.2.0;
            import wasi:filesystem/preopens@0.2.0;
            import wasi:sockets/instance-network@0.2.0;
            import wasi:sockets/ip-name-lookup@0.2.0;
            import wasi:sockets/tcp-create-socket@0.2.0;
            import wasi:sockets/udp-create-socket@0.2.0;
        }

        package wasi:cli@0.2.0 {
            interface environment {
                get-environment: func() -> list<tuple<string, string>>;
                get-arguments: func() -> list<string>;
                initial-cwd: func() -> option<string>;
            }
        }

        package wasi:filesystem@0.2.0 {
            interface types {
                resource descriptor;
            }
            interface preopens {
                use types.{descriptor};
                get-directories: func() -> list<tuple<descriptor, string>>;
            }
        }

        package wasi:sockets@0.2.0 {
            interface network {
                resource network;
                enum error-code {
                    unknown,
                    access-denied,
                    not-supported,
                    invalid-argument,
                    out-of-memory,
                    timeout,
                    concurrency-conflict,
                    not-in-progress,
                    would-block,
                    invalid-state,
                    new-socket-limit,
                    address-not-bindable,
                    address-in-use,
                    remote-unreachable,
                    connection-refused,
                    connection-reset,
                    connection-aborted,
                    datagram-too-large,
                    name-unresolvable,
                    temporary-resolver-failure,
                    permanent-resolver-failure,
                }
                enum ip-address-family { ipv4, ipv6 }
                type ipv4-address = tuple<u8, u8, u8, u8>;
                type ipv6-address = tuple<u16, u16, u16, u16, u16, u16, u16, u16>;
                record ipv4-socket-address { port: u16, address: ipv4-address }
                record ipv6-socket-address { port: u16, flow-info: u32, address: ipv6-address, scope-id: u32 }
                variant ip-socket-address { ipv4(ipv4-socket-address), ipv6(ipv6-socket-address) }
            }
            interface instance-network {
                use network.{network};
                instance-network: func() -> network;
            }
            interface ip-name-lookup {
                use network.{network, error-code};
                resource resolve-address-stream;
                resolve-addresses: func(network: borrow<network>, name: string) -> result<resolve-address-stream, error-code>;
            }
            interface tcp {
                use network.{network, error-code, ip-socket-address};
                resource tcp-socket {
                    start-bind: func(network: borrow<network>, local-address: ip-socket-address) -> result<_, error-code>;
                    start-connect: func(network: borrow<network>, remote-address: ip-socket-address) -> result<_, error-code>;
                }
            }
            interface tcp-create-socket {
                use network.{error-code, ip-address-family};
                use tcp.{tcp-socket};
                create-tcp-socket: func(address-family: ip-address-family) -> result<tcp-socket, error-code>;
            }
            interface udp {
                use network.{network, error-code, ip-socket-address};
                resource udp-socket {
                    start-bind: func(network: borrow<network>, local-address: ip-socket-address) -> result<_, error-code>;
                }
            }
            interface udp-create-socket {
                use network.{error-code, ip-address-family};
                use udp.{udp-socket};
                create-udp-socket: func(address-family: ip-address-family) -> result<udp-socket, error-code>;
            }
        }
    ",
    generate_all,
});

/// Where a listener of the test is.
fn loopback(port: u16) -> IpSocketAddress {
    IpSocketAddress::Ipv4(Ipv4SocketAddress {
        port,
        address: (127, 0, 0, 1),
    })
}

/// Things that the host gives and should not.
pub(crate) fn ways(port: u16) -> Vec<String> {
    let mut ways = Vec::new();
    let folders = preopens::get_directories();
    ways.extend(
        folders
            .into_iter()
            .map(|(_, name)| format!("folder {name}")),
    );
    let variables = environment::get_environment();
    ways.extend(
        variables
            .into_iter()
            .map(|(name, _)| format!("variable {name}")),
    );
    let arguments = environment::get_arguments().into_iter();
    ways.extend(
        arguments
            .filter(|one| !one.is_empty())
            .map(|one| format!("argument {one}")),
    );
    ways.extend(environment::initial_cwd().map(|folder| format!("working folder {folder}")));
    let tried = tried(port).into_iter();
    ways.extend(tried.filter_map(|(name, refused)| refused.is_none().then(|| name.to_owned())));
    ways
}

/// How the host refused each thing that was tried.
pub(crate) fn refusals(port: u16) -> Vec<String> {
    let tried = tried(port).into_iter();
    tried
        .filter_map(|(name, refused)| Some(format!("{name} {}", refused?.name())))
        .collect()
}

fn tried(port: u16) -> Vec<(&'static str, Option<ErrorCode>)> {
    let network = instance_network::instance_network();
    let connect = |family| {
        let socket = tcp_create_socket::create_tcp_socket(family)?;
        socket.start_connect(&network, loopback(port))
    };
    let listen = |family| {
        let socket = tcp_create_socket::create_tcp_socket(family)?;
        socket.start_bind(&network, loopback(0))
    };
    let datagrams = |family| {
        let socket = udp_create_socket::create_udp_socket(family)?;
        socket.start_bind(&network, loopback(0))
    };
    let resolve = |name: &str| ip_name_lookup::resolve_addresses(&network, name).map(drop);
    vec![
        ("connect", connect(IpAddressFamily::Ipv4).err()),
        ("connect-ipv6", connect(IpAddressFamily::Ipv6).err()),
        ("listen", listen(IpAddressFamily::Ipv4).err()),
        ("datagrams", datagrams(IpAddressFamily::Ipv4).err()),
        ("name", resolve("localhost").err()),
        ("name-of-number", resolve("127.0.0.1").err()),
    ]
}
