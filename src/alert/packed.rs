//! Facts, and the same as their text: as values they take eight times the room, and most are only looked at when they are
//! told.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The facts of a finding.
#[derive(Debug, Clone)]
pub struct Packed(Kept);

#[derive(Debug, Clone)]
enum Kept {
    Values(Value),
    Text(Box<str>),
}

impl Packed {
    /// As values.
    pub fn facts(&self) -> Value {
        match &self.0 {
            Kept::Values(values) => values.clone(),
            Kept::Text(text) => serde_json::from_str(text).unwrap_or_default(),
        }
    }

    /// Adds to them, where they are not written down yet.
    pub fn values_mut(&mut self) -> Option<&mut Value> {
        match &mut self.0 {
            Kept::Values(values) => Some(values),
            Kept::Text(_) => None,
        }
    }

    /// Writes them down as text: nothing is to be added.
    pub fn pack(&mut self) {
        if let Kept::Values(values) = &self.0 {
            self.0 = Kept::Text(values.to_string().into());
        }
    }
}

impl PartialEq for Packed {
    fn eq(&self, other: &Self) -> bool {
        self.facts() == other.facts()
    }
}

impl Default for Packed {
    fn default() -> Self {
        Value::Null.into()
    }
}

impl From<Value> for Packed {
    fn from(facts: Value) -> Self {
        Self(Kept::Values(facts))
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.facts().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut facts = Self::from(Value::deserialize(deserializer)?);
        facts.pack();
        Ok(facts)
    }
}
