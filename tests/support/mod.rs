//! What the black-box tests share.
#![allow(dead_code, reason = "each test uses some of it")]

pub mod daemon;
pub mod dnsmasq;
pub mod frames;
pub mod outbox;
pub mod prometheus;
pub mod receivers;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program under test.
pub fn camwatch(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_camwatch")).args(arguments).output().unwrap()
}

/// What it printed, as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `read --json` with more arguments; the program must succeed.
pub fn read_json(arguments: &[&str]) -> serde_json::Value {
    let output = camwatch(&[&["read", "--json"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Writes a simulated capture into `folder`.
pub fn simulate(folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let output = camwatch(&[&["simulate"], arguments, &["-o", path.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    path
}

/// The real captures that stand beside the project, or none where they don't: a failure with CI=true.
pub fn shared_captures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    if folder.join("truth.json").is_file() {
        return Some(folder);
    }
    skip(&format!("{} is missing", folder.display()));
    None
}

/// Says that a test is skipped and why; fails with CI=true.
pub fn skip(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "with CI=true this must not be skipped: {why}");
    eprintln!("skipped: {why}");
}
