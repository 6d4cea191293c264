//! A restart continues: an analysis that is cut, written down and restored finds what one that was never cut finds.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use camwatch::alert::Transition;
use camwatch::config::Config;
use camwatch::geo::{Class, Geo};
use camwatch::net::{Mac, Segment};
use camwatch::pipeline::{Analysis, Batch, Front, OtherFormat, Restored};
use camwatch::report::document::Capture;
use camwatch::report::{Document, inventory};
use camwatch::saved::{FORMAT, Pieces};
use camwatch::source::Sources;
use camwatch::store::checkpoint::{Checkpoint, CoverageRow, Destination, HourRow};
use camwatch::time::Timestamp;
use camwatch::track::{Event, EventKind, NameKind, NameSeen};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Every kind of rule, and more of them than a council would want.
const RULES: &str = r#"
[rules]
files = ["rules/examples.toml"]

[[rule]]
name = "any-rate"
kind = "rate"
per = "camera and country"
attempts = 20
window = "5 min"
spread_only = true

[[rule]]
name = "new-address"
kind = "new_destination"
by = "address"
per = "site"
learning = "5 min"

[[rule]]
name = "new-name"
kind = "new_destination"
by = "name"
learning = "2 min"

[[rule]]
name = "owner-surge"
kind = "surge"
by = "owner"
surge_cameras = 3
within = "1 h"

[[rule]]
name = "some-volume"
kind = "volume"
bytes = "4 KiB"
window = "30 min"

[[rule]]
name = "rather-long"
kind = "long"
per = "camera and destination"
after = "2 min"

[[rule]]
name = "looks-around"
kind = "lateral"
hosts = 1
window = "20 min"

[[rule]]
name = "any-question"
kind = "dns"
questions = ["*"]
"#;

/// Something to restore from, kept as a store would.
#[derive(Default)]
struct Kept {
    format: u32,
    rows: BTreeMap<(&'static str, Vec<u8>), Vec<u8>>,
    hours: BTreeMap<(i64, String, Destination), HourRow>,
    devices: BTreeMap<String, serde_json::Value>,
    coverage: Vec<CoverageRow>,
}

impl Kept {
    fn take(&mut self, checkpoint: Checkpoint) {
        self.format = checkpoint.format;
        if checkpoint.whole {
            self.rows.clear();
        }
        for row in checkpoint.rows {
            match row.bytes {
                Some(bytes) => self.rows.insert((row.part, row.key), bytes),
                None => self.rows.remove(&(row.part, row.key)),
            };
        }
        for row in checkpoint.hours {
            let key = (row.hour, row.camera.clone(), row.destination);
            match self.hours.get_mut(&key) {
                Some(before) => before.add(row),
                None => {
                    self.hours.insert(key, row);
                }
            }
        }
        self.devices.extend(checkpoint.devices.into_iter().map(|row| (row.id, row.document)));
        self.coverage.extend(checkpoint.coverage);
    }

    fn restored(&self) -> Restored {
        let mut pieces = Pieces::default();
        for ((part, key), bytes) in &self.rows {
            pieces.add(part, key.clone(), Some(bytes.clone()));
        }
        Restored { format: self.format, pieces, ..Restored::default() }
    }
}

/// A capture as the analyser gets it.
struct Replay {
    config: Config,
    geo: Arc<Geo>,
    batches: Vec<Batch>,
    capture: Capture,
}

/// What came of it.
struct Outcome {
    document: String,
    inventory: String,
    told: Vec<Transition>,
    kept: Kept,
    analysis: Analysis,
}

fn config(more: &str) -> Config {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    Config::parse("test.toml", &format!("{RULES}\n{more}"), &folder).unwrap()
}

/// With less room than a configuration may ask for, and everybody watched.
fn narrow(config: &mut Config) {
    config.watch.all = true;
    config.limits.pairs = 24;
    config.limits.names = 40;
    config.limits.devices = 12;
    config.limits.cameras = 9;
}

impl Replay {
    fn of(path: PathBuf, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config("");
        change(&mut config);
        let mut front = Front::new(&config);
        let mut batches = Vec::new();
        let Sources::Captures(mut files) = Sources::open(&[path]).unwrap() else { panic!("a capture") };
        while let Some(frame) = files.next_frame() {
            front.frame(&frame);
            batches.extend(front.due());
        }
        batches.push(front.finish());
        let capture = Capture { last: front.stats().last, ..Capture::default() };
        Self { geo: Arc::new(Geo::built_in()), config, batches, capture }
    }

