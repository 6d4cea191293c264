//! Prometheus' Alertmanager, API version 2.
//!
//! Alertmanager forgets an alert whose end has come, so what fires is told again every minute with an end four minutes
//! ahead, and once more with its true end when it is over. It tells alerts apart by their labels: these are the rule, the
//! severity and what the alert is about, none of which changes while more cameras join. When an alert becomes worse, the
//! one with the old severity ends in the same message that begins the new one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde::Serialize;

use super::facts::Facts;
use super::http::{self, Http, HttpOptions};
use super::read::Reading;
use super::secret::SecretFile;
use super::{Failure, Kind, Ready, Receiver, Sending, message};
use crate::alert::{Alert, State, Transition};
use crate::time::Timestamp;

/// How often what fires is told again.
const EVERY: Duration = Duration::from_secs(60);
/// An alert that is not told again ends after this many times that long, as Prometheus does it.
const PATIENCE: u32 = 4;
/// Alerts in one message.
const BATCH: usize = 64;
/// Alerts whose labels are known; beyond, one that becomes worse leaves its old self to its end.
const MAX_TOLD: usize = 10_000;

/// An Alertmanager.
#[derive(Debug)]
pub(super) struct Alertmanager {
    url: Url,
    generator: Option<Url>,
    every: Duration,
    http: HttpOptions,
}

/// `url`, `generator_url`, `resend`, and those of [`HttpOptions`].
pub(super) fn read(reading: &mut Reading<'_, '_, '_, '_>) -> Option<Arc<dyn Kind>> {
    let url = reading.url("\"http://127.0.0.1:9093\"");
    let generator = reading.get::<String>("generator_url").and_then(|text| match super::read::web_address(&text) {
        Ok(url) => Some(url),
        Err(what) => {
            reading.problem("generator_url", format!("`generator_url`: {what}: write https://camwatch.example"));
            None
        }
    });
    let every = reading.time("resend", EVERY, Duration::from_secs(1), Duration::from_secs(3600));
    if reading.section.has("events") {
        let message = "`events`: an Alertmanager must hear of all, or alerts would never end there: leave it out";
        reading.problem("events", message);
    }
    let http = HttpOptions::read(reading, url.as_ref());
    let mut url = url?;
    let path = format!("{}/api/v2/alerts", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Some(Arc::new(Alertmanager { url, generator, every, http }))
}

impl Kind for Alertmanager {
    fn open(&self) -> Result<Box<dyn Receiver>, String> {
        let Self { url, generator, every, http } = self;
        let (url, generator, every, http) = (url.clone(), generator.clone(), *every, http.client()?);
        Ok(Box::new(Teller { url, generator, every, http, told: BTreeMap::new() }))
    }

    fn secrets(&self) -> Vec<&SecretFile> {
        self.http.secrets()
    }
}

type Labels = BTreeMap<String, String>;

struct Teller {
    url: Url,
    generator: Option<Url>,
    every: Duration,
    http: Http,
    /// Under which labels each firing alert was last told, by its id.
    told: BTreeMap<String, Labels>,
}

/// One alert as the API takes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    labels: Labels,
    annotations: BTreeMap<&'static str, String>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<String>,
}

/// What tells alerts apart. All stays the same as long as the severity does.
fn labels(alert: &Alert) -> Labels {
    let mut labels = Labels::from([
        ("alertname".to_owned(), alert.rule.to_string()),
        ("severity".to_owned(), alert.severity.to_string()),
    ]);
    match group(alert) {
        Some((kind, value)) => {
            labels.insert(kind.to_owned(), value.to_owned());
            let facts = Facts::of(alert);
            if kind == "camera"
                && let Some(site) = facts.camera().and_then(|camera| camera.site)
            {
                labels.insert("site".to_owned(), site.to_owned());
            }
        }
        None => {
            labels.insert("alert_id".to_owned(), alert.id.clone());
        }
    }
    labels.retain(|_, value| !value.is_empty());
    labels
}

