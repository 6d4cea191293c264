//! A made-up capture through a pipeline of its own.

use std::convert::Infallible;
use std::sync::Arc;

use crate::alert::{State, Told, Transition};
use crate::config::Config;
use crate::geo::{Class, Geo};
use crate::pipeline::{Analysis, Front};
use crate::rules::{Kind, SuppressionSpec};
use crate::simulate::{FAR_AWAY, Options, Scenario};
use crate::source::{Frame, LinkType};
use crate::time::Timestamp;

/// Made-up cameras: as many as a surge takes, and one more.
const CAMERAS: u64 = 6;
/// How long it plays, and when they begin to call: after the built-in rules have learnt for 5 minutes, and long enough for
/// a rhythm to be confirmed.
const SECONDS: u64 = 22 * 60;
const CALLS_FROM_MINUTE: u64 = 6;
/// Calls of each camera in an hour: many times what the built-in rules allow.
const RATE: u64 = 1800;
/// Entries of each table that a handful of cameras needs at most.
const ENTRIES: u64 = 10_000;

/// What came of it; the same for the same configuration and start.
#[derive(Debug, Clone, PartialEq)]
pub struct Rehearsal {
    /// Packets that were played.
    pub packets: u64,
    /// Devices that were taken for cameras.
    pub cameras: u64,
    /// What sinks would be told of the calls.
    pub told: Vec<Arc<Transition>>,
    /// Why no alert about calls arose, and what to do; none where one did.
    pub why_not: Option<String>,
}

/// Plays six cameras of a known maker that are quiet from `start` on and after six minutes begin to call an address in
/// China every two seconds, under a configuration and the exceptions that were made while camwatch ran.
pub fn rehearse(config: &Config, geo: Arc<Geo>, exceptions: Vec<SuppressionSpec>, start: Timestamp) -> Rehearsal {
    let mut config = config.clone();
    let limits = &mut config.limits;
    for limit in [&mut limits.flows, &mut limits.cameras, &mut limits.pairs, &mut limits.names, &mut limits.devices] {
        *limit = ENTRIES.min(*limit);
    }
    let mut front = Front::new(&config);
    let mut analysis = Analysis::new(&config, geo);
    for exception in exceptions {
        // One that has ended covers nothing.
        analysis.suppress(exception).unwrap_or_default();
    }
    let options = Options {
        seed: 1,
        cameras: CAMERAS,
        rate: RATE,
        seconds: SECONDS,
        answered: 0.0,
        video: 0.0,
        retries: 0,
        start,
        at_minute: CALLS_FROM_MINUTE,
        people: 0,
        sources: 0,
        readdress: false,
        snaplen: 262_144,
    };
    let mut told = Vec::new();
    let played = Scenario::Onset.scene(&options).play(&mut |time, data| {
        let wire_len = data.len() as u32;
        front.frame(&Frame { time, link: LinkType(1), interface: 0, wire_len, data });
        if let Some(mut batch) = front.due() {
            told.extend(analysis.take(&batch));
            batch.events.clear();
            front.reuse(batch.events);
        }
        Ok::<_, Infallible>(())
    });
    let Ok(()) = played;
    told.extend(analysis.take(&front.finish()));
    told.extend(analysis.finish());
    // That a made-up camera is not in the register is no alert about what it calls.
    let is_of_calls = |transition: &Transition| {
        let rule = config.rules.iter().find(|rule| rule.name == transition.alert.rule);
        rule.is_some_and(|rule| !matches!(rule.kind, Kind::Unregistered(_) | Kind::Silent(_)))
    };
    told.retain(|transition| transition.event == Told::Firing && is_of_calls(transition));
    let cameras = analysis.ledger().cameras().filter(|(_, camera)| camera.attempts > 0).count() as u64;
    let why_not = told.is_empty().then(|| why_not(&config, &analysis, cameras));
    Rehearsal { packets: front.stats().packets, cameras, told: told.into_iter().map(Arc::new).collect(), why_not }
}

