//! `message` of a rule: how its alerts are told, with named fields.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The fields that a message may name.
const FIELDS: [&str; 16] = [
    "rule",
    "severity",
    "subject",
    "count",
    "camera",
    "camera_id",
    "camera_address",
    "site",
    "asset",
    "vendor",
    "destination",
    "names",
    "country",
    "owner",
    "reason",
    "since",
];
/// Characters of a message at most, as declared, and once its fields stand in it.
const MAX_DECLARED: usize = 500;
const MAX_WRITTEN: usize = 2000;

/// A text with fields in braces, such as `{camera} calls {destination}: {reason}`. `{{` and `}}` stand for braces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(Arc<str>);

/// A piece of a template.
enum Piece<'a> {
    Text(&'a str),
    Field(&'a str),
}

impl Template {
    /// Checks a text; the error says what would be right.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() || text.contains(char::is_control) || text.chars().count() > MAX_DECLARED {
            return Err(format!("write a text on one line, of {MAX_DECLARED} characters at most"));
        }
        for piece in pieces(text)? {
            if let Piece::Field(name) = piece
                && !FIELDS.contains(&name)
            {
                let hint = crate::settings::did_you_mean(name, &FIELDS);
                return Err(format!("there is no field `{{{name}}}`{hint}; fields are {}", FIELDS.join(", ")));
            }
        }
        Ok(Self(text.into()))
    }

    /// The text with its fields, where `field` knows them; what is not known is told as `unknown`.
    pub(super) fn write(&self, field: impl Fn(&str) -> Option<String>) -> String {
        let mut text = String::new();
        for piece in pieces(&self.0).unwrap_or_default() {
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Field(name) => text.push_str(field(name).as_deref().unwrap_or("unknown")),
            }
        }
        // What devices say of themselves may stand in it.
        text.chars().filter(|c| !c.is_control()).take(MAX_WRITTEN).collect()
    }
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        pieces.push(Piece::Text(before));
        if from.starts_with("{{") || from.starts_with("}}") {
            pieces.push(Piece::Text(from.get(..1).unwrap_or_default()));
            rest = from.get(2..).unwrap_or_default();
        } else if let Some((name, after)) = from.strip_prefix('{').and_then(|from| from.split_once('}')) {
            pieces.push(Piece::Field(name));
            rest = after;
        } else {
            return Err("a brace stands alone: write {camera} for a field, {{ or }} for a brace".to_owned());
        }
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

/// A fact of a member's evidence, for people.
pub(super) fn fact(evidence: &Value, field: &str) -> Option<String> {
    let text = |path: &str| match evidence.pointer(path)? {
        Value::String(text) => Some(text.clone()),
        Value::Array(all) if !all.is_empty() => {
            Some(all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
        }
        _ => None,
    };
    match field {
        "camera_id" => text("/camera/id"),
        "camera_address" => {
            let all = evidence.pointer("/camera/addresses")?.as_array()?;
            all.last()?.as_str().map(str::to_owned)
        }
        "site" => text("/camera/site"),
        "asset" => text("/camera/asset"),
        "vendor" => text("/camera/vendor"),
        "names" => text("/pair/names").or_else(|| text("/pair/name")).or_else(|| text("/name/name")),
        "country" => text("/pair/country"),
        "owner" => text("/pair/owner"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_put_in_and_braces_stay() {
        let template = Template::new("{camera} at {site}: {{x}} {reason}").unwrap();
        let written = template.write(|field| (field != "site").then(|| field.to_uppercase()));
        assert_eq!(written, "CAMERA at unknown: {x} REASON");
    }

    #[test]
    fn what_is_no_field_is_refused() {
        assert!(Template::new("{camra} calls").unwrap_err().contains("did you mean `camera`?"));
        for text in ["{camera", "camera}", "", "a\nb", "{}"] {
            assert!(Template::new(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[{}a-zé ]{0,40}") {
            if let Ok(template) = Template::new(&text) {
                template.write(|_| None);
            }
        }
    }
}