    fn restore(&self, restored: Restored) -> Analysis {
        Analysis::restore(&self.config, self.geo.clone(), restored).unwrap()
    }

    /// Runs it with a checkpoint after each batch of `at`, and a restart too if `restarts`.
    fn run(&self, restarts: bool, at: impl Fn(usize) -> bool) -> Outcome {
        let mut kept = Kept { format: FORMAT, ..Kept::default() };
        let mut analysis = self.restore(kept.restored());
        let mut told = Vec::new();
        for (number, batch) in self.batches.iter().enumerate() {
            told.extend(analysis.take(batch));
            if at(number) {
                kept.take(analysis.checkpoint());
                if restarts {
                    analysis = self.restore(kept.restored());
                }
            }
        }
        told.extend(analysis.finish());
        kept.take(analysis.checkpoint());
        let alerts = analysis.alerts();
        let document = Document::new(&self.capture, analysis.ledger(), &alerts, 0);
        let devices = inventory::Document::new(&self.capture, analysis.ledger());
        Outcome {
            document: serde_json::to_string_pretty(&document).unwrap(),
            inventory: serde_json::to_string_pretty(&devices).unwrap(),
            told,
            kept,
            analysis,
        }
    }

    /// Cuts it at `cuts` points each by itself, and then at all of very many.
    fn goes_on(&self, cuts: usize) -> Outcome {
        let whole = self.run(false, |_| false);
        let count = self.batches.len();
        for cut in 1..=cuts {
            let at = count * cut / (cuts + 1);
            Self::same(&whole, &self.run(true, |number| number == at), &format!("cut at {at} of {count}"));
        }
        let every = (count / 40).max(1);
        let cut = self.run(true, |number| number % every == 0);
        Self::same(&whole, &cut, &format!("cut at every {every}th of {count}"));
        whole
    }

    fn same(whole: &Outcome, cut: &Outcome, what: &str) {
        first_difference(&whole.document, &cut.document, what);
        first_difference(&whole.inventory, &cut.inventory, what);
        let lines = |told: &[Transition]| {
            told.iter().map(|told| serde_json::to_string(told).unwrap()).collect::<Vec<_>>().join("\n")
        };
        first_difference(&lines(&whole.told), &lines(&cut.told), what);
        assert_eq!(whole.kept.hours.len(), cut.kept.hours.len(), "{what}: hours");
        for (key, row) in &whole.kept.hours {
            let mut other = cut.kept.hours.get(key).unwrap_or_else(|| panic!("{what}: {key:?}")).clone();
            // The order in which they were met, and what was known at the time.
            other.names.clone_from(&row.names);
            other.services.clone_from(&row.services);
            assert_eq!(*row, other, "{what}");
        }
        assert_eq!(whole.kept.coverage, cut.kept.coverage, "{what}: coverage");
        assert_eq!(
            whole.kept.devices.keys().collect::<Vec<_>>(),
            cut.kept.devices.keys().collect::<Vec<_>>(),
            "{what}: devices"
        );
    }
}

fn first_difference(whole: &str, cut: &str, what: &str) {
    let differ = whole.lines().zip(cut.lines()).position(|(a, b)| a != b);
    if let Some(at) = differ {
        let around = |text: &str| text.lines().skip(at.saturating_sub(12)).take(16).collect::<Vec<_>>().join("\n");
        panic!("{what}: line {at}\n--- whole\n{}\n--- cut\n{}", around(whole), around(cut));
    }
    assert_eq!(whole.len(), cut.len(), "{what}");
}

fn simulated(folder: &tempfile::TempDir, arguments: &[&str]) -> PathBuf {
    support::simulate(folder.path(), "capture.pcap", arguments)
}

fn stored(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name)
}