/// Why nothing arose, as far as the configuration tells.
fn why_not(config: &Config, analysis: &Analysis, cameras: u64) -> String {
    if cameras == 0 {
        return "the made-up cameras are not taken for cameras: devices are not recognised by their maker's MAC prefix \
                ([watch] vendors = false), and no [[camera]] stands for 44:19:b6:10:00:01 to :06 or 10.20.0.1 to .6; \
                cameras that are not configured by name are not watched"
            .to_owned();
    }
    if config.rules.is_empty() {
        return "no rule is in force: [rules] switches the built-in ones off, and there is no [[rule]]".to_owned();
    }
    let hidden = analysis.suppressed();
    if hidden.iter().any(|alert| alert.state == State::Suppressed) {
        let names: std::collections::BTreeSet<&str> =
            hidden.iter().flat_map(|alert| &alert.suppressed_by).map(AsRef::as_ref).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        return format!(
            "{} alerts arose, and exceptions keep all of them back: {names}; they cover cameras that nobody has configured \
             too: narrow them, or end them with `camwatch alerts unsuppress`",
            hidden.len()
        );
    }
    let place = analysis.ledger().geo().place(FAR_AWAY.into());
    let counts_as = match place.class {
        Class::Overseas => None,
        Class::Internal => Some("internal: `internal` has a range around it"),
        Class::Home => Some("home: `home` names its country"),
        Class::Unknown => Some("of no known country: the sources of [geo] don't know it, or disagree"),
        Class::Special => Some("reserved"),
    };
    let rules: Vec<&str> = config.rules.iter().map(|rule| rule.name.as_ref()).collect();
    let rules = rules.join(", ");
    match counts_as {
        Some(class) => {
            format!("{FAR_AWAY}, which the made-up cameras call, counts as {class}; rules in force: {rules}")
        }
        None => format!(
            "{cameras} made-up cameras called {FAR_AWAY} (China) 1,800 times an hour each, and none of the rules in force \
             is about that: {rules}; a rule may be narrowed to other cameras, destinations or hours, or ask for more calls"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn rehearsed(text: &str) -> Rehearsal {
        let config = Config::parse("c.toml", text, Path::new(".")).unwrap();
        let geo = Arc::new(Geo::open(&config.geo_options()).unwrap());
        rehearse(&config, geo, Vec::new(), Timestamp::from_parts(1_700_000_000, 0))
    }

    #[test]
    fn alerts_arise_by_the_built_in_rules_and_twice_the_same() {
        let first = rehearsed("");
        assert_eq!((first.cameras, &first.why_not), (6, &None));
        let rules: Vec<&str> = first.told.iter().map(|told| told.alert.rule.as_ref()).collect();
        assert!(rules.contains(&"overseas-surge") || rules.contains(&"overseas-rate"), "{rules:?}");
        assert!(first.told[0].alert.destinations().contains(&FAR_AWAY.into()));
        // Each call was made once: 16 minutes of 1,800 an hour.
        let attempts =
            |told: &Arc<Transition>| told.alert.evidence.pointer("/members/0/evidence/pair/attempts").cloned();
        assert!(first.told.iter().filter_map(attempts).all(|attempts| attempts.as_u64() <= Some(480)), "{first:?}");
        assert_eq!(first, rehearsed(""));
    }

    #[test]
    fn what_keeps_alerts_from_arising_is_told() {
        let why = |text: &str| {
            let came = rehearsed(text);
            let told: Vec<&str> = came.told.iter().map(|told| told.alert.summary.as_str()).collect();
            came.why_not.unwrap_or_else(|| panic!("{text}: {told:?}"))
        };
        assert!(why("[rules]\ndefaults = false").starts_with("no rule is in force"));
        assert!(why("[watch]\nvendors = false\nfacts = false").contains("[watch] vendors = false"));
        assert!(why("home = [\"CN\"]").contains("counts as home"));
        assert!(why("internal = [\"120.0.0.0/8\"]").contains("counts as internal"));
        let other =
            "[rules]\ndefaults = false\n[[rule]]\nname = \"ru\"\nkind = \"rate\"\nattempts = 1\ncountries = [\"RU\"]";
        assert!(why(other).contains("none of the rules in force is about that: ru;"), "{}", why(other));
        let all = "[[suppression]]\nname = \"all\"\nreason = \"move\"\nowner = \"me\"\nuntil = \"2099-01-01\"\nrules = [\"*\"]";
        assert!(why(all).contains("exceptions keep all of them back: all;"), "{}", why(all));
    }

    #[test]
    fn configured_cameras_are_enough() {
        let text = "[watch]\nvendors = false\nfacts = false\n[[camera]]\nname = \"lab\"\nrange = [\"10.20.0.0/24\"]";
        assert_eq!(rehearsed(text).why_not, None);
    }
}
