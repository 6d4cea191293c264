//! Every GET of the API with 10,000 cameras and 500,000 pairs, while batches are taken in (`cargo bench --bench pages`).
//!
//! A camwatch runs on the loopback interface; its analyser is filled, and then fed, through the same queue as by a capture
//! thread. What is lost of the batches would be lost of packets.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camwatch::config::{CaptureFilter, Config, HttpConfig};
use camwatch::deliver::StatsView;
use camwatch::geo::Geo;
use camwatch::net::{Mac, Protocol, Segment, Service};
use camwatch::pipeline::live::{Analyser, Live, Sources};
use camwatch::pipeline::{Analysis, Batch};
use camwatch::report::schedule::ReportsView;
use camwatch::selftest::SelfTest;
use camwatch::store::{Store, StoreOptions};
use camwatch::time::Timestamp;
use camwatch::track::{Event, EventKind, Outcome, Traffic};
use camwatch::web::api::Api;
use camwatch::web::{Gate, View};

const CAMERAS: u32 = 10_000;
const DESTINATIONS: u32 = 50;
/// Events of a batch, as a capture thread makes them.
const BATCH: usize = 1024;
/// Batches a second: a million events in ten.
const BATCHES: u32 = 100;
const ROUNDS: usize = 40;

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_nanos(since.as_nanos() as i64)
}

/// The events of one call, the `number`th.
fn call(number: u32, time: Timestamp, events: &mut Vec<Event>) {
    let service = Service { protocol: Protocol::Tcp, port: 443 };
    let (camera, destination) = (number % CAMERAS, number / CAMERAS % DESTINATIONS);
    let device = IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + camera + 1));
    let mac = Some(Mac([0x44, 0x19, 0xb6, (camera >> 16) as u8, (camera >> 8) as u8, camera as u8]));
    // In 120.0.0.0/8, most of which is in Asia.
    let to = IpAddr::from(Ipv4Addr::from_bits(0x7800_0000 + destination * 65_536 + camera));
    let event = |kind| Event { time, segment: Segment::Whole, device, mac, kind };
    events.push(event(EventKind::Attempt { destination: to, service }));
    let traffic = Traffic { bytes_out: 60, packets_out: 1, ..Traffic::default() };
    let outcome = Some(Outcome::Unanswered);
    events.push(event(EventKind::Contact { destination: to, service, outcome, traffic }));
}

fn filled(config: &Config, store: &Store) -> Analysis {
    let mut analysis =
        Analysis::continued(config, Arc::new(Geo::built_in()), store.restore(camwatch::saved::FORMAT).unwrap());
    let (start, all) = (now() - Duration::from_secs(3600), CAMERAS * DESTINATIONS);
    for round in 0..6 {
        let mut events = Vec::with_capacity(BATCH + 2);
        for number in 0..all {
            let share = f64::from(number) / f64::from(all);
            let time = start + Duration::from_secs_f64((f64::from(round) + share) * 590.0);
            call(number, time, &mut events);
            if events.len() >= BATCH || number + 1 == all {
                let batch = Batch { events: std::mem::take(&mut events), now: time, frames: 1024, ..Batch::default() };
                analysis.take(&batch);
            }
        }
    }
    analysis
}

/// Feeds the analyser as a capture would, and gives how long the longest wait for it was, and what did not fit.
async fn feed(analyser: Analyser, stop: Arc<AtomicBool>) -> (u64, u64, Duration) {
    let (mut number, mut taken, mut late, mut longest) = (0, 0, 0, Duration::ZERO);
    let mut every = tokio::time::interval(Duration::from_secs(1) / BATCHES);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    while !stop.load(Ordering::Relaxed) {
        every.tick().await;
        let mut events = Vec::with_capacity(BATCH + 2);
        while events.len() < BATCH {
            // Some cameras call often, all of them now and then.
            call(number, now(), &mut events);
            number = number.wrapping_add(7919);
        }
        let batch = Batch { events, now: now(), frames: 1024, ..Batch::default() };
        let began = Instant::now();
        match analyser.ask(move |analysis| ((), analysis.take(&batch))).await {
            Ok(()) => taken += 1,
            Err(_) => late += 1,
        }
        longest = longest.max(began.elapsed());
    }
    (taken, late, longest)
}

fn get(port: u16, path: &str) -> (Duration, usize) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{path}: {}",
        String::from_utf8_lossy(&answer[..answer.len().min(300)])
    );
    (began.elapsed(), answer.len())
}

