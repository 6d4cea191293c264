//! A camwatch that runs, on a veth pair in a network namespace of its own.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::{camwatch, skip, text};

/// A network namespace with both ends of a veth pair, removed at the end.
pub struct Namespace(pub String);

impl Namespace {
    pub fn new() -> Option<Self> {
        // Tests of one process run side by side.
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("camwatch-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let ip = |arguments: &[&str]| Command::new("ip").args(arguments).output().is_ok_and(|out| out.status.success());
        if !ip(&["netns", "add", &name]) {
            skip("network namespaces need root and iproute2");
            return None;
        }
        let namespace = Self(name);
        let made =
            ip(&["-n", &namespace.0, "link", "add", "mirror", "mtu", "2000", "type", "veth", "peer", "name", "port"])
                && ["lo", "mirror", "port"].iter().all(|link| ip(&["-n", &namespace.0, "link", "set", link, "up"]));
        if !made {
            skip("a veth pair cannot be made");
            return None;
        }
        Some(namespace)
    }

    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, program]);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.0]).output();
    }
}

/// A running camwatch, killed at the end.
pub struct Daemon(pub Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Daemon {
    /// `camwatch run` in a namespace; its log is the file `log` beside the configuration.
    pub fn start(namespace: &Namespace, config: &Path) -> Self {
        let log = std::fs::File::create(config.with_file_name("log")).unwrap();
        let child = namespace
            .command(env!("CARGO_BIN_EXE_camwatch"))
            .args(["run", "--config", config.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
    }

    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.0.id().to_string()]).status().unwrap().success());
    }
}

/// Waits until something is so.
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(90), "never happened: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The body of an HTTP answer from inside the namespace.
pub fn get(namespace: &Namespace, path: &str) -> String {
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/9469; printf 'GET {path} HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3");
    text(&namespace.command("bash").args(["-c", &script]).output().unwrap().stdout)
}

/// The value of the first series that starts so.
pub fn metric(page: &str, start: &str) -> u64 {
    let line = page.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start} in\n{page}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Whether this user may capture.
pub fn may_capture(folder: &Path) -> bool {
    let config = folder.join("probe.toml");
    std::fs::write(&config, "[capture]\ninterfaces = [\"nosuch0\"]\n[http]\nlisten = \"\"\n").unwrap();
    !text(&camwatch(&["run", "--config", config.to_str().unwrap()]).stderr).contains("no permission")
}
