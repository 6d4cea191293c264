//! `camwatch man` and `camwatch completions`: what packages bring beside the program, written from the arguments as they are.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;

/// What `man` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// Where to write a page for each command.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// What `completions` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell, as in `camwatch completions bash > /etc/bash_completion.d/camwatch`.
    shell: clap_complete::Shell,
}

pub(super) fn man(arguments: &Man) -> anyhow::Result<ExitCode> {
    let folder = &arguments.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    clap_mangen::generate_to(super::Arguments::command(), folder)
        .with_context(|| format!("{} cannot be written to", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn completions(arguments: &Completions) -> anyhow::Result<ExitCode> {
    let mut command = super::Arguments::command();
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "camwatch", &mut text);
    super::answer(|out| Ok(out.write_all(&text)?))?;
    Ok(ExitCode::SUCCESS)
}