#[test]
fn a_mixed_network_goes_on_over_hours() {
    let folder = tempfile::tempdir().unwrap();
    let path = simulated(&folder, &["mixed", "--hours", "3", "--readdress", "--snaplen", "2000"]);
    let whole = Replay::of(path, |_| ()).goes_on(4);
    assert!(whole.told.len() >= 5, "{}", whole.told.len());
    assert!(whole.analysis.ledger().name_count() >= 5, "{}", whole.analysis.ledger().name_count());
    assert!(whole.kept.coverage.len() > 20, "hours were over");
}

#[test]
fn what_begins_goes_on() {
    let whole = Replay::of(stored("onset.pcap.zst"), |_| ()).goes_on(6);
    assert!(whole.told.iter().any(|told| told.alert.rule.as_ref() == "overseas-surge"));
}

#[test]
fn fiumicino_goes_on() {
    let whole = Replay::of(stored("fiumicino.pcap.zst"), |_| ()).goes_on(6);
    assert_eq!(whole.analysis.ledger().pair_count(), 140);
}

#[test]
fn people_at_their_desks_go_on() {
    let whole = Replay::of(stored("office.pcap.zst"), narrow).goes_on(8);
    assert!(whole.analysis.ledger().evicted_pairs() > 10, "tables are full");
}

#[test]
fn a_camera_that_falls_silent_is_found_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = simulated(&folder, &["silence", "--hours", "3", "--at", "20", "--cameras", "4", "--snaplen", "64"]);
    let whole = Replay::of(path, |_| ()).goes_on(4);
    assert!(whole.told.iter().any(|told| told.alert.rule.as_ref() == "camera-silent"));
}

#[test]
fn hours_add_up_to_what_the_ledger_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = simulated(&folder, &["mixed", "--hours", "2.5", "--snaplen", "2000"]);
    let replay = Replay::of(path, |_| ());
    let outcome = replay.run(true, |number| number % 50 == 0);
    let ledger = outcome.analysis.ledger();
    let mut sums: BTreeMap<(String, Destination), [u64; 6]> = BTreeMap::new();
    for row in outcome.kept.hours.values() {
        let sum = sums.entry((row.camera.clone(), row.destination)).or_default();
        let counts = [
            row.counts.attempts,
            row.counts.answered,
            row.counts.refused,
            row.counts.unanswered,
            row.counts.bytes_out,
            row.counts.pulses,
        ];
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        assert!(row.first <= row.last, "{row:?}");
        assert!(row.hour - 1 <= row.first.as_secs() / 3600 && row.last.as_secs() / 3600 <= row.hour, "{row:?}");
    }
    for (_, pair) in ledger.pairs() {
        let camera = ledger.camera_of(pair.camera).unwrap();
        let sum = sums.remove(&(camera.id.clone(), Destination::Address(pair.address))).unwrap_or_default();
        let counts = [
            pair.counts.attempts,
            pair.counts.answered,
            pair.counts.refused,
            pair.counts.unanswered,
            pair.counts.bytes_out,
            pair.counts.pulses,
        ];
        assert_eq!(sum, counts, "{} {}", camera.id, pair.address);
    }
    for (_, camera) in ledger.cameras() {
        let sum = sums.remove(&(camera.id.clone(), Destination::Internal)).unwrap_or_default();
        assert_eq!(sum[0], camera.internal_attempts, "{}", camera.id);
    }
    assert!(sums.is_empty(), "{sums:?}");
    let hours: std::collections::BTreeSet<i64> = outcome.kept.hours.keys().map(|(hour, ..)| *hour).collect();
    assert_eq!(hours.len(), 3);
}