/// What the alert is about, out of its id: `rule/kind/value/since`.
fn group(alert: &Alert) -> Option<(&str, &str)> {
    let rest = alert.id.strip_prefix(alert.rule.as_ref())?.strip_prefix('/')?;
    let (rest, _) = rest.rsplit_once('/')?;
    let (kind, value) = rest.split_once('/')?;
    let plain = |c: char| c.is_ascii_lowercase() || c == '_';
    let free = !kind.is_empty() && kind.chars().all(plain) && !matches!(kind, "alertname" | "severity" | "site");
    (free || kind == "site").then_some((kind, value)).filter(|(_, value)| !value.is_empty())
}

impl Teller {
    fn posted(&self, alert: &Alert, now: Timestamp) -> Posted {
        let mut annotations = BTreeMap::from([
            ("summary", alert.subject.clone()),
            ("description", alert.summary.clone()),
            ("alert_id", alert.id.clone()),
        ]);
        annotations.extend(alert.runbook.as_deref().map(|link| ("runbook_url", link.to_owned())));
        if let Some(taken) = &alert.acknowledged {
            annotations.insert("acknowledged", format!("{}: {}", taken.who, taken.note));
        }
        let ends_at = match alert.state {
            // Never in the future of this machine, whatever the capture's clock says: it is over.
            State::Resolved => alert.resolved.unwrap_or(now).min(now),
            _ => now + self.every * PATIENCE,
        };
        Posted {
            labels: labels(alert),
            annotations,
            // Nor does it begin there, or Alertmanager would not take its end.
            starts_at: alert.since.min(ends_at).min(now),
            ends_at,
            generator_url: self.generator.as_ref().map(Url::to_string),
        }
    }

    /// What to post of these alerts, each as it is last told, with the ends of those that have other labels now.
    fn plan(&mut self, alerts: &[&Alert], now: Timestamp) -> Vec<Posted> {
        let mut all: Vec<Posted> = Vec::new();
        for alert in alerts {
            let posted = self.posted(alert, now);
            let before = self.told.remove(&alert.id);
            if let Some(labels) = before.filter(|labels| *labels != posted.labels) {
                all.retain(|other| other.labels != labels);
                all.push(Posted { labels, ends_at: now, ..posted.clone() });
            }
            if alert.state != State::Resolved && self.told.len() < MAX_TOLD {
                self.told.insert(alert.id.clone(), posted.labels.clone());
            }
            all.retain(|other| other.labels != posted.labels);
            all.push(posted);
        }
        all
    }

    async fn tell(&mut self, alerts: &[&Alert]) -> Result<(), Failure> {
        let before = self.told.clone();
        for part in alerts.chunks(BATCH) {
            let all = self.plan(part, message::now());
            let body = serde_json::to_vec(&all).map_err(Failure::later)?;
            if let Err(failure) = http::send(self.http.post(&self.url, body)).await {
                self.told = before;
                return Err(failure);
            }
        }
        Ok(())
    }
}

impl Receiver for Teller {
    fn prepare(&self, batch: &[Arc<Transition>]) -> Result<usize, Failure> {
        let now = message::now();
        let all: Vec<Posted> = batch.iter().map(|transition| self.posted(&transition.alert, now)).collect();
        let body = serde_json::to_vec(&all).map_err(Failure::later)?;
        if all.is_empty() { Ok(0) } else { http::bytes(self.http.post(&self.url, body)) }
    }

    fn ready(&self, waiting: &[Arc<Transition>], _: Duration) -> Ready {
        // An alert that begins and is over in one message would never have been there.
        let mut ids = std::collections::BTreeSet::new();
        let different = waiting.iter().take(BATCH).take_while(|transition| ids.insert(&transition.alert.id)).count();
        Ready::Now(different)
    }

    fn send<'a>(&'a mut self, batch: &'a [Arc<Transition>]) -> Sending<'a> {
        Box::pin(async move {
            let alerts: Vec<&Alert> = batch.iter().map(|transition| &transition.alert).collect();
            self.tell(&alerts).await
        })
    }

    fn remind_every(&self) -> Option<Duration> {
        Some(self.every)
    }

