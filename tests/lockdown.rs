//! Locked down: what a process can do no more, tried by a process that is; and a daemon that captures all the same.

mod support;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use camwatch::lockdown::{Guard, Mode, Plan};
use support::daemon::{Daemon, Namespace, eventually, get, metric};
use support::{camwatch, simulate, skip, text};

/// Under this name the child learns where it may write.
const FOLDER: &str = "CAMWATCH_TEST_FOLDER";

/// Runs a test of this file, which is otherwise ignored, in a process of its own.
fn child(name: &str, folder: &Path) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .output()
        .unwrap()
}

/// Locks this thread: it may read `own/read` and write in `own/write`.
fn locked() -> (PathBuf, Vec<Guard>) {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("only run as a child"));
    let plan = Plan { mode: Mode::Auto, read: vec![folder.join("read")], write: vec![folder.join("write")] };
    let lockdown = plan.lock_thread().unwrap();
    (folder, lockdown.guards().filter(|(_, stands)| *stands).map(|(guard, _)| guard).collect())
}

fn own_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["read", "write", "else"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("file"), "text").unwrap();
    }
    folder
}

#[test]
#[ignore = "locks its process"]
fn locked_files_and_sockets() {
    let (folder, guards) = locked();
    assert!(guards.contains(&Guard::Capabilities) && guards.contains(&Guard::NoNewPrivs));
    assert!(guards.contains(&Guard::Seccomp), "{guards:?}");
    // What is its own goes on working.
    assert_eq!(fs::read_to_string(folder.join("read/file")).unwrap(), "text");
    fs::write(folder.join("write/new"), "text").unwrap();
    fs::rename(folder.join("write/new"), folder.join("write/other")).unwrap();
    fs::remove_file(folder.join("write/other")).unwrap();
    fs::read_to_string("/etc/resolv.conf").unwrap();
    let local = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    local.send_to(b"x", local.local_addr().unwrap()).unwrap();
    std::thread::spawn(|| std::net::ToSocketAddrs::to_socket_addrs("localhost:1").map(drop)).join().unwrap().unwrap();

    let denied = |result: std::io::Result<()>| result.unwrap_err().kind() == ErrorKind::PermissionDenied;
    if guards.contains(&Guard::Landlock) {
        for path in [Path::new("/etc/shadow"), Path::new("/etc/passwd"), &folder.join("else/file"), Path::new("/root")]
        {
            assert!(denied(fs::File::open(path).map(drop)), "{}", path.display());
        }
        assert!(denied(fs::write(folder.join("read/file"), "x")), "to be read is not to be written");
        assert!(denied(fs::write(folder.join("else/new"), "x")));
        assert!(denied(fs::write("/tmp/camwatch-lockdown-test", "x")));
        // A new thread is no way out.
        let path = folder.join("else/file");
        assert!(denied(std::thread::spawn(|| fs::File::open(path).map(drop)).join().unwrap()));
        assert!(denied(std::net::TcpListener::bind("127.0.0.1:18321").map(drop)), "no port is listened on any more");
    } else {
        println!("NO LANDLOCK");
    }
    // No other program, no other process, no capture, no port.
    assert!(denied(Command::new("/bin/true").status().map(drop)));
    assert!(denied(std::net::TcpListener::bind("127.0.0.1:0").map(drop)));
    let capture = pcap::Capture::from_device("lo").unwrap().open();
    assert!(capture.is_err(), "a capture was opened");
    println!("ALL DENIED");
}

#[test]
#[ignore = "locks its process"]
fn locked_starts_no_program() {
    let _ = locked();
    println!("STILL HERE");
    // In place of this process: the kernel ends it.
    let error = Command::new("/bin/true").exec();
    println!("SURVIVED: {error}");
}

#[test]
fn a_locked_process_reaches_nothing_but_its_own() {
    let folder = own_folder();
    let output = child("locked_files_and_sockets", folder.path());
    let said = text(&output.stdout);
    assert!(output.status.success() && said.contains("ALL DENIED"), "{said}{}", text(&output.stderr));
    if said.contains("NO LANDLOCK") {
        skip("this kernel has no Landlock");
    }
}

