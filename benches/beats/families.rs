//! Labelled series of events: 17 families of beacons, 10 of ordinary traffic, and some of each that nothing is tuned on.
//!
//! Each series is what one pair of camera and destination shows in a window of an hour or a day: times in seconds from the
//! window's start, and bytes sent with each event.

use super::draw::Draw;

/// One event: seconds from the window's start, bytes.
pub type Event = (f64, f64);

/// A family of series.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    pub name: &'static str,
    pub beacon: bool,
    /// Never looked at while tuning.
    pub held_out: bool,
    make: fn(&mut Draw, f64) -> Vec<f64>,
}

const fn beacon(name: &'static str, make: fn(&mut Draw, f64) -> Vec<f64>) -> Family {
    Family { name, beacon: true, held_out: false, make }
}

const fn benign(name: &'static str, make: fn(&mut Draw, f64) -> Vec<f64>) -> Family {
    Family { name, beacon: false, held_out: false, make }
}

const fn held_out(family: Family) -> Family {
    Family { held_out: true, ..family }
}

pub const FAMILIES: [Family; 33] = [
    beacon("fixed", |d, w| sleeper(d, w, |d, p| d.around(p, 0.01))),
    beacon("jitter 15 %", |d, w| sleeper(d, w, |d, p| d.around(p, 0.15))),
    beacon("jitter 35 %", |d, w| sleeper(d, w, |d, p| d.around(p, 0.35))),
    beacon("jitter 50 %", |d, w| sleeper(d, w, |d, p| d.around(p, 0.50))),
    beacon("gaussian", gaussian),
    beacon("grid", grid),
    beacon("missed", missed),
    beacon("retry bursts", retry_bursts),
    beacon("jittered retries", jittered_retries),
    beacon("two periods", two_periods),
    beacon("duty cycle", duty_cycle),
    beacon("drift", drift),
    beacon("step", step),
    beacon("high rate over hosts", high_rate),
    beacon("rotating addresses", rotating),
    beacon("noise", noise),
    beacon("slow", slow),
    benign("poisson", poisson),
    benign("human", human),
    benign("diurnal", diurnal),
    benign("uniform sleeps", uniform_sleeps),
    benign("pareto on/off", on_off),
    benign("pareto", |d, w| {
        let (least, alpha) = (d.scale(1.0, w / 120.0), d.between(0.9, 1.6));
        gaps(d, w, |d| d.pareto(least, alpha))
    }),
    benign("log-normal", |d, w| {
        let (median, sigma) = (d.scale(4.0, w / 60.0), d.between(0.8, 1.8));
        gaps(d, w, |d| d.log_normal(median, sigma))
    }),
    benign("one-off", one_off),
    benign("transfers", transfers),
    benign("motion", motion),
    held_out(beacon("gamma sleeps", |d, w| {
        let shape = d.whole(8, 20) as u32;
        sleeper(d, w, |d, p| d.gamma(p, shape))
    })),
    held_out(beacon("back-off cycles", back_off)),
    held_out(beacon("alternating", alternating)),
    held_out(benign("busy and quiet", busy_and_quiet)),
    held_out(benign("weibull", |d, w| {
        let (scale, shape) = (d.scale(4.0, w / 40.0), d.between(0.5, 1.1));
        gaps(d, w, |d| scale * d.exponential(1.0).powf(1.0 / shape))
    })),
    held_out(benign("pages", pages)),
];

impl Family {
    /// A series of `window` seconds. Those of beacons have four events or more.
    pub fn series(&self, seed: u64, window: f64) -> Vec<Event> {
        let mut draw = Draw::new(seed);
        let mut times = (self.make)(&mut draw, window);
        times.retain(|time| (0.0..window).contains(time));
        times.sort_by(f64::total_cmp);
        // Beacons say much the same each time, people and programs do not.
        let (size, sigma) =
            if self.beacon { (draw.scale(80.0, 2000.0), 0.05) } else { (draw.scale(200.0, 20_000.0), 1.0) };
        times.into_iter().map(|time| (time, draw.log_normal(size, sigma).round())).collect()
    }
}

/// A usual period for a window.
fn period(d: &mut Draw, window: f64) -> f64 {
    if window <= 3600.0 { d.scale(10.0, 120.0) } else { d.scale(20.0, 1800.0) }
}

