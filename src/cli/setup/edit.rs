//! What was answered, written into the configuration with everything else left as it stands.

use std::fmt;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use toml_edit::{Array, DocumentMut, Item, Table, Value};

use crate::geo::Country;

/// What is to be written. Lists that are empty are left as they are.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) interfaces: Vec<String>,
    pub(super) home: Vec<Country>,
    pub(super) internal: Vec<ipnet::IpNet>,
}

impl Answers {
    /// Section, key and values.
    fn settings(&self) -> Vec<(Option<&'static str>, &'static str, Array)> {
        let home: Array = self.home.iter().map(Country::to_string).collect();
        let internal: Array = self.internal.iter().map(ipnet::IpNet::to_string).collect();
        let interfaces: Array = self.interfaces.iter().map(String::as_str).collect();
        let all = [(None, "home", home), (None, "internal", internal), (Some("capture"), "interfaces", interfaces)];
        all.into_iter().filter(|(_, _, values)| !values.is_empty()).collect()
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (section, key, values) in self.settings() {
            let section = section.map(|section| format!("[{section}] ")).unwrap_or_default();
            writeln!(f, "  {section}{key} = {values}")?;
        }
        Ok(())
    }
}

/// The text with the answers in it.
pub(super) fn edited(text: &str, answers: &Answers) -> anyhow::Result<String> {
    let mut document: DocumentMut = text.parse()?;
    for (section, key, values) in answers.settings() {
        let table: &mut Table = match section {
            None => document.as_table_mut(),
            Some(section) => document
                .entry(section)
                .or_insert(Item::Table(Table::new()))
                .as_table_mut()
                .with_context(|| format!("`{section}` is no section"))?,
        };
        match table.get_mut(key).and_then(Item::as_value_mut) {
            Some(value) => {
                // What stands around it, a comment behind it among others, stays.
                let around = value.decor().clone();
                *value = Value::Array(values);
                *value.decor_mut() = around;
            }
            None => {
                table.insert(key, toml_edit::value(values));
            }
        }
    }
    Ok(document.to_string())
}

/// All of the file or none of it, with the rights that it had.
pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let wrong = || format!("{} cannot be written: are you root?", path.display());
    let permissions = path.metadata().with_context(wrong)?.permissions();
    // Where it is a link, what it leads to is written.
    let path = path.canonicalize().with_context(wrong)?;
    let beside = path.with_extension("toml.setup");
    let mut file = std::fs::File::create(&beside).with_context(wrong)?;
    file.set_permissions(permissions).with_context(wrong)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(wrong)?;
    std::fs::rename(&beside, &path).with_context(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_everything_else_stay() {
        let text = "# Mine.\nhome = [\"GB\"] # and no other\n\n[capture]\n# The port.\ninterfaces = []  # none yet\n#: ring = 1\n[x]\ny = 1\n";
        let answers = Answers {
            interfaces: vec!["eth1".to_owned(), "eth2".to_owned()],
            home: vec!["GB".parse().unwrap(), "IE".parse().unwrap()],
            internal: vec!["198.51.100.0/24".parse().unwrap()],
        };
        let after = edited(text, &answers).unwrap();
        assert_eq!(
            after,
            "# Mine.\nhome = [\"GB\", \"IE\"] # and no other\ninternal = [\"198.51.100.0/24\"]\n\n[capture]\n# The port.\n\
             interfaces = [\"eth1\", \"eth2\"]  # none yet\n#: ring = 1\n[x]\ny = 1\n"
        );
        assert_eq!(edited(&after, &answers).unwrap(), after);
        let empty = edited("", &answers).unwrap();
        assert!(empty.contains("[capture]\ninterfaces = [\"eth1\", \"eth2\"]"), "{empty}");
        assert!(edited("capture = 1", &answers).is_err() && edited("a = = 1", &answers).is_err());
    }

    #[test]
    fn the_explained_configuration_is_the_same_afterwards_but_for_the_answers() {
        let text = include_str!("../../../config/camwatch.toml");
        let answers = Answers { interfaces: vec!["enp3s0".to_owned()], ..Answers::default() };
        assert_eq!(edited(text, &answers).unwrap(), text.replace("\"eth1\"]", "\"enp3s0\"]"));
    }
}