#[test]
fn a_locked_process_that_starts_a_program_is_ended() {
    let folder = own_folder();
    let output = child("locked_starts_no_program", folder.path());
    let said = text(&output.stdout);
    assert!(said.contains("STILL HERE") && !said.contains("SURVIVED"), "{said}{}", text(&output.stderr));
    // SIGSYS
    assert_eq!(output.status.signal(), Some(31), "{:?}", output.status);
}

/// What `/proc` says of each thread of a process.
fn threads(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks.map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap()).collect()
}

fn of<'s>(status: &'s str, key: &str) -> &'s str {
    status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap().trim()
}

/// A configuration of a daemon that must be locked down.
fn configured(folder: &Path, more: &str) -> PathBuf {
    let config = folder.join("camwatch.toml");
    let written = format!(
        "[capture]\ninterfaces = [\"mirror\"]\n[alerts]\noutput = \"alerts.jsonl\"\n[store]\npath = \"kept.db\"\n\
         [control]\nsocket = \"control.sock\"\n[lockdown]\nmode = \"required\"\n{more}"
    );
    fs::write(&config, written).unwrap();
    config
}

/// Whether this kernel can lock down at all.
fn can_lock() -> bool {
    let there = fs::read_to_string("/proc/self/status").unwrap().contains("Seccomp:");
    let folder = own_folder();
    let landlock = !text(&child("locked_files_and_sockets", folder.path()).stdout).contains("NO LANDLOCK");
    if !(there && landlock) {
        skip("this kernel has no Landlock or seccomp");
    }
    there && landlock
}

#[test]
fn a_locked_daemon_captures_stores_answers_and_reads_anew() {
    let Some(namespace) = Namespace::new() else { return };
    if Command::new("tcpreplay").arg("--version").output().is_err() {
        skip("tcpreplay is missing");
        return;
    }
    if !can_lock() {
        return;
    }
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let capture = simulate(folder.path(), "f.pcap", &["fiumicino", "--hours", "0.01", "--cameras", "3"]);
    let config = configured(folder.path(), "");
    let mut daemon = Daemon::start(&namespace, &config);
    let log = || fs::read_to_string(folder.path().join("log")).unwrap();
    eventually("ready", || get(&namespace, "/readyz").ends_with("ready\n"));
    let tasks = threads(daemon.0.id());
    assert!(tasks.len() >= 4, "main, store, analyser, capture: {}", tasks.len());
    for task in &tasks {
        for set in ["CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"] {
            assert_eq!(of(task, set), "0000000000000000", "{set} of {task}");
        }
        assert_eq!((of(task, "NoNewPrivs"), of(task, "Seccomp")), ("1", "2"), "{task}");
    }
    let page = get(&namespace, "/metrics");
    for guard in Guard::ALL {
        assert_eq!(metric(&page, &format!("camwatch_lockdown_guard{{guard=\"{guard}\"}}")), 1);
    }
    let replay = ["-q", "--pps", "2000", "-i", "port", capture.to_str().unwrap()];
    assert!(namespace.command("tcpreplay").args(replay).output().unwrap().status.success());
    eventually("the calls are counted", || {
        metric(&get(&namespace, "/metrics"), "camwatch_attempts_total{class=\"overseas\"}") > 0
    });
    let asked = camwatch(&["alerts", "list", "--config", config.to_str().unwrap()]);
    assert!(asked.status.success(), "{}", text(&asked.stderr));

    // A file beside the configuration is taken; one elsewhere is told to be out of reach.
    let before = fs::read_to_string(&config).unwrap();
    fs::write(folder.path().join("cameras.csv"), "name,address\ngate,10.0.0.1\n").unwrap();
    fs::write(&config, format!("{before}[inventory]\nfile = \"cameras.csv\"\n")).unwrap();
    daemon.signal("-HUP");
    eventually("the register is taken", || log().contains("the configuration was read anew"));
    let other = elsewhere.path().join("cameras.csv");
    fs::write(&other, "name,address\ngate,10.0.0.1\n").unwrap();
    fs::write(&config, format!("{before}[inventory]\nfile = \"{}\"\n", other.display())).unwrap();
    daemon.signal("-HUP");
    let expected =
        format!("{}: outside of what camwatch was confined to at its start: restart camwatch", other.display());
    eventually("that it is out of reach is told", || log().contains(&expected));
    eventually("the old one stays", || log().contains("the old configuration stays in force"));

    daemon.signal("-TERM");
    assert!(daemon.0.wait().unwrap().success(), "{}", log());
    assert!(!folder.path().join("control.sock").exists(), "its socket is removed");
    assert!(fs::metadata(folder.path().join("kept.db")).unwrap().len() > 0);
}

