//! Facts as their text: as values they take eight times the room, and most are only looked at when they are told.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The facts of a finding, written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed(Box<str>);

impl Packed {
    /// As values.
    pub(super) fn facts(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl Default for Packed {
    fn default() -> Self {
        Value::Null.into()
    }
}

impl From<Value> for Packed {
    fn from(facts: Value) -> Self {
        Self(facts.to_string().into())
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.facts().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}