fn main() {
    // `cargo test --all-targets` only wants to know that it builds and starts.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let folder = std::env::temp_dir().join(format!("camwatch-pages-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let mut config = Config::default();
    config.watch.all = true;
    config.capture.interfaces = vec!["lo".to_owned()];
    config.capture.filter = CaptureFilter::Own("port 1".to_owned());
    config.http = HttpConfig { requests_per_second: 100_000.try_into().unwrap(), ..HttpConfig::default() };
    config.store = StoreOptions { path: Some(folder.join("kept.db")), ..StoreOptions::default() };
    let store = Store::open(config.store.clone()).unwrap();
    let analysis = filled(&config, &store);
    println!("{} cameras, {} pairs", analysis.ledger().cameras().count(), analysis.ledger().pair_count());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let gate = Arc::new(Gate::new(&config.http));
        let sources = Sources::open(&config).unwrap();
        let live = Live::start(config, Arc::new(Geo::built_in()), analysis, store.clone(), sources).unwrap();
        let stop = tokio::sync::watch::Sender::new(false);
        let (view, sinks) = (live.view(), StatsView::default());
        let selftest = SelfTest::new(view.clone(), live.analyser(), sinks.clone());
        let api = Api::new(
            view.clone(),
            live.analyser(),
            store.clone(),
            sinks.clone(),
            ReportsView::default(),
            selftest.clone(),
            stop.subscribe(),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let view = View {
            live: view,
            store: store.clone(),
            sinks,
            reports: ReportsView::default(),
            process: None,
            lockdown: camwatch::lockdown::Lockdown::default(),
            selftest,
        };
        let served = tokio::spawn(camwatch::web::serve(listener, view, api, gate, stop.subscribe()));
        // The first checkpoint writes everything.
        tokio::time::sleep(Duration::from_secs(25)).await;
        let (end, analyser) = (Arc::new(AtomicBool::new(false)), live.analyser());
        let feeding = tokio::spawn(feed(analyser, end.clone()));
        tokio::task::spawn_blocking(move || ask_all(port)).await.unwrap();
        end.store(true, Ordering::Relaxed);
        let (taken, late, longest) = feeding.await.unwrap();
        println!(
            "meanwhile {taken} batches of {BATCH} events were taken, {late} were not; the longest waited {} ms",
            longest.as_millis()
        );
        println!("events lost between capture and analysis: {}", live.view().snapshot().lost_events);
        stop.send_replace(true);
        served.await.unwrap().unwrap();
        tokio::task::spawn_blocking(move || live.stop()).await.unwrap();
    });
    store.close();
    std::fs::remove_dir_all(folder).unwrap();
}

fn ask_all(port: u16) {
    let camera = "/cameras/44%3A19%3Ab6%3A00%3A00%3A07";
    let paths = [
        "/overview?hours=768".to_owned(),
        "/overview".to_owned(),
        "/status".to_owned(),
        "/cameras".to_owned(),
        "/cameras?q=no+such&limit=500".to_owned(),
        "/cameras?sort=beat&country=CN&limit=500&offset=4000".to_owned(),
        camera.to_owned(),
        format!("{camera}/hours?hours=768"),
        format!("{camera}/destinations"),
        format!("{camera}/rhythm?address=120.0.0.7"),
        "/alerts".to_owned(),
        "/rules".to_owned(),
        "/suppressions".to_owned(),
        "/audit".to_owned(),
        "/me".to_owned(),
        "/openapi.json".to_owned(),
    ];
    let (first, _) = get(port, "/cameras");
    println!("the first request, for which the copy is made: {:.0} ms", first.as_secs_f64() * 1000.0);
    let mut times = vec![Vec::new(); paths.len()];
    let mut sizes = vec![0; paths.len()];
    for _ in 0..ROUNDS {
        for (at, path) in paths.iter().enumerate() {
            let (took, size) = get(port, path);
            times[at].push(took);
            sizes[at] = size;
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    println!("{:56} {:>10} {:>10} {:>10}", "GET /api/v1", "median ms", "worst ms", "kB");
    for ((path, mut took), size) in paths.iter().zip(times).zip(sizes) {
        took.sort();
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let (median, worst) = (ms(took[took.len() / 2]), ms(took[took.len() - 1]));
        println!("{path:56} {median:10.1} {worst:10.1} {:10.1}", size as f64 / 1000.0);
    }
}