#[test]
fn hours_of_what_left_the_ledger_are_not_lost() {
    let outcome = Replay::of(stored("office.pcap.zst"), narrow).run(true, |number| number % 30 == 0);
    assert!(outcome.analysis.ledger().evicted_pairs() > 10);
    let attempts: u64 = outcome.kept.hours.values().map(|row| row.counts.attempts).sum();
    assert_eq!(attempts, outcome.analysis.ledger().totals().attempts);
}

#[test]
fn many_small_checkpoints_say_what_one_of_everything_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = simulated(&folder, &["mixed", "--hours", "1.2", "--readdress", "--snaplen", "2000"]);
    for replay in [Replay::of(path, |_| ()), Replay::of(stored("office.pcap.zst"), narrow)] {
        let mut outcome = replay.run(false, |number| number % 7 == 0);
        let mut whole = Kept::default();
        let checkpoint = outcome.analysis.whole_checkpoint();
        assert!(checkpoint.whole);
        whole.take(checkpoint);
        assert_eq!(whole.rows.keys().collect::<Vec<_>>(), outcome.kept.rows.keys().collect::<Vec<_>>());
        for (key, bytes) in &whole.rows {
            assert_eq!(Some(bytes), outcome.kept.rows.get(key), "{} {:?}", key.0, key.1);
        }
        let again = outcome.analysis.checkpoint();
        assert!(again.rows.len() < 12 && !again.whole, "nothing changed since: {}", again.rows.len());
    }
}

#[test]
fn devices_are_told_as_the_inventory_tells_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = simulated(&folder, &["mixed", "--hours", "0.2", "--snaplen", "2000"]);
    let replay = Replay::of(path, |_| ());
    let mut outcome = replay.run(true, |number| number % 20 == 0);
    let mut last = Kept::default();
    last.take(outcome.analysis.whole_checkpoint());
    let inventory: serde_json::Value = serde_json::from_str(&outcome.inventory).unwrap();
    for device in inventory["devices"].as_array().unwrap() {
        let id = device["id"].as_str().unwrap();
        assert_eq!(last.devices.get(id), Some(device), "{id}");
        assert!(outcome.kept.devices.contains_key(id), "{id} was told when it was new");
    }
}

#[test]
fn a_configuration_that_changed_meanwhile_holds_and_the_rest_goes_on() {
    let mut replay = Replay::of(stored("onset.pcap.zst"), |_| ());
    let half = replay.batches.len() * 9 / 10;
    let mut kept = Kept { format: FORMAT, ..Kept::default() };
    let mut analysis = replay.restore(kept.restored());
    for batch in &replay.batches[..half] {
        analysis.take(batch);
    }
    kept.take(analysis.checkpoint());
    let attempts: u64 = analysis.ledger().pairs().map(|(_, pair)| pair.counts.attempts).sum();
    let address = analysis.ledger().cameras().next().unwrap().1.addresses[0];
    let named = format!("[[camera]]\nname = \"gate\"\nsite = \"town hall\"\naddress = \"{address}\"");
    replay.config = config(&named);
    replay.config.limits.cameras = 5;
    replay.config.home = vec!["CN".parse().unwrap()];
    replay.geo = Arc::new(Geo::open(&replay.config.geo_options()).unwrap());
    let restored = replay.restore(kept.restored());
    let ledger = restored.ledger();
    assert_eq!(ledger.cameras().count(), 5, "there is no room for more");
    let camera = ledger.cameras().find(|(_, camera)| camera.addresses.contains(&address)).unwrap().1;
    assert_eq!((camera.name.as_deref(), camera.site.as_deref()), (Some("gate"), Some("town hall")));
    let china = ledger.pairs().filter(|(_, pair)| pair.place.country_text().as_deref() == Some("CN"));
    let classes: Vec<Class> = china.map(|(_, pair)| pair.place.class).collect();
    assert!(!classes.is_empty() && classes.iter().all(|class| *class == Class::Home), "China is home now: {classes:?}");
    let kept_attempts: u64 = ledger.pairs().map(|(_, pair)| pair.counts.attempts).sum();
    assert!(kept_attempts > 0 && kept_attempts < attempts);
    assert_eq!(ledger.totals(), analysis.ledger().totals());
    assert!(!restored.alerts().is_empty());
}

