//! What is kept outlives a kill and a full disk. The test runs itself again as another process, which is killed, or has
//! a small disk.

mod support;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camwatch::alert::{Alert, Outbox, State, Told, Transition};
use camwatch::analyse::Counts;
use camwatch::geo::Class;
use camwatch::rules::Severity;
use camwatch::store::checkpoint::{Checkpoint, Destination, HourRow, Row};
use camwatch::store::{Health, Put, Store, StoreOptions};
use camwatch::time::Timestamp;
use support::{skip, text};

/// Where the process that is run again finds the database.
const FOLDER: &str = "CAMWATCH_TEST_STORE";

fn options(folder: &Path) -> StoreOptions {
    StoreOptions { path: Some(folder.join("kept.db")), retry: Duration::from_millis(50), ..StoreOptions::default() }
}

fn transition(number: u64, size: usize) -> Transition {
    let time = Timestamp::from_parts(number as i64, 0);
    let alert = Alert {
        id: format!("a{number}"),
        rule: "overseas-rate".into(),
        severity: Severity::Critical,
        runbook: None,
        subject: "gate → 192.0.2.1".to_owned(),
        state: State::Firing,
        since: time,
        fired: Some(time),
        resolved: None,
        summary: "gate called it often".to_owned(),
        evidence: serde_json::json!({ "note": "x".repeat(size) }),
        ptr_claims: std::collections::BTreeMap::new(),
        acknowledged: None,
        suppressed_by: Vec::new(),
        flaps: 0,
        short: String::new(),
    };
    Transition { key: format!("a{number}#1"), event: Told::Firing, time, alert }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Everything that waits for a sink, which takes it.
fn take_all(store: &Store, sink: &str) -> Vec<String> {
    let mut keys = Vec::new();
    loop {
        let waiting = block_on(store.waiting(sink, 100));
        let Some(last) = waiting.last() else { return keys };
        keys.extend(waiting.iter().map(|entry| entry.transition.key.clone()));
        block_on(store.delivered(sink, last.seq));
    }
}

fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(30), "never happened: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// This test file again, with one of its tests that are there to be run so.
fn again(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).env(FOLDER, folder).stdout(Stdio::piped());
    command
}

fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "run by nothing_that_was_said_to_be_written_is_lost_by_a_kill"]
fn puts_until_it_is_killed() {
    let Some(folder) = folder() else { return };
    let store = Store::open(options(&folder)).unwrap();
    block_on(store.set_sinks(&["log".to_owned()]));
    // Two ways of writing in each other's way, as in the daemon.
    let delivers = store.clone();
    std::thread::spawn(move || {
        loop {
            let waiting = block_on(delivers.waiting("log", 7));
            if let Some(entry) = waiting.first() {
                println!("delivered {}", entry.transition.key);
                block_on(delivers.delivered("log", entry.seq));
            }
        }
    });
    let first = folder.join("first");
    let first: u64 = std::fs::read_to_string(first).map_or(0, |text| text.parse().unwrap());
    for number in first.. {
        assert_eq!(store.put(vec![transition(number, 2000)]), Put::Written);
        println!("put {number}");
        let rows = (0..20).map(|key| Row { part: "pair", key: vec![key], bytes: Some(number.to_be_bytes().to_vec()) });
        let whole = store.wants_whole();
        let time = Timestamp::from_parts(number as i64, 0);
        store.checkpoint(Checkpoint { format: 1, whole, time, rows: rows.collect(), ..Checkpoint::default() });
    }
}

#[test]
fn nothing_that_was_said_to_be_written_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut next = 0;
    let mut delivered: Vec<u64> = Vec::new();
    for round in 0..12_u64 {
        std::fs::write(folder.path().join("first"), next.to_string()).unwrap();
        let mut child = Killed(again("puts_until_it_is_killed", folder.path()).spawn().unwrap());
        let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
        let (sender, said) = std::sync::mpsc::channel();
        let reader =
            std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| sender.send(line).unwrap()));
        // From the very beginning to the middle of the work.
        let first = said.recv_timeout(Duration::from_secs(30)).unwrap();
        std::thread::sleep(Duration::from_millis(round * 37));
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        reader.join().unwrap();
        let before = next;
        for line in std::iter::once(first).chain(said.try_iter()) {
            if let Some(number) = line.strip_prefix("put ") {
                next = number.parse::<u64>().unwrap() + 1;
            } else if let Some(key) = line.strip_prefix("delivered a") {
                delivered.push(key.strip_suffix("#1").unwrap().parse().unwrap());
            }
        }
        let database = rusqlite::Connection::open(folder.path().join("kept.db")).unwrap();
        let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok", "round {round}");
        drop(database);
        let store = Store::open(options(folder.path())).unwrap();
        assert_eq!(store.health(), Health::Good);
        for number in before..next {
            assert!(store.reader().alert(&format!("a{number}")).unwrap().is_some(), "{number} is lost");
        }
        // A checkpoint is there as a whole or not at all.
        let restored = store.restore(1).unwrap();
        if let Some(time) = restored.time {
            assert_eq!(restored.rows.len(), 20);
            let number = (time.as_secs() as u64).to_be_bytes();
            assert!(restored.rows.iter().all(|row| row.bytes == number), "{time}");
            for told in &restored.transitions {
                assert!(told.time > time, "{} was part of the checkpoint of {time}", told.key);
            }
        }
    }
    let store = Store::open(options(folder.path())).unwrap();
    block_on(store.set_sinks(&["log".to_owned()]));
    let rest = take_all(&store, "log");
    delivered.extend(rest.iter().map(|key| key[1..key.len() - 2].parse::<u64>().unwrap()));
    let mut highest = None;
    for number in delivered {
        // In order but for repeats; nothing is passed over. One that was put in when the kill came has no line.
        let expected = highest.map_or(0, |highest: u64| highest + 1);
        assert!(number <= expected, "{number} came before {expected}");
        highest = highest.max(Some(number));
    }
    assert!(next > 20, "too little was done to be a test: {next}");
    assert!(highest >= Some(next - 1), "{highest:?} of {next}");
}

