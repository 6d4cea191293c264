//! A real DNS server on loopback, with one PTR record; it logs what it is asked.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::skip;

/// A running dnsmasq, which claims that 120.26.96.67 is nice-and-harmless.example.
pub struct Dnsmasq {
    child: Child,
    log: PathBuf,
    pub port: u16,
}

impl Dnsmasq {
    /// Starts it, in a network namespace where one is named.
    pub fn start(folder: &Path, namespace: Option<&str>) -> Option<Self> {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = folder.join("dnsmasq.log");
        let mut command = Command::new(if namespace.is_some() { "ip" } else { "dnsmasq" });
        if let Some(name) = namespace {
            command.args(["netns", "exec", name, "dnsmasq"]);
        }
        let started = command
            .args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--log-queries"])
            .args(["--listen-address=127.0.0.1", "--bind-interfaces", "--user=root"])
            .arg(format!("--pid-file={}", folder.join("dnsmasq.pid").display()))
            .arg(format!("--log-facility={}", log.display()))
            .arg(format!("--port={port}"))
            .arg("--ptr-record=67.96.26.120.in-addr.arpa,nice-and-harmless.example")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            skip("dnsmasq is missing (scripts/install-deps test)");
            return None;
        };
        let server = Self { child, log, port };
        let began = Instant::now();
        while !server.said().contains("started") {
            assert!(began.elapsed() < Duration::from_secs(10), "dnsmasq did not start: {}", server.said());
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }

    /// Its log.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