    fn remind<'a>(&'a mut self, firing: &'a [Alert]) -> Sending<'a> {
        Box::pin(async move {
            let alerts: Vec<&Alert> = firing.iter().filter(|alert| alert.state == State::Firing).collect();
            self.told.retain(|id, _| alerts.iter().any(|alert| alert.id == *id));
            self.tell(&alerts).await
        })
    }

    fn test(&mut self) -> Sending<'_> {
        Box::pin(async move {
            let mut posted = self.posted(&message::test().alert, message::now());
            posted.ends_at = message::now() + Duration::from_secs(60);
            let body = serde_json::to_vec(&[posted]).map_err(Failure::later)?;
            http::send(self.http.post(&self.url, body)).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::sample;
    use super::*;
    use crate::rules::Severity;

    fn teller() -> Teller {
        let toml = "url = \"http://127.0.0.1:9093/prefix/\"";
        let table = toml::de::DeTable::parse(toml).unwrap().into_inner();
        let mut section = crate::settings::Section::top(&table);
        let mut problems = crate::settings::Problems::new("c.toml", toml);
        let folder = std::path::Path::new(".");
        let mut reading = Reading { section: &mut section, folder, problems: &mut problems };
        let url = reading.url("").unwrap();
        let http = HttpOptions::read(&mut reading, Some(&url)).client().unwrap();
        Teller { url, generator: None, every: EVERY, http, told: BTreeMap::new() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_parts(second, 0)
    }

    #[test]
    fn labels_stay_while_more_cameras_join() {
        let mut alert = sample().alert;
        let before = labels(&alert);
        assert_eq!(
            before,
            Labels::from(
                [("alertname", "overseas-rate"), ("severity", "critical"), ("destination", "120.26.96.67")]
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
            )
        );
        alert.subject = "9 cameras → 120.26.96.67".to_owned();
        alert.evidence["count"] = 9.into();
        assert_eq!(labels(&alert), before);
        alert.id = "something else".to_owned();
        assert_eq!(labels(&alert)["alert_id"], "something else");
    }

    #[test]
    fn fires_ahead_of_its_end_and_ends_when_it_is_over() {
        let mut teller = teller();
        let mut alert = sample().alert;
        let now = at(1_500_000_000);
        let posted = teller.plan(&[&alert], now).remove(0);
        assert_eq!((posted.starts_at, posted.ends_at), (alert.since, now + Duration::from_secs(240)));
        assert_eq!(posted.annotations["runbook_url"], "https://intranet.example/cctv");
        (alert.state, alert.resolved) = (State::Resolved, Some(at(1_427_882_400)));
        let posted = teller.plan(&[&alert], now).remove(0);
        assert_eq!(posted.ends_at, at(1_427_882_400));
        assert!(teller.told.is_empty());
        let text = serde_json::to_string(&posted).unwrap();
        assert!(text.contains(r#""startsAt":"2015-04-01T09:00:00Z","endsAt":"2015-04-01T10:00:00Z"}"#), "{text}");
    }

    #[test]
    fn one_that_becomes_worse_ends_as_what_it_was() {
        let mut teller = teller();
        let mut alert = sample().alert;
        alert.severity = Severity::Warning;
        teller.plan(&[&alert], at(1_500_000_000));
        alert.severity = Severity::Critical;
        let posted = teller.plan(&[&alert], at(1_500_000_060));
        let told: Vec<_> = posted.iter().map(|one| (one.labels["severity"].as_str(), one.ends_at)).collect();
        assert_eq!(told, [("warning", at(1_500_000_060)), ("critical", at(1_500_000_300))]);
        assert_eq!(teller.plan(&[&alert], at(1_500_000_120)).len(), 1, "told once");
    }

    #[test]
    fn begin_and_end_of_one_alert_are_two_messages() {
        let one = Arc::new(sample());
        let mut other = sample();
        other.alert.id.push('x');
        assert_eq!(teller().ready(&[one.clone(), Arc::new(other), one], Duration::ZERO), Ready::Now(2));
    }
}
