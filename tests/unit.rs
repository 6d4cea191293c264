//! The unit for systemd, as systemd's own tool sees it; and what the package is made of.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::{camwatch, skip, text};

fn at_home(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs `systemd-analyze`, or says that it is missing.
fn analyze(arguments: &[&str]) -> Option<Output> {
    let output = Command::new("systemd-analyze").args(arguments).output();
    if output.is_err() {
        skip("systemd-analyze is missing (scripts/install-deps test)");
    }
    output.ok()
}

/// Lower is better. What is left is what camwatch is: it captures on the host's network (0.7), calls receivers of alerts (0.6)
/// and answers over sockets (0.1), with one capability (0.2) that it gives up by a call that counts as privileged (0.2).
const EXPOSED_AT_MOST: f64 = 1.7;

#[test]
fn the_unit_is_right_and_exposes_little() {
    // The program is somewhere else than in the package.
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("camwatch.service");
    let shipped = std::fs::read_to_string(at_home("systemd/camwatch.service")).unwrap();
    std::fs::write(&unit, shipped.replace("/usr/bin/camwatch", env!("CARGO_BIN_EXE_camwatch"))).unwrap();
    let Some(verified) = analyze(&["verify", "--man=no", unit.to_str().unwrap()]) else { return };
    let said = text(&verified.stderr);
    assert!(verified.status.success() && !said.contains("camwatch.service:"), "{said}");
    let Some(judged) = analyze(&["security", "--offline=true", "--no-pager", unit.to_str().unwrap()]) else { return };
    let said = text(&judged.stdout);
    let level =
        said.lines().find_map(|line| line.split_once("Overall exposure level for camwatch.service: ")).unwrap().1;
    let level: f64 = level.split_whitespace().next().unwrap().parse().unwrap();
    assert!(level <= EXPOSED_AT_MOST, "{said}");
}

#[test]
fn manual_pages_and_completions_are_of_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let output = camwatch(&["man", folder.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let help = text(&camwatch(&["--help"]).stdout);
    let commands = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let commands: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .collect();
    let commands: Vec<&str> = commands.into_iter().filter(|name| !name.is_empty() && *name != "help").collect();
    assert!(commands.contains(&"run") && commands.contains(&"setup"), "{help}");
    let bash = text(&camwatch(&["completions", "bash"]).stdout);
    for command in commands {
        let page = std::fs::read_to_string(folder.path().join(format!("camwatch-{command}.1"))).unwrap();
        assert!(page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"), "{command}");
        assert!(bash.contains(&format!("camwatch,{command})")), "{command}");
    }
    assert!(folder.path().join("camwatch.1").exists());
}

#[test]
fn setup_writes_what_it_is_told_and_lists_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("camwatch.toml");
    let shipped = include_str!("../config/camwatch.toml").replace("interfaces = [\"eth1\"]", "interfaces = []");
    std::fs::write(&config, &shipped).unwrap();
    let setup =
        |more: &[&str]| camwatch(&[&["setup", "--no-start", "--config", config.to_str().unwrap()], more].concat());
    let unnamed = setup(&["--yes"]);
    let said = text(&unnamed.stderr);
    assert!(unnamed.status.code() == Some(1) && said.contains("camwatch setup --interface NAME"), "{said}");
    let unknown = setup(&["--yes", "--interface", "nosuch0"]);
    assert!(text(&unknown.stderr).contains("interface `nosuch0` does not exist; this machine has:"));
    assert_eq!(std::fs::read_to_string(&config).unwrap(), shipped, "nothing is written");
    let Some(interface) = text(&unknown.stderr)
        .lines()
        .filter_map(|line| Some(line.strip_prefix("  ")?.split(' ').next()?.to_owned()))
        .find(|name| name != "interface" && !name.is_empty())
    else {
        skip("this machine has loopback only");
        return;
    };
    let unasked = setup(&["--interface", &interface]);
    assert!(text(&unasked.stderr).contains("add --yes"), "{}", text(&unasked.stderr));
    let done = setup(&["--yes", "--interface", &interface, "--home", "GB,IE", "--internal", "198.51.100.0/24"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let expected = shipped
        .replace("interfaces = []", &format!("interfaces = [\"{interface}\"]"))
        .replace("home = [\"GB\"]", "home = [\"GB\", \"IE\"]\ninternal = [\"198.51.100.0/24\"]");
    assert_eq!(std::fs::read_to_string(&config).unwrap(), expected);
    assert!(text(&done.stdout).contains("Not started."));
    // What is wrong stays as it is, and is told.
    std::fs::write(&config, "hoem = []\n").unwrap();
    let wrong = setup(&["--yes", "--interface", &interface]);
    assert!(text(&wrong.stderr).contains("unknown key `hoem`"), "{}", text(&wrong.stderr));
    assert_eq!(std::fs::read_to_string(&config).unwrap(), "hoem = []\n");
}

#[test]
fn check_is_quiet_where_nothing_is_wrong() {
    let config = at_home("config/camwatch.toml");
    let output = camwatch(&["check", "--quiet", "--config", config.to_str().unwrap()]);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
}