#[test]
fn another_format_is_refused_with_what_it_is() {
    let restored = Restored { format: FORMAT + 1, ..Restored::default() };
    let error = Analysis::restore(&Config::default(), Arc::new(Geo::built_in()), restored).err().unwrap();
    assert_eq!(error, OtherFormat(FORMAT + 1));
}

/// A capture, and what was kept of it at its end.
fn onset() -> &'static (Replay, Kept) {
    static ONSET: OnceLock<(Replay, Kept)> = OnceLock::new();
    ONSET.get_or_init(|| {
        let mut replay = Replay::of(stored("onset.pcap.zst"), |_| ());
        let outcome = replay.run(false, |number| number % 100 == 0);
        replay.batches.drain(..replay.batches.len() - 2);
        (replay, outcome.kept)
    })
}

/// Goes on from what was kept, however damaged, and looks at all that there is. Gives the next checkpoint.
fn must_go_on(replay: &Replay, rows: BTreeMap<(&'static str, Vec<u8>), Vec<u8>>) -> Checkpoint {
    let mut kept = Kept { rows, format: FORMAT, ..Kept::default() };
    let mut analysis = replay.restore(kept.restored());
    for batch in &replay.batches {
        analysis.take(batch);
    }
    analysis.finish();
    let alerts = analysis.alerts();
    let document = Document::new(&replay.capture, analysis.ledger(), &alerts, 0);
    serde_json::to_string(&document).unwrap();
    let next = analysis.checkpoint();
    kept.take(next.clone());
    let again = replay.restore(kept.restored());
    assert_eq!(again.ledger().totals(), analysis.ledger().totals());
    assert_eq!(again.ledger().pair_count(), analysis.ledger().pair_count());
    next
}

#[test]
fn a_piece_that_cannot_be_read_is_left_out_and_the_rest_goes_on() {
    let (replay, kept) = onset();
    for key in kept.rows.keys() {
        let mut rows = kept.rows.clone();
        rows.insert(key.clone(), vec![0xc1]);
        assert!(must_go_on(replay, rows).whole, "{}: what could not be read must not stay", key.0);
    }
    assert!(!must_go_on(replay, kept.rows.clone()).whole);
    let others = kept.rows.clone().into_iter().filter(|((part, _), _)| *part != "camera");
    let kept = Kept { rows: others.collect(), format: FORMAT, ..Kept::default() };
    let analysis = replay.restore(kept.restored());
    assert_eq!((analysis.ledger().cameras().count(), analysis.ledger().pairs().count()), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_panic(changes in vec((any::<Index>(), any::<Index>(), any::<u8>(), 0_u8..5), 1..12)) {
        let (replay, kept) = onset();
        let mut rows = kept.rows.clone();
        let keys: Vec<_> = rows.keys().cloned().collect();
        for (row, other, byte, how) in changes {
            let key = &keys[row.index(keys.len())];
            let donor = rows.get(&keys[other.index(keys.len())]).cloned().unwrap_or_default();
            let Some(bytes) = rows.get_mut(key) else { continue };
            match how {
                0 => bytes.truncate(other.index(bytes.len() + 1)),
                1 => *bytes = donor,
                2 => {
                    // A number of eight bytes becomes the highest, or the lowest, that there is.
                    let numbers: Vec<usize> =
                        bytes.iter().enumerate().filter(|(_, byte)| matches!(byte, 0xcf | 0xd3)).map(|(at, _)| at).collect();
                    if !numbers.is_empty() {
                        let at = numbers[other.index(numbers.len())];
                        let end = bytes.len().min(at + 9);
                        bytes[at + 1..end].fill(if byte % 2 == 0 { 0xff } else { 0x00 });
                        if let Some(top) = bytes.get_mut(at + 1) {
                            *top = byte | 0x7f;
                        }
                    }
                }
                3 => { rows.remove(key); }
                _ => {
                    let at = other.index(bytes.len().max(1));
                    if let Some(there) = bytes.get_mut(at) {
                        *there = byte;
                    }
                }
            }
        }
        must_go_on(replay, rows);
    }
}

/// Four cameras that call all the time, and two made-up ones a minute that call once each.
fn flood(cameras: u64) -> Replay {
    let mut config = config("[[camera]]\nname = \"gate\"\naddress = \"10.0.0.1\"");
    config.limits.cameras = cameras;
    let mut batches = Vec::new();
    for minute in 0..200_u32 {
        let now = Timestamp::from_parts(1_427_878_800 + i64::from(minute) * 60, 0);
        let mut events = Vec::new();
        let mut meet = |number: u32, destination: u32| {
            let (device, destination) = (IpAddr::from((0x0a00_0000 | number).to_be_bytes()), china(destination));
            let [_, _, c, d] = number.to_be_bytes();
            let mac = Mac([0x44, 0x19, 0xb6, 0, c, d]);
            let mut seen = NameSeen::said(NameKind::Dns, format!("{destination}.example"));
            (seen.addresses, seen.ttl_s) = (vec![destination], 60);
            let service = "tcp/443".parse().unwrap();
            for kind in [
                EventKind::Present { link: Some(mac) },
                EventKind::Name(Box::new(seen)),
                EventKind::Attempt { destination, service },
                EventKind::Attempt { destination: IpAddr::from([10, 9, 0, 1]), service },
            ] {
                events.push(Event { time: now, segment: Segment::Whole, device, mac: Some(mac), kind });
            }
        };
        (1..5).for_each(|number| meet(number, number));
        (0..2).for_each(|one| meet(1000 + 2 * minute + one, 1000 + 2 * minute + one));
        batches.push(Batch { events, now, frames: 24, lost: 0, down: false });
    }
    Replay { config, geo: Arc::new(Geo::built_in()), batches, capture: Capture::default() }
}

fn china(number: u32) -> IpAddr {
    IpAddr::from((0x7818_0000_u32 + number).to_be_bytes())
}

#[test]
fn cameras_that_make_room_are_gone_after_a_restart_too() {
    let replay = flood(64);
    let whole = replay.run(false, |number| number % 50 == 0);
    Replay::same(&whole, &replay.run(true, |number| number % 50 == 0), "cut at every 50th");
    // Coverage is told of those that are there at a checkpoint.
    let often = replay.run(false, |number| number % 7 == 0);
    Replay::same(&often, &replay.run(true, |number| number % 7 == 0), "cut at every 7th");
    let ledger = whole.analysis.ledger();
    assert!(ledger.evicted_cameras() > 100 && ledger.cameras_left_out() > 100, "{}", ledger.evicted_cameras());
    for number in 1..5_u8 {
        let address = IpAddr::from([10, 0, 0, number]);
        let (_, camera) = ledger.cameras().find(|(_, camera)| camera.addresses == [address]).unwrap();
        assert_eq!((camera.attempts, camera.overseas_attempts, camera.internal_attempts), (400, 200, 200));
    }
    let attempts: u64 = whole.kept.hours.values().map(|row| row.counts.attempts).sum();
    assert_eq!(attempts, ledger.totals().attempts, "of those that left, too");
    // Of nobody an alert holds that is not there.
    let there: BTreeSet<&str> = ledger.cameras().map(|(_, camera)| camera.id.as_str()).collect();
    let alerts = whole.analysis.alerts();
    let stranger = alerts.iter().find(|alert| &*alert.rule == "camera-unregistered").unwrap();
    let members = stranger.evidence["members"].as_array().unwrap();
    let holding = members.iter().filter(|member| member["holds"] == true);
    let holding: BTreeSet<&str> = holding.map(|member| member["subject"].as_str().unwrap()).collect();
    assert!(holding.len() > 50 && holding.is_subset(&there), "{:?}", holding.difference(&there));
    assert!(members.len() > holding.len() + 100, "those that left are told as cleared");
}