#[test]
#[ignore = "run by a_full_disk_loses_nothing_and_holds_nobody_up"]
fn fills_its_disk() {
    let Some(folder) = folder() else { return };
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![0_u8; 1 << 20]).unwrap();
    let store = Store::open(options(&folder)).unwrap();
    block_on(store.set_sinks(&["log".to_owned()]));
    let mut number = 0;
    let mut longest = Duration::ZERO;
    let mut put = |count: u64| {
        let began = Instant::now();
        let result = store.put((number..number + count).map(|number| transition(number, 20_000)).collect());
        number += count;
        longest = longest.max(began.elapsed());
        result
    };
    let mut written = 0;
    while put(1) == Put::Written {
        written += 1;
        assert!(written < 10_000, "the disk never fills");
    }
    let Health::CannotWrite { error, .. } = store.health() else { panic!("{:?}", store.health()) };
    assert!(error.contains("full"), "{error}");
    assert_eq!(put(5), Put::Held);
    let whole = Checkpoint {
        format: 1,
        whole: true,
        rows: vec![Row { part: "pair", key: vec![1], bytes: Some(vec![2]) }],
        ..Checkpoint::default()
    };
    store.checkpoint(whole);
    assert_eq!(store.stats().held, 6);
    let taken = take_all(&store, "log");
    assert_eq!(taken.len() as u64, written + 6, "what is held is sent, and what was written");
    assert!(!store.stats().writable);
    std::fs::remove_file(&ballast).unwrap();
    eventually("written again", || store.health() == Health::Good && store.stats().held == 0);
    eventually("the checkpoint too", || store.restore(1).unwrap().rows.len() == 1);
    assert_eq!(put(1), Put::Written);
    for number in 0..written + 7 {
        assert!(store.reader().alert(&format!("a{number}")).unwrap().is_some(), "{number} is lost");
    }
    assert_eq!(take_all(&store, "log"), [format!("a{}#1", written + 6)], "what was sent from memory is not sent again");
    println!("survived: {written} written before the disk was full, the longest put took {longest:?}");
    assert!(longest < Duration::from_secs(6), "{longest:?}");
}

