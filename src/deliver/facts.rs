//! What an alert's evidence names, for formats that have places of their own for it.

use std::net::IpAddr;

use serde_json::Value;

use crate::alert::Alert;

/// Cameras and destinations that formats list at most.
pub(super) const LISTED: usize = 100;

/// What an alert is about.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Facts<'a> {
    /// The cameras, as far as the evidence lists them, [`LISTED`] at most.
    pub(super) cameras: Vec<CameraFacts<'a>>,
    /// How many there are.
    pub(super) count: u64,
    /// Who is called, each once, [`LISTED`] at most.
    pub(super) destinations: Vec<DestinationFacts<'a>>,
    /// The one flow that is meant, if one is.
    pub(super) community_id: Option<&'a str>,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct CameraFacts<'a> {
    pub(super) id: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) site: Option<&'a str>,
    pub(super) mac: Option<&'a str>,
    /// The latest of its addresses.
    pub(super) address: Option<IpAddr>,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct DestinationFacts<'a> {
    pub(super) address: Option<IpAddr>,
    pub(super) name: Option<&'a str>,
    /// Two letters; none where it is unknown or databases disagree.
    pub(super) country: Option<&'a str>,
    pub(super) owner: Option<(u64, &'a str)>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(alert: &'a Alert) -> Self {
        let evidence = &alert.evidence;
        let members = evidence.get("members").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut facts = Self {
            count: evidence.get("count").and_then(Value::as_u64).unwrap_or(members.len() as u64),
            community_id: evidence.get("community_id").and_then(Value::as_str),
            ..Self::default()
        };
        // The evidence of a group, then that of its members.
        for (subject, one) in std::iter::once(("", evidence)).chain(members.iter().filter_map(|member| {
            Some((member.get("subject").and_then(Value::as_str).unwrap_or(""), member.get("evidence")?))
        })) {
            if let Some(camera) = one.get("camera") {
                facts.add_camera(CameraFacts::of(camera, subject));
            }
            if let Some(pair) = one.get("pair") {
                facts.add_destination(DestinationFacts::of(pair));
            }
            if members.len() == 1 {
                facts.community_id = facts.community_id.or_else(|| one.get("community_id")?.as_str());
            }
        }
        if let Some(text) = evidence.get("destination").and_then(Value::as_str) {
            let address = text.parse().ok();
            let name = address.is_none().then_some(text);
            let known = facts.destinations.iter().any(|one| {
                address.is_some() && one.address == address || name.is_some_and(|name| one.name == Some(name))
            });
            if !known {
                facts.add_destination(DestinationFacts { address, name, ..DestinationFacts::default() });
            }
        }
        facts
    }

    /// Lists so many cameras and destinations at most: of several destinations not so few that one stands for all.
    pub(super) fn shorten(&mut self, most: usize) {
        self.cameras.truncate(most);
        self.destinations.truncate(most.max(2));
    }

    fn add_camera(&mut self, camera: CameraFacts<'a>) {
        if self.cameras.len() < LISTED && !camera.id.is_empty() && !self.cameras.iter().any(|one| one.id == camera.id) {
            self.cameras.push(camera);
        }
    }

    fn add_destination(&mut self, destination: DestinationFacts<'a>) {
        let known = self.destinations.iter().any(|one| one.address == destination.address);
        if self.destinations.len() < LISTED && destination != DestinationFacts::default() && !known {
            self.destinations.push(destination);
        }
    }

    /// The destination, where there is one only.
    pub(super) fn destination(&self) -> Option<&DestinationFacts<'a>> {
        self.destinations.first().filter(|_| self.destinations.len() == 1)
    }

    /// The camera, where there is one only.
    pub(super) fn camera(&self) -> Option<&CameraFacts<'a>> {
        self.cameras.first().filter(|_| self.count <= 1 && self.cameras.len() == 1)
    }
}

impl<'a> CameraFacts<'a> {
    fn of(camera: &'a Value, subject: &'a str) -> Self {
        // The group's own evidence may name a camera by a text alone.
        let fact = |key| camera.get(key).and_then(Value::as_str);
        let addresses = camera.get("addresses").and_then(Value::as_array);
        Self {
            id: fact("id").or_else(|| camera.as_str()).unwrap_or(subject),
            name: fact("name"),
            site: fact("site"),
            mac: fact("mac"),
            address: addresses.and_then(|all| all.last()?.as_str()?.parse().ok()),
        }
    }

    /// As people call it.
    pub(super) fn text(&self) -> String {
        let lead = self.name.map(str::to_owned).or_else(|| self.address.map(|address| address.to_string()));
        let lead = lead.unwrap_or_else(|| self.id.to_owned());
        let address = self.address.map(|address| address.to_string()).filter(|address| *address != lead);
        let others: Vec<&str> = [address.as_deref(), self.mac, self.site].into_iter().flatten().collect();
        if others.is_empty() { lead } else { format!("{lead} ({})", others.join(", ")) }
    }
}

impl<'a> DestinationFacts<'a> {
    fn of(pair: &'a Value) -> Self {
        let fact = |key| pair.get(key).and_then(Value::as_str);
        Self {
            address: fact("address").and_then(|address| address.parse().ok()),
            name: pair.get("names").and_then(|names| names.as_array()?.first()?.as_str()),
            country: fact("country").filter(|country| country.len() == 2),
            owner: fact("owner").and_then(|owner| {
                let (number, name) = owner.strip_prefix("AS")?.split_once(' ')?;
                Some((number.parse().ok()?, name))
            }),
        }
    }

    /// As people call it.
    pub(super) fn text(&self) -> String {
        let address = self.address.map(|address| address.to_string());
        let owner = self.owner.map(|(number, name)| format!("AS{number} {name}"));
        let facts = [self.name, address.as_deref(), self.country, owner.as_deref()];
        facts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::sample;
    use super::*;

    #[test]
    fn names_the_cameras_and_the_destination() {
        let transition = sample();
        let facts = Facts::of(&transition.alert);
        assert_eq!(facts.count, 2);
        assert_eq!(facts.cameras[0].text(), "gate (10.20.7.31, 44:19:b6:00:00:01, town hall)");
        assert_eq!(facts.cameras[1].text(), "10.20.7.32 (44:19:b6:00:00:02)");
        let destination = facts.destination().unwrap();
        assert_eq!(destination.text(), "hik.example, 120.26.96.67, CN, AS37963 Alibaba");
        assert_eq!(destination.owner, Some((37963, "Alibaba")));
        assert_eq!(facts.camera(), None, "there are two");
    }

    #[test]
    fn any_evidence_is_taken() {
        for evidence in
            ["null", "[1]", r#"{"members":[1,{"evidence":{"camera":7,"pair":null}}],"destination":"x.example"}"#]
        {
            let mut transition = sample();
            transition.alert.evidence = serde_json::from_str(evidence).unwrap();
            assert!(Facts::of(&transition.alert).cameras.is_empty());
        }
    }
}
