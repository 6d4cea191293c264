//! `kind = "listed"`: a camera calls an address, or asks for or calls a name, that stands on a list.

use std::sync::Arc;

use serde_json::json;

use super::judged::{Breach, Judge};
use super::list::{Entry, List};
use super::target::{By, Target};
use super::{Kind, Takes};
use crate::analyse::{Camera, NamePair, Pair};
use crate::net::Service;
use crate::settings::{Problems, Section};

/// Lists, as declared and read.
#[derive(Debug)]
pub struct Listed {
    lists: Vec<List>,
}

pub(super) fn read(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Kind> {
    let lists = read_lists(section, problems)?;
    if lists.is_empty() {
        let message = "a listed rule needs `lists`: files with one address, range or name a line, as in \
                       lists = [\"lists/blocked.txt\"], found from the folder of this file";
        problems.add(section.span_of("lists"), message);
        return None;
    }
    Some(Kind::Listed(Arc::new(Listed { lists })))
}

/// Reads the files of the key `lists`; none where one cannot be read.
pub(super) fn read_lists(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Vec<List>> {
    let names: Vec<String> = section.list("lists", problems).unwrap_or_default();
    let mut lists = Vec::new();
    for name in &names {
        let path = problems.folder().join(name);
        match List::load(&path) {
            Ok(list) => lists.push(list),
            Err(error) => {
                let message =
                    format!("`lists`: {}: {error}: check the path, and that this user may read it", path.display());
                problems.add(section.span_of("lists"), message);
            }
        }
    }
    (lists.len() == names.len()).then_some(lists)
}

/// What stands on the lists, as `find` looks for it; `name` is the name that is looked for, if it is one.
pub(super) fn breach(lists: &[List], find: impl Fn(&List) -> Option<Entry>, name: Option<&str>) -> Option<Breach> {
    let (list, entry) = lists.iter().find_map(|list| Some((list, find(list)?)))?;
    let file = list.path.display().to_string();
    let under = name.filter(|name| *name != entry.text).map_or_else(String::new, |name| format!("{name} is under "));
    Some(Breach {
        reason: format!("{under}{} on the list {file} (line {})", entry.text, entry.line),
        evidence: json!({ "part": "lists", "list": file, "line": entry.line, "entry": entry.text }),
        target: name.map(|name| Target::Name(name.into())),
    })
}

impl Listed {
    /// The files.
    pub fn lists(&self) -> &[List] {
        &self.lists
    }
}

impl Judge for Listed {
    fn takes(&self) -> Takes {
        Takes::ATTEMPTS.and(Takes::CONTACTS).and(Takes::PULSES).and(Takes::NAMES)
    }

    fn by(&self) -> By {
        By::Address
    }

    fn reads_files(&self) -> bool {
        true
    }

    fn call(&self, _: &Camera, pair: &Pair, _: Service) -> Option<Breach> {
        let by_address = breach(&self.lists, |list| list.address(pair.address), None);
        let names =
            || pair.names.iter().find_map(|name| breach(&self.lists, |list| list.name(&name.name), Some(&name.name)));
        by_address.or_else(names)
    }

    fn name(&self, _: &Camera, name: &NamePair) -> Option<Breach> {
        breach(&self.lists, |list| list.name(&name.name), Some(&name.name))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, rule};

    #[test]
    fn a_list_that_changed_ends_what_stands_on_it_no_longer_and_finds_what_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.txt");
        let keys = format!("lists = {path:?}");
        std::fs::write(&path, "120.26.96.67\nevil.example\n").unwrap();
        let mut bench = Bench::new("listed", &keys);
        bench.call(0, "120.26.96.67", "tcp/443");
        bench.call(0, "8.8.8.8", "tcp/443");
        bench.ask(1, "www.evil.example", &[]);
        bench.ask(1, "good.example", &[]);
        let found = bench.look(10);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("120.26.96.67 on the list") && found[0].contains("bad.txt (line 1)"), "{found:?}");
        assert!(found[1].starts_with("+ asked for www.evil.example: www.evil.example is under evil.example on"));
        std::fs::write(&path, "evil.example\n8.8.8.0/24\n").unwrap();
        bench.renew("listed", &keys);
        bench.call(90, "8.8.8.8", "tcp/443");
        let found = bench.look(100);
        assert!(found.iter().any(|text| text == "- destination 120.26.96.67"), "{found:?}");
        assert!(found.iter().any(|text| text.contains("8.8.8.0/24 on the list")), "{found:?}");
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_question_and_the_call_that_follows_are_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.txt");
        std::fs::write(&path, "evil.example\n").unwrap();
        let mut bench = Bench::new("listed", &format!("lists = {path:?}"));
        bench.ask(0, "evil.example", &["8.8.8.8"]);
        bench.call(1, "8.8.8.8", "tcp/443");
        assert_eq!(bench.look(10).len(), 1);
        assert!(bench.look(3590).is_empty());
        assert_eq!(bench.look(3601), ["- name evil.example"]);
    }

    #[test]
    fn a_file_that_is_not_there_is_told_with_its_place() {
        let problems = rule("listed", "lists = [\"nowhere.txt\"]").unwrap_err();
        assert!(problems[0].starts_with("r.toml:3:9: `lists`: nowhere.txt:"), "{problems:?}");
        assert!(rule("listed", "").unwrap_err()[0].contains("a listed rule needs `lists`"));
    }
}