fn gaps(d: &mut Draw, window: f64, mut gap: impl FnMut(&mut Draw) -> f64) -> Vec<f64> {
    let mut at = d.unit() * gap(d).min(window);
    let mut times = Vec::new();
    while at < window && times.len() < 500_000 {
        times.push(at);
        at += gap(d).max(0.001);
    }
    times
}

/// Sleeps between beats, so that jitter adds up.
fn sleeper(d: &mut Draw, window: f64, mut gap: impl FnMut(&mut Draw, f64) -> f64) -> Vec<f64> {
    let period = period(d, window);
    gaps(d, window, |d| gap(d, period))
}

fn gaussian(d: &mut Draw, window: f64) -> Vec<f64> {
    let share = d.between(0.05, 0.25);
    sleeper(d, window, |d, p| d.normal(p, share * p).max(0.1 * p))
}

/// Beats by the clock, each a little off: jitter does not add up.
fn on_grid(d: &mut Draw, window: f64, period: f64, jitter: f64) -> Vec<f64> {
    let start = d.unit() * period;
    let count = ((window - start) / period).ceil().max(0.0) as u64;
    (0..count).map(|beat| start + beat as f64 * period + d.between(-jitter, jitter) * period).collect()
}

fn grid(d: &mut Draw, window: f64) -> Vec<f64> {
    let (period, jitter) = (period(d, window), d.between(0.0, 0.3));
    on_grid(d, window, period, jitter)
}

fn missed(d: &mut Draw, window: f64) -> Vec<f64> {
    let lost = d.between(0.1, 0.5);
    let mut times = sleeper(d, window, |d, p| d.around(p, 0.05));
    times.retain(|_| !d.chance(lost));
    times
}

fn with_tries(d: &mut Draw, beats: &[f64], mut tries: impl FnMut(&mut Draw) -> Vec<f64>) -> Vec<f64> {
    beats.iter().flat_map(|beat| tries(d).into_iter().map(move |offset| beat + offset)).collect()
}

/// The back-off of TCP, each try with a port of its own, then a sleep.
fn retry_bursts(d: &mut Draw, window: f64) -> Vec<f64> {
    let (period, jitter) = (period(d, window).max(25.0), d.between(0.0, 0.1));
    let (unit, count) = (d.between(0.8, 3.0), d.whole(2, 5));
    let beats = gaps(d, window, |d| d.around(period.max(unit * f64::from(1 << count)), jitter));
    with_tries(d, &beats, |d| (0..count).map(|try_| unit * f64::from((1 << try_) - 1) + d.between(0.0, 0.05)).collect())
}

fn jittered_retries(d: &mut Draw, window: f64) -> Vec<f64> {
    let (period, jitter) = (period(d, window).max(30.0), d.between(0.0, 0.2));
    let beats = gaps(d, window, |d| d.around(period, jitter));
    with_tries(d, &beats, |d| {
        let mut at = 0.0;
        (0..d.whole(1, 6))
            .map(|_| {
                let now = at;
                at += d.between(0.3, 4.0);
                now
            })
            .collect()
    })
}

fn two_periods(d: &mut Draw, window: f64) -> Vec<f64> {
    let (short, times) = (period(d, window).min(window / 30.0), d.between(1.5, 6.0));
    let (jitter, other) = (d.between(0.0, 0.1), d.between(0.0, 0.1));
    let mut both = gaps(d, window, |d| d.around(short, jitter));
    both.extend(gaps(d, window, |d| d.around(short * times, other)));
    both
}

fn duty_cycle(d: &mut Draw, window: f64) -> Vec<f64> {
    let (cycle, share) = (window / d.between(1.0, 4.0), d.between(0.25, 0.6));
    let (period, jitter) = (period(d, window).min(cycle * share / 8.0), d.between(0.0, 0.15));
    let start = d.unit() * cycle;
    let mut times = gaps(d, window, |d| d.around(period, jitter));
    times.retain(|time| (time + start).rem_euclid(cycle) < cycle * share);
    times
}

