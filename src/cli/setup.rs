//! `camwatch setup`: from an installed package to a running service.

mod edit;
mod interfaces;

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};

use self::edit::Answers;
use self::interfaces::Interface;
use crate::config::Config;
use crate::geo::Country;

/// The unit that the package brings.
const UNIT: &str = "camwatch.service";

/// What `setup` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The mirror port; several are separated by commas. Asked for where it is not given.
    #[arg(long, short, value_name = "NAME", value_delimiter = ',')]
    interface: Vec<String>,
    /// Countries that are not overseas.
    #[arg(long, value_name = "GB", value_delimiter = ',')]
    home: Vec<Country>,
    /// Public ranges of your own that are internal too.
    #[arg(long, value_name = "RANGE", value_delimiter = ',')]
    internal: Vec<ipnet::IpNet>,
    /// The configuration file.
    #[arg(long, short, value_name = "FILE", default_value = "/etc/camwatch/camwatch.toml")]
    config: PathBuf,
    /// Ask nothing.
    #[arg(long, short)]
    yes: bool,
    /// Write the configuration, and leave the service as it is.
    #[arg(long)]
    no_start: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let before = std::fs::read_to_string(&arguments.config).with_context(|| {
        format!("{}: is the package installed? --config names another file", arguments.config.display())
    })?;
    let there = Interface::all()?;
    let interfaces = match arguments.interface.as_slice() {
        [] => vec![asked_for(&there, arguments.yes)?],
        named => named.to_vec(),
    };
    for name in &interfaces {
        let Some(interface) = there.iter().find(|interface| interface.name == *name) else {
            bail!("interface `{name}` does not exist; this machine has:\n{}", interfaces::table(&there));
        };
        for hint in interface.hints() {
            println!("Note: {hint}");
        }
    }
    let answers = Answers { interfaces, home: arguments.home.clone(), internal: arguments.internal.clone() };
    let after =
        edit::edited(&before, &answers).with_context(|| format!("{}: mend it first", arguments.config.display()))?;
    check(&arguments.config, &after)?;
    let starts = !arguments.no_start && systemd_has_the_unit();
    if !arguments.yes {
        let then = if starts { " and start camwatch" } else { "" };
        if !agrees(&format!("Write this to {}{then}?\n{answers}", arguments.config.display()))? {
            println!("Nothing was changed.");
            return Ok(ExitCode::SUCCESS);
        }
    }
    if after == before {
        println!("{} says so already.", arguments.config.display());
    } else {
        edit::write(&arguments.config, &after)?;
        println!("{}:\n{answers}", arguments.config.display());
    }
    if starts {
        return start();
    }
    println!("Not started. To run it by hand: camwatch run --config {}", arguments.config.display());
    Ok(ExitCode::SUCCESS)
}

/// What is wrong is told before anything is written.
fn check(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    Config::parse(&path.display().to_string(), text, folder)?;
    Ok(())
}

fn asked_for(there: &[Interface], quiet: bool) -> anyhow::Result<String> {
    let table = interfaces::table(there);
    if quiet || !std::io::stdin().is_terminal() {
        bail!("which interface is the mirror port? Name it: camwatch setup --interface NAME\n{table}");
    }
    println!("{table}");
    let likely = there.iter().find(|interface| interface.is_likely());
    let offer = likely.map(|interface| format!(" [{}]", interface.name)).unwrap_or_default();
    let answer = line(&format!("Which one is the mirror port?{offer} "))?;
    match (answer.as_str(), likely) {
        ("", Some(likely)) => Ok(likely.name.clone()),
        ("", None) => bail!("no interface was named"),
        (name, _) => Ok(name.to_owned()),
    }
}

fn agrees(question: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody is there to be asked: add --yes");
    }
    let answer = line(&format!("{question}[Y/n] "))?;
    Ok(matches!(answer.to_lowercase().as_str(), "" | "y" | "yes"))
}

fn line(question: &str) -> anyhow::Result<String> {
    let mut out = std::io::stdout();
    write!(out, "{question}")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

fn systemctl(arguments: &[&str]) -> anyhow::Result<bool> {
    let status = Command::new("systemctl").args(arguments).status().context("systemctl cannot be run")?;
    Ok(status.success())
}

/// Whether systemd runs this machine and knows the unit.
fn systemd_has_the_unit() -> bool {
    let output = || Command::new("systemctl").args(["cat", UNIT]).output();
    sd_notify::booted().unwrap_or(false) && output().is_ok_and(|output| output.status.success())
}

fn start() -> anyhow::Result<ExitCode> {
    if !systemctl(&["enable", "--quiet", UNIT])? {
        bail!("systemctl enable {UNIT} failed: are you root?");
    }
    // Interfaces are opened at the start only: one that runs already has to begin anew.
    if !systemctl(&["restart", UNIT])? {
        bail!("{UNIT} does not start: journalctl -u camwatch -e says why");
    }
    println!("camwatch runs, and will after each boot. Its alerts and log: journalctl -u camwatch");
    Ok(ExitCode::SUCCESS)
}
