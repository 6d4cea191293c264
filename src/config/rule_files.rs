//! The rules and exceptions of a configuration: built in, from files, and of its own.

use std::path::Path;
use std::sync::Arc;

use super::{Config, ConfigErrors};
use crate::rules::{self, Rule, Suppression};
use crate::settings::{Problem, Problems, Section, did_you_mean, parse};

/// The rules and exceptions: built in, from files, and from this file; later ones replace earlier ones of the same name.
pub(super) fn rule_list(
    config: &mut Config,
    top: &mut Section<'_, '_>,
    folder: &Path,
    p: &mut Problems<'_>,
) -> Vec<Problem> {
    let mut section = top.section("rules", p);
    let defaults = section.get("defaults", p).unwrap_or(true);
    let disable: Vec<String> = section.list("disable", p).unwrap_or_default();
    let files: Vec<String> = section.list("files", p).unwrap_or_default();
    let mut others = Vec::new();
    let mut all = if defaults { std::mem::take(&mut config.rules) } else { Vec::new() };
    let mut exceptions: Vec<Suppression> = Vec::new();
    let mut add = |(rules, suppressions): (Vec<Rule>, Vec<Suppression>)| {
        lay_over(&mut all, rules, |rule| &rule.name);
        lay_over(&mut exceptions, suppressions, |suppression| &suppression.name);
    };
    for name in files {
        let path = folder.join(&name);
        match std::fs::read_to_string(&path) {
            Err(error) => p.add(section.span_of("files"), format!("`files`: {}: {error}", path.display())),
            Ok(text) => {
                let file = path.display().to_string();
                let mut problems = Problems::new(&file, &text);
                add(rules_of(&text, &mut problems));
                others.extend(problems.into_list());
            }
        }
    }
    add((inline_rules(top, p), inline_suppressions(top, p)));
    for name in disable {
        let known: Vec<&str> = all.iter().map(|rule| rule.name.as_ref()).collect();
        if known.contains(&name.as_str()) {
            all.retain(|rule| *rule.name != *name);
        } else {
            let message = format!("`disable`: there is no rule `{name}`{}", did_you_mean(&name, &known));
            p.add(section.span_of("disable"), message);
        }
    }
    section.finish(p);
    config.rules = all;
    config.suppressions = exceptions;
    others
}

/// Adds what is new; what has a name that is there takes its place.
fn lay_over<T>(all: &mut Vec<T>, more: Vec<T>, name: impl Fn(&T) -> &Arc<str>) {
    for one in more {
        match all.iter_mut().find(|other| name(other) == name(&one)) {
            Some(other) => *other = one,
            None => all.push(one),
        }
    }
}

/// Adds the rules and exceptions of a file, which take the place of those of the same name.
pub(super) fn add_rules(config: &mut Config, path: &Path) -> Result<(), ConfigErrors> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| ConfigErrors::of_file(&file, &error))?;
    let mut problems = Problems::new(&file, &text);
    let (rules, suppressions) = rules_of(&text, &mut problems);
    lay_over(&mut config.rules, rules, |rule| &rule.name);
    lay_over(&mut config.suppressions, suppressions, |suppression| &suppression.name);
    let list = problems.into_list();
    if list.is_empty() { Ok(()) } else { Err(ConfigErrors(list)) }
}

/// The rules and exceptions of a file that holds nothing else.
pub(super) fn rules_of(text: &str, problems: &mut Problems<'_>) -> (Vec<Rule>, Vec<Suppression>) {
    let table = parse(text, problems);
    let mut top = Section::top(&table);
    let found = (inline_rules(&mut top, problems), inline_suppressions(&mut top, problems));
    top.finish(problems);
    found
}

fn inline_suppressions(top: &mut Section<'_, '_>, p: &mut Problems<'_>) -> Vec<Suppression> {
    let mut suppressions: Vec<Suppression> = Vec::new();
    for mut section in top.sections("suppression", p) {
        let (span, source) = (section.span(), section.text());
        if let Some(suppression) = Suppression::read(&mut section, &source, p) {
            if suppressions.iter().any(|other| other.name == suppression.name) {
                let name = &suppression.name;
                p.add(span, format!("there are two suppressions `{name}` in this file: names tell them apart"));
            }
            suppressions.push(suppression);
        }
        section.finish(p);
    }
    suppressions
}

fn inline_rules(top: &mut Section<'_, '_>, p: &mut Problems<'_>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for mut section in top.sections("rule", p) {
        let span = section.span();
        let source = section.text();
        if let Some(rule) = rules::read(&mut section, &source, p) {
            if rules.iter().any(|other| other.name == rule.name) {
                p.add(span, format!("there are two rules `{}` in this file: names tell rules apart", rule.name));
            }
            rules.push(rule);
        }
        section.finish(p);
    }
    rules
}
