//! The web configuration file: YAML, in the words of Prometheus' exporter-toolkit, and a list of our own.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::tls::{Authentication, Files, Version};
use super::{Role, User};
use crate::settings::{Problem, did_you_mean};

/// bcrypt hashes may cost so much: less is soon guessed, more keeps others waiting.
const COSTS: std::ops::RangeInclusive<u32> = 8..=14;
/// Users at most.
const MAX_USERS: usize = 1000;
/// Larger files are something else.
const MAX_BYTES: u64 = 1 << 20;

/// What the file says.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) tls: Option<Files>,
    pub(super) users: Vec<User>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Document {
    tls_server_config: Option<TlsSection>,
    #[serde(default)]
    basic_auth_users: BTreeMap<String, String>,
    #[serde(default)]
    operators: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsSection {
    cert_file: String,
    key_file: String,
    client_ca_file: Option<String>,
    client_auth_type: Option<Authentication>,
    min_version: Option<Version>,
}

/// Reads and checks the file; every mistake at once, but those of the language itself.
pub(super) fn read(path: &Path) -> Result<Read, Vec<Problem>> {
    let file = path.display().to_string();
    let one = |message: String, line: usize, column: usize| vec![Problem { file: file.clone(), line, column, message }];
    let whole =
        |error: String| one(format!("cannot be read: {error}: check the path, and that this user may read it"), 0, 0);
    let size = path.metadata().map_err(|error| whole(error.to_string()))?.len();
    if size > MAX_BYTES {
        return Err(whole("it is larger than 1 MiB".to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| whole(error.to_string()))?;
    // An empty file says nothing, which is allowed.
    let document: Option<Document> = serde_yaml_ng::from_str(&text).map_err(|error| {
        let (line, column) = error.location().map_or((0, 0), |place| (place.line(), place.column()));
        // Its own words show what stands there, but never the value of a hash.
        one(without_place(&error.to_string()), line, column)
    })?;
    let document = document.unwrap_or_default();
    let mut problems = Vec::new();
    let mut problem = |word: &str, message: String| {
        let (line, column) = place_of(&text, word);
        problems.push(Problem { file: file.clone(), line, column, message });
    };
    let users = users(&document, &mut problem);
    let folder = path.parent().unwrap_or(Path::new(""));
    let tls = document.tls_server_config.map(|section| {
        let required = section.client_auth_type.unwrap_or_default();
        if required.wants_authority() != section.client_ca_file.is_some() {
            problem(
                "client_auth_type",
                "`client_auth_type` and `client_ca_file` go together: name the authority that signs clients' \
                 certificates"
                    .to_owned(),
            );
        }
        Files {
            certificate: folder.join(section.cert_file),
            key: folder.join(section.key_file),
            authority: section.client_ca_file.map(|file| folder.join(file)),
            authentication: required,
            version: section.min_version.unwrap_or_default(),
        }
    });
    if problems.is_empty() { Ok(Read { tls, users }) } else { Err(problems) }
}

fn users(document: &Document, problem: &mut impl FnMut(&str, String)) -> Vec<User> {
    let names: Vec<&str> = document.basic_auth_users.keys().map(String::as_str).collect();
    if names.len() > MAX_USERS {
        problem("basic_auth_users", format!("there are {} users: {MAX_USERS} at most", names.len()));
    }
    for operator in document.operators.iter().filter(|operator| !names.contains(&operator.as_str())) {
        let hint = did_you_mean(operator, &names);
        problem(operator, format!("`operators`: `{operator}` is none of basic_auth_users{hint}"));
    }
    let mut users = Vec::new();
    for (name, hash) in &document.basic_auth_users {
        if name.is_empty() || name.len() > 200 || name.contains(':') || name.contains(char::is_control) {
            problem(name, format!("`{name}`: a user's name is a text on one line without a colon"));
        }
        match hash.parse::<bcrypt::HashParts>() {
            Ok(parts) if COSTS.contains(&parts.get_cost()) => {}
            Ok(parts) => problem(
                name,
                format!("`{name}`: the hash costs {}: make one of 8 to 14 by camwatch hash-password", parts.get_cost()),
            ),
            // The hash itself is not shown.
            Err(_) => problem(name, format!("`{name}`: this is no bcrypt hash: make one by camwatch hash-password")),
        }
        let role = if document.operators.contains(name) { Role::Operator } else { Role::Viewer };
        users.push(User { name: name.clone(), role, hash: hash.clone() });
    }
    users
}

/// The first line that begins with a word, else that has it, from 1; 0: none.
fn place_of(text: &str, word: &str) -> (usize, usize) {
    let found = text.lines().enumerate().find_map(|(at, line)| {
        let column = line.find(|c: char| !c.is_whitespace() && c != '-' && c != '"' && c != '\'')?;
        line.get(column..)?.starts_with(word).then_some((at + 1, column + 1))
    });
    let anywhere = || text.lines().enumerate().find_map(|(at, line)| Some((at + 1, line.find(word)? + 1)));
    found.or_else(anywhere).filter(|_| !word.is_empty()).unwrap_or((0, 0))
}

/// The place stands in front already.
fn without_place(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(what, _)| what).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2b$08$abcdefghijklmnopqrstuu5OGVBPBgKrmOtTlBXVGpDGWJXCCJzVa";

    fn read_text(text: &str) -> Result<Read, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.yml");
        std::fs::write(&path, text).unwrap();
        let wrong = |problems: Vec<Problem>| {
            let shown = |problem: &Problem| format!("{}:{}: {}", problem.line, problem.column, problem.message);
            problems.iter().map(shown).collect()
        };
        read(&path).map_err(wrong)
    }

    #[test]
    fn users_are_viewers_unless_they_are_operators() {
        let read =
            read_text(&format!("basic_auth_users:\n  anna: {HASH}\n  bert: {HASH}\noperators: [anna]\n")).unwrap();
        let roles: Vec<_> = read.users.iter().map(|user| (user.name.as_str(), user.role)).collect();
        assert_eq!(roles, [("anna", Role::Operator), ("bert", Role::Viewer)]);
        assert!(read.tls.is_none());
        assert!(!format!("{read:?}").contains("$2b$"), "no hash is shown");
        assert!(read_text("").unwrap().users.is_empty());
    }

    #[test]
    fn mistakes_have_their_line_and_show_no_hash() {
        let text = format!(
            "basic_auth_users:\n  anna: secret\n  bert: {}\noperators:\n  - ana\n",
            HASH.replace("$08$", "$04$")
        );
        let problems = read_text(&text).unwrap_err();
        assert!(!problems.join("").contains("secret"), "{problems:?}");
        for expected in [
            "2:3: `anna`: this is no bcrypt hash",
            "3:3: `bert`: the hash costs 4",
            "5:5: `operators`: `ana` is none of basic_auth_users: did you mean `anna`?",
        ] {
            assert!(problems.iter().any(|problem| problem.starts_with(expected)), "{expected} is not in {problems:?}");
        }
        let problems = read_text("tls_server_config:\n  cert_file: a\n  key_file: b\n  ciphers: c\n").unwrap_err();
        assert!(problems[0].starts_with("4:3: tls_server_config: unknown field `ciphers`"), "{problems:?}");
        let problems =
            read_text("tls_server_config:\n  cert_file: a\n  key_file: b\n  client_ca_file: c\n").unwrap_err();
        assert!(problems[0].contains("`client_auth_type` and `client_ca_file` go together"), "{problems:?}");
        assert!(read_text("basic_auth_user: {}\n").unwrap_err()[0].starts_with("1:1: unknown field `basic_auth_user`"));
    }
}
