//! `camwatch explain`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::read::{read_files, tell_damages};
use super::watching::Watching;
use crate::report::explain;

/// What `explain` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The camera: its id, one of its addresses, or its name.
    #[arg(value_name = "CAMERA")]
    camera: String,
    /// Whom it calls, an address or a name (all that it calls overseas, if left out); then the files. A word is the
    /// destination if it is an address, or neither a file that exists nor a path.
    #[arg(required = true, value_name = "[DESTINATION] FILES")]
    words: Vec<String>,
    #[command(flatten)]
    watching: Watching,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (destination, files) = split(&arguments.words);
    let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
    let config = arguments.watching.config()?;
    let reading = read_files(&files, &config)?;
    let now = reading.capture.last.unwrap_or_default();
    let text = explain::text(reading.analysis.ledger(), now, &arguments.camera, destination)?;
    super::answer(|out| Ok(out.write_all(text.as_bytes())?))?;
    Ok(tell_damages(&reading))
}

/// The destination, if the first of several words is one, and the files.
fn split(words: &[String]) -> (Option<&str>, &[String]) {
    match words {
        [first, files @ ..] if !files.is_empty() && is_destination(first) => (Some(first), files),
        files => (None, files),
    }
}

fn is_destination(word: &str) -> bool {
    let is_file = word == "-" || word.contains(std::path::MAIN_SEPARATOR) || Path::new(word).exists();
    word.parse::<IpAddr>().is_ok() || !is_file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_told_from_files() {
        let split_of = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let (destination, files) = split(&words);
            (destination.map(str::to_owned), files.len())
        };
        assert_eq!(split_of(&["1.2.3.4", "a.pcap"]), (Some("1.2.3.4".to_owned()), 1));
        assert_eq!(split_of(&["hik-connect.com", "a.pcap", "b.pcap"]), (Some("hik-connect.com".to_owned()), 2));
        assert_eq!(split_of(&["Cargo.toml", "a.pcap"]), (None, 2));
        assert_eq!(split_of(&["./missing.pcap", "a.pcap"]), (None, 2));
        assert_eq!(split_of(&["-"]), (None, 1));
        assert_eq!(split_of(&["missing.pcap"]), (None, 1), "a single word is a file, and its absence an error");
    }
}