fn drift(d: &mut Draw, window: f64) -> Vec<f64> {
    let (period, by) = (period(d, window).min(window / 20.0), d.between(-0.6, 1.2));
    let mut at = d.unit() * period;
    let mut times = Vec::new();
    while at < window {
        times.push(at);
        at += d.around(period * (1.0 + by * at / window), 0.03);
    }
    times
}

fn step(d: &mut Draw, window: f64) -> Vec<f64> {
    let (period, when) = (period(d, window).min(window / 30.0), window * d.between(0.25, 0.75));
    let factor = if d.chance(0.5) { d.between(1.5, 4.0) } else { 1.0 / d.between(1.5, 4.0) };
    let mut at = d.unit() * period;
    let mut times = Vec::new();
    while at < window {
        times.push(at);
        at += d.around(if at < when { period } else { period * factor }, 0.05);
    }
    times
}

/// One host's share of a flood: hosts in turn, or any at random.
fn high_rate(d: &mut Draw, window: f64) -> Vec<f64> {
    let (every, hosts) = (d.scale(0.2, 1.5), d.whole(2, 12));
    let (jitter, in_turn) = (d.between(0.0, 0.2), d.chance(0.4));
    let mut turn = 0;
    let mut times = gaps(d, window, |d| d.around(every, jitter));
    times.retain(|_| {
        turn = if in_turn { (turn + 1) % hosts } else { d.whole(0, hosts - 1) };
        turn == 0
    });
    times
}

/// One of the addresses of a name that is called in a rhythm: in turn, or at random.
fn rotating(d: &mut Draw, window: f64) -> Vec<f64> {
    let (count, in_turn) = (d.whole(2, 4), d.chance(0.5));
    let (period, jitter) = (period(d, window).min(window / (10.0 * count as f64)), d.between(0.0, 0.1));
    let mut turn = 0;
    let mut times = gaps(d, window, |d| d.around(period, jitter));
    times.retain(|_| {
        turn = if in_turn { (turn + 1) % count } else { d.whole(0, count - 1) };
        turn == 0
    });
    times
}

fn noise(d: &mut Draw, window: f64) -> Vec<f64> {
    let (period, jitter, more) = (period(d, window), d.between(0.0, 0.15), d.between(0.1, 0.6));
    let mut times = gaps(d, window, |d| d.around(period, jitter));
    times.extend(gaps(d, window, |d| d.exponential(period / more)));
    times
}

fn slow(d: &mut Draw, window: f64) -> Vec<f64> {
    let (period, jitter) = (window / d.between(8.0, 16.0), d.between(0.0, 0.15));
    gaps(d, window, |d| d.around(period, jitter))
}

fn poisson(d: &mut Draw, window: f64) -> Vec<f64> {
    let mean = d.scale(2.0, window / 8.0);
    gaps(d, window, |d| d.exponential(mean))
}

/// Sessions of clicks, each of several connections, with long pauses.
fn human(d: &mut Draw, window: f64) -> Vec<f64> {
    let (pause, click) = (d.scale(window / 40.0, window / 4.0), d.scale(5.0, 60.0));
    let starts = gaps(d, window, |d| d.exponential(pause));
    with_tries(d, &starts, |d| {
        let mut at = 0.0;
        let mut times = Vec::new();
        for _ in 0..d.whole(1, 25) {
            for _ in 0..d.whole(1, 6) {
                times.push(at + d.exponential(0.5));
            }
            at += d.log_normal(click, 1.0);
        }
        times
    })
}

/// Poisson with a tide: a day's in a day, a quarter of an hour's in an hour.
fn diurnal(d: &mut Draw, window: f64) -> Vec<f64> {
    let (mean, phase, depth) = (d.scale(window / 600.0, window / 30.0), d.unit(), d.between(0.6, 1.0));
    let tide = if window <= 3600.0 { d.between(900.0, 3600.0) } else { 86_400.0 };
    let mut times = gaps(d, window, |d| d.exponential(mean / 2.0));
    times.retain(|time| d.chance(0.5 * (1.0 + depth * (std::f64::consts::TAU * (time / tide + phase)).sin())));
    times
}

/// Sleeps of any length up to a longest one: no period, though none is long.
fn uniform_sleeps(d: &mut Draw, window: f64) -> Vec<f64> {
    let longest = d.scale(10.0, window / 8.0);
    let least = d.between(0.0, 0.1) * longest;
    gaps(d, window, |d| d.between(least, longest))
}

