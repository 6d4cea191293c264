//! `camwatch hash-password`.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::access::hash_password;

/// What `hash-password` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(_: &Arguments) -> anyhow::Result<ExitCode> {
    let stdin = std::io::stdin();
    let password = if stdin.is_terminal() {
        let first = asked("Password: ")?;
        if asked("The same once more: ")? != first {
            bail!("the two are not the same: try again");
        }
        first
    } else {
        line(&mut stdin.lock())?
    };
    let hash = hash_password(&password)?;
    super::answer(|out| Ok(writeln!(out, "{hash}")?))?;
    Ok(ExitCode::SUCCESS)
}

fn line(input: &mut impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line).context("the password cannot be read: write it as one line of UTF-8")?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Asks on the terminal, which does not show what is typed.
fn asked(question: &str) -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    eprint!("{question}");
    std::io::stderr().flush()?;
    let before = rustix::termios::tcgetattr(&stdin)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(rustix::termios::LocalModes::ECHO);
    rustix::termios::tcsetattr(&stdin, rustix::termios::OptionalActions::Flush, &hidden)?;
    let answer = line(&mut stdin.lock());
    rustix::termios::tcsetattr(&stdin, rustix::termios::OptionalActions::Flush, &before)?;
    eprintln!();
    answer
}
