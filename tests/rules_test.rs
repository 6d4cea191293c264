//! `camwatch rules test`: what is not in force yet, tried on captures and on the hours that a daemon kept.

mod support;

use std::path::Path;

use serde_json::Value;
use support::{camwatch, simulate, text};

fn write(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

fn test(arguments: &[&str]) -> Value {
    let output = camwatch(&[&["rules", "test", "--json"], arguments].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn rules_of(alerts: &Value) -> Vec<&str> {
    alerts.as_array().unwrap().iter().map(|alert| alert["rule"].as_str().unwrap()).collect()
}

#[test]
fn a_new_rule_is_tried_on_a_capture() {
    let folder = tempfile::tempdir().unwrap();
    let capture = simulate(folder.path(), "f.pcap", &["fiumicino", "--hours", "0.1", "--cameras", "4"]);
    let rule = "[[rule]]\nname = \"no-cn\"\nkind = \"policy\"\ndeny_owner_countries = [\"CN\"]\n";
    let rule = write(folder.path(), "new.toml", rule);
    let found = test(&[&rule, "--against", capture.to_str().unwrap()]);
    assert_eq!(rules_of(&found["raised"]), ["no-cn"], "{found}");
    assert_eq!((&found["hidden"], &found["gone"]), (&Value::Array(Vec::new()), &Value::Array(Vec::new())));
}

#[test]
fn a_new_exception_says_what_it_would_have_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let capture = simulate(folder.path(), "f.pcap", &["fiumicino", "--hours", "0.1", "--cameras", "4"]);
    let exception = "[[suppression]]\nname = \"trial\"\nreason = \"trial\"\nowner = \"net\"\nuntil = \"2199-01-01\"\n\
                     addresses = [\"120.26.96.67\"]\n";
    let exception = write(folder.path(), "new.toml", exception);
    let output = camwatch(&["rules", "test", &exception, "--against", capture.to_str().unwrap()]);
    let said = text(&output.stdout);
    assert!(said.contains("would have hidden: 1 alert") && said.contains("by trial"), "{said}");
    assert!(said.contains("would have raised: 0 alerts"), "{said}");
}

#[test]
fn mistakes_say_where_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = write(folder.path(), "new.toml", "[[rule]]\nname = \"x\"\nkind = \"rat\"\n");
    let output = camwatch(&["rules", "test", &wrong, "--against", "none.pcap"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("new.toml:3:8: `rat` is no kind of rule"), "{}", text(&output.stderr));
    let rule = "[[rule]]\nname = \"x\"\nkind = \"rate\"\nper = \"camera\"\nattempts = 5\n";
    let right = write(folder.path(), "right.toml", rule);
    let config = write(folder.path(), "c.toml", "home = [\"GB\"]\n");
    let output = camwatch(&["rules", "test", &right, "--last", "7d", "--config", &config]);
    assert!(text(&output.stderr).contains("[store] path is not set"), "{}", text(&output.stderr));
    let output = camwatch(&["rules", "test", &right]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}