/// Times of activity and of silence, both with heavy tails.
fn on_off(d: &mut Draw, window: f64) -> Vec<f64> {
    let (on, off) = (d.scale(window / 400.0, window / 40.0), d.scale(window / 200.0, window / 15.0));
    let (mean, alpha) = (d.scale(0.5, on / 2.0), d.between(1.1, 1.7));
    let mut at = d.unit() * off;
    let mut times = Vec::new();
    while at < window {
        let end = at + d.pareto(on, alpha).min(window);
        while at < end {
            times.push(at);
            at += d.exponential(mean);
        }
        at = end + d.pareto(off, alpha);
    }
    times
}

fn one_off(d: &mut Draw, window: f64) -> Vec<f64> {
    let (start, spread) = (d.unit() * window, d.scale(0.5, 120.0));
    (0..d.whole(1, 12)).map(|_| start + d.exponential(spread)).collect()
}

/// A few files in parts, one after the other: near-regular as long as each lasts.
fn transfers(d: &mut Draw, window: f64) -> Vec<f64> {
    let mut times = Vec::new();
    for _ in 0..d.whole(1, 4) {
        let (mut at, part, jitter) = (d.unit() * window, d.scale(0.5, 15.0), d.between(0.1, 0.5));
        for _ in 0..d.whole(4, 40) {
            times.push(at);
            at += d.around(part, jitter) * if d.chance(0.05) { d.between(2.0, 8.0) } else { 1.0 };
        }
    }
    times
}

/// Something moves before the camera now and then, and clips go out while it does.
fn motion(d: &mut Draw, window: f64) -> Vec<f64> {
    let (pause, clip) = (d.scale(window / 60.0, window / 6.0), d.scale(3.0, 30.0));
    let starts = gaps(d, window, |d| d.exponential(pause));
    with_tries(d, &starts, |d| {
        let mut at = 0.0;
        (0..d.whole(1, 8))
            .map(|_| {
                let now = at;
                at += d.around(clip, 0.15);
                now
            })
            .collect()
    })
}

/// Tries ever further apart up to a longest gap, then from the start.
fn back_off(d: &mut Draw, window: f64) -> Vec<f64> {
    let (unit, steps) = (d.between(0.5, 2.0), d.whole(4, 6) as u32);
    let mut try_ = 0;
    gaps(d, window, |d| {
        try_ = (try_ + 1) % steps;
        d.around(unit * f64::from(1_u32 << try_) * window.min(14_400.0) / 3600.0, 0.02)
    })
}

/// Two sleeps in turn.
fn alternating(d: &mut Draw, window: f64) -> Vec<f64> {
    let (one, other) = (period(d, window).min(window / 40.0), d.between(1.3, 3.0));
    let mut odd = false;
    gaps(d, window, |d| {
        odd = !odd;
        d.around(if odd { one } else { one * other }, 0.05)
    })
}

/// Poisson of two rates, changing at random.
fn busy_and_quiet(d: &mut Draw, window: f64) -> Vec<f64> {
    let (busy, ratio, stay) =
        (d.scale(1.0, window / 100.0), d.between(3.0, 20.0), d.scale(window / 50.0, window / 5.0));
    let (mut is_busy, mut until) = (true, 0.0);
    let mut at = 0.0;
    let mut times = Vec::new();
    while at < window {
        if at >= until {
            is_busy = !is_busy;
            until = at + d.exponential(stay);
        }
        times.push(at);
        at += d.exponential(if is_busy { busy } else { busy * ratio });
    }
    times
}

/// Pages opened by a person, each fetching parts at nearly the same offsets.
fn pages(d: &mut Draw, window: f64) -> Vec<f64> {
    let (pause, parts) = (d.scale(window / 100.0, window / 10.0), d.whole(2, 8));
    let offsets: Vec<f64> = (0..parts).map(|_| d.between(0.0, 12.0)).collect();
    let starts = gaps(d, window, |d| d.log_normal(pause, 1.0));
    with_tries(d, &starts, |d| offsets.iter().map(|offset| offset + d.between(0.0, 0.2)).collect())
}