#[test]
fn an_interface_that_is_made_anew_ends_the_locked_daemon_with_75() {
    let Some(namespace) = Namespace::new() else { return };
    if !can_lock() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path(), "");
    let mut daemon = Daemon::start(&namespace, &config);
    eventually("ready", || get(&namespace, "/readyz").ends_with("ready\n"));
    let ip = |arguments: &[&str]| assert!(namespace.command("ip").args(arguments).status().unwrap().success());
    ip(&["link", "delete", "mirror"]);
    eventually("it is missed", || get(&namespace, "/readyz").contains("not open"));
    ip(&["link", "add", "mirror", "type", "veth", "peer", "name", "port"]);
    ip(&["link", "set", "mirror", "up"]);
    let status = daemon.0.wait().unwrap();
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert_eq!(status.code(), Some(75), "{log}");
    assert!(log.contains("deleted and made anew"), "{log}");
}

#[test]
fn capturing_needs_one_capability_and_without_it_says_what_to_do() {
    let Some(namespace) = Namespace::new() else { return };
    if Command::new("setpriv").arg("--version").output().is_err() {
        skip("setpriv is missing (util-linux)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path(), "");
    let as_nobody = |capabilities: &str| {
        let mut command = namespace.command("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        for set in ["--inh-caps", "--ambient-caps", "--bounding-set"] {
            command.arg(format!("{set}={capabilities}"));
        }
        command.args([env!("CARGO_BIN_EXE_camwatch"), "run", "--config", config.to_str().unwrap()]);
        command.stdout(Stdio::null());
        command
    };
    let everybodys = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(folder.path(), everybodys).unwrap();
    if Command::new("setpriv")
        .args(["--reuid=65534", "--clear-groups", env!("CARGO_BIN_EXE_camwatch"), "--version"])
        .output()
        .is_ok_and(|output| !output.status.success())
    {
        skip("the program under test stands where other users cannot reach it");
        return;
    }
    let output = as_nobody("-all").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("no permission to capture on `mirror`") && said.contains("cap_net_raw"), "{said}");

    let log = fs::File::create(folder.path().join("log")).unwrap();
    let daemon = Daemon(as_nobody("-all,+net_raw").stderr(log).spawn().unwrap());
    let pid = daemon.0.id();
    eventually("ready", || get(&namespace, "/readyz").ends_with("ready\n"));
    for task in threads(pid) {
        // Only who has CAP_SETPCAP may make the bounding set smaller; with no-new-privileges it gives nothing.
        for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
            assert_eq!(of(&task, set), "0000000000000000", "{set} of {task}");
        }
        assert_eq!((of(&task, "NoNewPrivs"), of(&task, "Seccomp")), ("1", "2"), "{task}");
    }
    let page = get(&namespace, "/metrics");
    assert_eq!(metric(&page, "camwatch_lockdown_guard{guard=\"capabilities\"}"), 1);
}

#[test]
fn off_is_off_and_says_so() {
    let Some(namespace) = Namespace::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path(), "");
    let written = fs::read_to_string(&config).unwrap().replace("\"required\"", "\"off\"");
    fs::write(&config, written).unwrap();
    let daemon = Daemon::start(&namespace, &config);
    eventually("ready", || get(&namespace, "/readyz").ends_with("ready\n"));
    for task in threads(daemon.0.id()) {
        assert_eq!((of(&task, "NoNewPrivs"), of(&task, "Seccomp")), ("0", "0"), "{task}");
    }
    let page = get(&namespace, "/metrics");
    for guard in Guard::ALL {
        assert_eq!(metric(&page, &format!("camwatch_lockdown_guard{{guard=\"{guard}\"}}")), 0);
    }
    assert!(fs::read_to_string(folder.path().join("log")).unwrap().contains("keeps every right"));
}