/// In a mount namespace of its own, so that nothing stays mounted however it ends; without root in a user namespace too.
#[test]
fn a_full_disk_loses_nothing_and_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=4m none \"$CAMWATCH_TEST_STORE\" || exit 77; exec \"$0\" \"$@\"";
    let run = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        let test = std::env::current_exe().unwrap();
        command.args(arguments).args(["sh", "-c", script]).arg(test);
        command.args(["--exact", "fills_its_disk", "--ignored", "--nocapture"]).env(FOLDER, folder.path());
        command.output()
    };
    let mut output = run(&["-m"]);
    if !output.as_ref().is_ok_and(|output| output.status.success()) && !is_root() {
        output = run(&["-r", "-m"]);
    }
    match output {
        Ok(output) if output.status.code() == Some(77) => skip("a tmpfs cannot be mounted"),
        Ok(output) if text(&output.stderr).starts_with("unshare:") => skip("namespaces need root, or to be allowed"),
        Ok(output) => {
            assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
            assert!(text(&output.stdout).contains("survived:"), "{}", text(&output.stdout));
            println!("{}", text(&output.stdout));
        }
        Err(error) => skip(&format!("unshare: {error}")),
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// A limit on the size of files is a disk that is full for this process alone.
#[test]
fn a_file_that_may_not_grow_is_held_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    // Ignored, the signal becomes the error EFBIG.
    let script = "trap '' XFSZ; ulimit -f 600; exec \"$0\" \"$@\"";
    let test = std::env::current_exe().unwrap();
    let output = Command::new("bash")
        .args(["-c", script])
        .arg(test)
        .args(["--exact", "may_not_grow", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("survived"), "{}", text(&output.stdout));
    // With room again, everything that was held when it closed is either there or was said to be held.
    let store = Store::open(options(folder.path())).unwrap();
    assert_eq!(store.health(), Health::Good);
    assert!(store.reader().alert("a0").unwrap().is_some());
}

#[test]
#[ignore = "run by a_file_that_may_not_grow_is_held_in_memory"]
fn may_not_grow() {
    let Some(folder) = folder() else { return };
    let store = Store::open(options(&folder)).unwrap();
    block_on(store.set_sinks(&["log".to_owned()]));
    let mut number = 0;
    while store.put(vec![transition(number, 20_000)]) == Put::Written {
        number += 1;
        assert!(number < 1000, "it grew");
    }
    assert!(matches!(store.health(), Health::CannotWrite { .. }));
    assert_eq!(take_all(&store, "log").len() as u64, number + 1);
    println!("survived");
}

#[test]
fn another_programs_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE song (title TEXT)").unwrap();
    drop(other);
    let before = std::fs::read(&path).unwrap();
    let Err(error) = Store::open(options(folder.path())) else { panic!("it was opened") };
    assert!(error.to_string().contains("another program's database"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

fn hour_row(hour: i64, pair: u32) -> HourRow {
    let first = Timestamp::from_parts(hour * 3600 + i64::from(pair % 60), 0);
    HourRow {
        hour,
        camera: format!("44:19:b6:00:{:02x}:{:02x}", pair / 1280, pair / 5 % 256),
        destination: Destination::Address(std::net::Ipv4Addr::from(0x7800_0000 + pair % 97).into()),
        names: vec![format!("dev-{}.cloud.example", pair % 97)],
        country: Some("CN".to_owned()),
        owner: Some("AS45102 Alibaba (US) Technology Co., Ltd.".to_owned()),
        owner_country: Some("CN".to_owned()),
        class: Class::Overseas,
        services: vec!["tcp/443".parse().unwrap()],
        counts: Counts { attempts: 60, retries: 120, unanswered: 60, bytes_out: 10_800, ..Counts::default() },
        first,
        last: first + Duration::from_secs(3500),
    }
}

/// Prints the figures of docs/store.md: `cargo test --release --test store -- --ignored --nocapture how_large`.
#[test]
#[ignore = "measures, for a minute or so"]
fn how_large_and_how_fast() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    let size = || std::fs::metadata(folder.path().join("kept.db")).unwrap().len();
    let checkpoint = |checkpoint: Checkpoint| {
        let (before, began) = (store.stats().checkpoints, Instant::now());
        store.checkpoint(checkpoint);
        eventually("written", || store.stats().checkpoints > before);
        began.elapsed()
    };
    let pairs = 1000;
    let mut longest = Duration::ZERO;
    let (hours, began) = (300, Instant::now());
    for hour in 0..hours {
        let hours = (0..pairs).map(|pair| hour_row(400_000 + hour, pair)).collect();
        let one = Checkpoint { format: 1, whole: hour == 0, hours, ..Checkpoint::default() };
        longest = longest.max(checkpoint(one));
    }
    let rows = hours * i64::from(pairs);
    let took = began.elapsed();
    println!(
        "{rows} hour rows: {:.1} bytes each, {took:?} in all, the slowest checkpoint of {pairs} rows {longest:?}",
        size() as f64 / rows as f64
    );
    let row = |key: u32| Row { part: "pair", key: key.to_be_bytes().to_vec(), bytes: Some(vec![7; 600]) };
    for count in [1000, 10_000, 50_000] {
        let rows = (0..count).map(row).collect();
        let took = checkpoint(Checkpoint { format: 1, whole: count == 1000, rows, ..Checkpoint::default() });
        println!("a checkpoint of {count} rows of 600 bytes: {took:?}");
    }
    let mut times: Vec<Duration> = (0..500)
        .map(|number| {
            let transition = vec![transition(number, 2000)];
            let began = Instant::now();
            assert_eq!(store.put(transition), Put::Written);
            began.elapsed()
        })
        .collect();
    times.sort();
    println!("put of one transition: median {:?}, the slowest of 500 {:?}", times[250], times[499]);
    let began = Instant::now();
    let mut read = 0;
    let each = |_| {
        read += 1;
        std::ops::ControlFlow::Continue(())
    };
    store.reader().hours(0, i64::MAX, each).unwrap();
    println!("{read} hour rows read: {:?}", began.elapsed());
    drop(store);
    let (bytes, began) = (size(), Instant::now());
    drop(Store::open(options(folder.path())).unwrap());
    println!("opened and checked: {:?} for {} MiB", began.elapsed(), bytes >> 20);
    let began = Instant::now();
    let small = StoreOptions { max_bytes: bytes * 9 / 10, ..options(folder.path()) };
    let store = Store::open(small).unwrap();
    let mut slowest = Duration::ZERO;
    let mut number = 1000;
    while size() > bytes * 9 / 10 {
        number += 1;
        let put = Instant::now();
        store.put(vec![transition(number, 100)]);
        slowest = slowest.max(put.elapsed());
        std::thread::sleep(Duration::from_millis(20));
        assert!(began.elapsed() < Duration::from_secs(300), "{} of {bytes}", size());
    }
    println!(
        "a tenth of it removed in {:?}, the slowest put meanwhile {slowest:?}: {:?}",
        began.elapsed(),
        store.stats().removed
    );
}
