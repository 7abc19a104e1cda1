//! `http_server` serves curl, wget and wrk; `http_client` fetches from sockets of the kernel.
//! A page and 64 MiB are compared with what the application makes; wrk must not see one error.

use std::process::Command;

use sha2::{Digest, Sha256};
use synack_examples::pages;
use synack_stack::programs::are_installed;

use crate::network::{self, KERNEL, STACK};
use crate::process::{Process, example};

const LEN: u64 = 64 << 20;

/// Runs `body` beside the example, which has made its device itself.
fn with_server(body: impl FnOnce() + Send) {
    synack_netns::test(|| {
        let mut server = Process::start(&mut example("http_server"), Vec::new());
        server.wait_for_output("serving http://[fd09::2]:8080/");
        network::add_ipv6();
        body();
    });
}

fn assert_is_page(body: &[u8]) {
    assert_eq!(String::from_utf8_lossy(body), pages::PAGE);
}

fn assert_is_pattern(body: &[u8]) {
    assert_eq!(body.len() as u64, LEN);
    assert_eq!(Sha256::digest(body)[..], pages::pattern_hash(LEN));
}

fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    Process::start(Command::new(program).args(arguments), Vec::new()).succeed()
}

#[test]
fn curl_fetches_from_http_server() {
    if !are_installed(&["curl"]) {
        return;
    }
    with_server(|| {
        for host in STACK {
            let page = format!("http://{host}:8080/");
            let octets = format!("http://{host}:8080/octets/{LEN}");
            let curl = |urls: &[&str]| {
                let options = ["-sS", "--fail", "--globoff", "--max-time", "100"];
                run("curl", &[&options, urls].concat())
            };
            assert_is_page(&curl(&[&page]));
            assert_is_pattern(&curl(&[&octets]));
            // One connection for all of them.
            assert_eq!(curl(&[&*page; 100]), pages::PAGE.repeat(100).as_bytes());
        }
    });
}

#[test]
fn wget_fetches_from_http_server() {
    if !are_installed(&["wget"]) {
        return;
    }
    with_server(|| {
        for host in STACK {
            let wget = |url: &str| run("wget", &["-q", "-O", "-", "--tries=1", "-T", "100", url]);
            assert_is_page(&wget(&format!("http://{host}:8080/")));
            assert_is_pattern(&wget(&format!("http://{host}:8080/octets/{LEN}")));
        }
    });
}

#[test]
fn wrk_keeps_64_connections_of_http_server_busy_without_an_error() {
    if !are_installed(&["wrk"]) {
        return;
    }
    with_server(|| {
        for (host, path) in [(STACK[0], ""), (STACK[1], ""), (STACK[0], "octets/100000")] {
            let url = format!("http://{host}:8080/{path}");
            let report = run("wrk", &["-t1", "-c64", "-d1s", "--timeout", "20s", &url]);
            let report = String::from_utf8_lossy(&report);
            for fault in ["Socket errors", "Non-2xx"] {
                assert!(!report.contains(fault), "{report}");
            }
            let rate = report.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
            let rate: f64 = rate.unwrap_or_else(|| panic!("{report}")).trim().parse().unwrap();
            // More than one request on each of the connections.
            assert!(rate > 64.0, "{report}");
        }
    });
}

#[test]
fn http_client_fetches_from_a_server_of_the_kernel() {
    synack_netns::test(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let listening = tokio::net::TcpListener::bind("[::]:8000");
        let listener = runtime.block_on(listening).unwrap();
        runtime.spawn(async { axum::serve(listener, pages::router()).await });
        network::make_device();
        for host in KERNEL {
            let fetch = |path: &str| {
                let url = format!("http://{host}:8000/{path}");
                let mut client = example("http_client");
                Process::start(client.args(["--existing", &url]), Vec::new())
            };
            assert_is_page(&fetch("").succeed());
            assert_is_pattern(&fetch(&format!("octets/{LEN}")).succeed());
            let absent = fetch("absent").end();
            assert_eq!(absent.status.code(), Some(1), "{}", absent.err);
            assert!(absent.err.contains("404 Not Found"), "{}", absent.err);
        }
    });
}

#[test]
fn http_client_makes_its_device_where_there_is_none() {
    synack_netns::test(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let listening = tokio::net::TcpListener::bind("0.0.0.0:8000");
        let listener = runtime.block_on(listening).unwrap();
        runtime.spawn(async { axum::serve(listener, pages::router()).await });
        let mut client = example("http_client");
        client.arg(format!("http://{}:8000/", KERNEL[0]));
        assert_is_page(&Process::start(&mut client, Vec::new()).succeed());
    });
}
