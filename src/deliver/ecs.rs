//! Elastic Common Schema 8: a line that Elasticsearch takes without a pipeline.
//!
//! What ECS has a field for stands there; the rest stands under `camwatch`. Evidence is a text with JSON in it: each kind of
//! rule has other facts, and as fields of their own they would fill the index' mapping and contradict each other.

use serde_json::{Map, Value, json};

use super::facts::{DestinationFacts, Facts};
use crate::alert::{State, Told, Transition};
use crate::rules::Severity;

/// The version whose names are used.
const VERSION: &str = "8.17.0";

/// The document of a transition, whose evidence names these, sent from the machine `host`.
pub(super) fn document(transition: &Transition, facts: &Facts<'_>, host: &str) -> Value {
    let alert = &transition.alert;
    let mut event = json!({
        "kind": "alert", "category": ["network"], "type": [event_type(transition.event)],
        "action": transition.event, "id": transition.key, "severity": score(alert.severity),
        "module": "camwatch", "dataset": "camwatch.alert", "provider": "camwatch", "start": alert.since,
    });
    let mut rule = json!({ "name": alert.rule });
    set(&mut rule, "reference", alert.runbook.as_deref());
    set(&mut event, "reference", alert.runbook.as_deref());
    set(&mut event, "end", alert.resolved);
    let mut own = json!({
        "id": alert.id, "severity": alert.severity, "subject": alert.subject, "state": alert.state,
        "cameras": facts.count, "evidence": alert.evidence.to_string(),
    });
    set(&mut own, "fired", alert.fired);
    set(&mut own, "acknowledged", alert.acknowledged.as_ref());
    let claims: Vec<Value> =
        alert.ptr_claims.iter().map(|(address, name)| json!({ "ip": address, "name": name })).collect();
    set(&mut own, "ptr_claims", (!claims.is_empty()).then_some(claims));
    let mut document = json!({
        "@timestamp": transition.time,
        "ecs": { "version": VERSION },
        "message": super::format::sentence(alert),
        "event": event,
        "rule": rule,
        "observer": {
            "vendor": "camwatch", "product": "camwatch", "type": "sensor",
            "version": env!("CARGO_PKG_VERSION"), "hostname": host,
        },
        "camwatch": { "alert": own },
    });
    set(&mut document, "source", source(facts));
    set(&mut document, "destination", facts.destinations.first().and_then(|_| destination(facts)));
    set(&mut document, "network", facts.community_id.map(|id| json!({ "community_id": id })));
    document
}

/// Whether the alert is there or over (`event.type` of ECS).
fn event_type(event: Told) -> &'static str {
    match event {
        Told::Firing => "start",
        Told::Update | Told::Acknowledged => "change",
        Told::Resolved => "end",
    }
}

/// The numbers that Elastic's own rules give for low, medium and critical.
fn score(severity: Severity) -> u32 {
    match severity {
        Severity::Info => 21,
        Severity::Warning => 47,
        Severity::Critical => 99,
    }
}

fn source(facts: &Facts<'_>) -> Option<Value> {
    let mut source = json!({});
    let addresses: Vec<_> = facts.cameras.iter().filter_map(|camera| camera.address).collect();
    // ECS writes 00-00-5E-00-53-23.
    let macs: Vec<String> =
        facts.cameras.iter().filter_map(|camera| Some(camera.mac?.replace(':', "-").to_uppercase())).collect();
    set(&mut source, "ip", one_or_all(&addresses));
    set(&mut source, "mac", one_or_all(&macs));
    filled(source)
}

fn destination(facts: &Facts<'_>) -> Option<Value> {
    let mut destination = json!({});
    let addresses: Vec<_> = facts.destinations.iter().filter_map(|one| one.address).collect();
    set(&mut destination, "ip", one_or_all(&addresses));
    let mut domains: Vec<&str> = facts.destinations.iter().filter_map(|one| one.name).collect();
    domains.dedup();
    set(&mut destination, "domain", one_or_all(&domains));
    if let Some(DestinationFacts { country, owner, .. }) = facts.destination() {
        set(&mut destination, "geo", country.map(|country| json!({ "country_iso_code": country })));
        let owner = owner.map(|(number, name)| json!({ "number": number, "organization": { "name": name } }));
        set(&mut destination, "as", owner);
    }
    filled(destination)
}

/// One value stands by itself; several are a list, which Elasticsearch takes in the same field.
fn one_or_all<T: serde::Serialize>(values: &[T]) -> Option<Value> {
    match values {
        [] => None,
        [one] => Some(json!(one)),
        all => Some(json!(all)),
    }
}

fn set(object: &mut Value, key: &str, value: Option<impl serde::Serialize>) {
    if let (Some(object), Some(value)) = (object.as_object_mut(), value) {
        object.insert(key.to_owned(), json!(value));
    }
}

fn filled(object: Value) -> Option<Value> {
    object.as_object().is_some_and(|object: &Map<_, _>| !object.is_empty()).then_some(object)
}

/// What is left where there is room for little: who, what and when.
pub(super) fn least(transition: &Transition) -> Value {
    let over = transition.alert.state == State::Resolved;
    json!({
        "@timestamp": transition.time,
        "ecs": { "version": VERSION },
        "message": if over { "an alert is over" } else { "an alert fires" },
        "event": { "kind": "alert", "action": transition.event, "id": transition.key },
        "rule": { "name": transition.alert.rule },
    })
}

#[cfg(test)]
mod tests {
    use super::super::message::sample;
    use super::*;

    #[test]
    fn says_in_elastics_words_what_the_alert_says() {
        let transition = sample();
        let document = document(&transition, &Facts::of(&transition.alert), "span-1");
        for (pointer, expected) in [
            ("/@timestamp", json!("2015-04-01T09:00:30Z")),
            ("/ecs/version", json!("8.17.0")),
            ("/event/kind", json!("alert")),
            ("/event/action", json!("firing")),
            ("/event/id", json!(transition.key)),
            ("/event/severity", json!(99)),
            ("/rule/name", json!("overseas-rate")),
            ("/rule/reference", json!("https://intranet.example/cctv")),
            ("/source/ip", json!(["10.20.7.31", "10.20.7.32"])),
            ("/source/mac/0", json!("44-19-B6-00-00-01")),
            ("/destination/ip", json!("120.26.96.67")),
            ("/destination/domain", json!("hik.example")),
            ("/destination/geo/country_iso_code", json!("CN")),
            ("/destination/as/number", json!(37963)),
            ("/destination/as/organization/name", json!("Alibaba")),
            ("/observer/hostname", json!("span-1")),
        ] {
            assert_eq!(document.pointer(pointer), Some(&expected), "{pointer}");
        }
        assert_eq!(document.pointer("/network"), None);
        let evidence = document.pointer("/camwatch/alert/evidence").unwrap().as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(evidence).unwrap(), transition.alert.evidence);
    }
}
