//! The ledger's rows on their way to the table: summed up by camera, class and place, the largest kept.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;

use ahash::AHashMap;

use super::{CameraTold, ClassSum, PlaceSum, PlaceTold, Row};
use crate::analyse::Counts;
use crate::geo::Class;

/// Rows of a camera and class that are kept.
pub const LARGEST_ROWS: usize = 10;
/// Cameras of which rows are kept: those that called most.
pub const SHOWN_CAMERAS: usize = 500;

/// Where rows go as they pass by.
pub type Outlet<'o> = dyn FnMut(&CameraTold, &Row) -> io::Result<()> + 'o;

/// Sums rows up that come camera by camera.
pub struct Gatherer<'o> {
    outlet: &'o mut Outlet<'o>,
    cameras: Vec<CameraTold>,
    classes: BTreeMap<Class, ClassSum>,
    /// With the camera that was last counted.
    places: AHashMap<PlaceTold, (PlaceSum, Option<usize>)>,
    now: Option<usize>,
    /// Cameras that have rows, which may be let go of.
    with_rows: Vec<usize>,
}

/// What came of it.
pub struct Gathered {
    /// Cameras, those that called most overseas first.
    pub cameras: Vec<CameraTold>,
    /// Sums by class.
    pub sums: Vec<ClassSum>,
    /// Sums by place, the most attempts first.
    pub places: Vec<PlaceSum>,
}

impl<'o> Gatherer<'o> {
    /// Of these cameras nothing passed by yet.
    pub fn new(cameras: Vec<CameraTold>, outlet: &'o mut Outlet<'o>) -> Self {
        let (classes, places) = (BTreeMap::new(), AHashMap::new());
        Self { outlet, cameras, classes, places, now: None, with_rows: Vec::new() }
    }

    /// A camera that nobody knew of; gives its place.
    pub fn add(&mut self, camera: CameraTold) -> usize {
        self.cameras.push(camera);
        self.cameras.len() - 1
    }

    /// Takes a row of the camera at a place. All rows of a camera come together.
    pub fn take(&mut self, at: usize, row: Row) -> io::Result<()> {
        let Some(camera) = self.cameras.get_mut(at) else { return Ok(()) };
        (self.outlet)(camera, &row)?;
        let class = row.place.class;
        let sum = self.classes.entry(class).or_insert_with(|| ClassSum {
            class,
            cameras: 0,
            rows: 0,
            counts: Counts::default(),
        });
        sum.rows += 1;
        sum.counts.add(&row.counts);
        if !matches!(class, Class::Overseas | Class::Unknown) {
            camera.other_rows += 1;
            return Ok(());
        }
        let new = || (PlaceSum { place: row.place.clone(), cameras: 0, counts: Counts::default() }, None);
        let (place, counted) = match self.places.get_mut(&row.place) {
            Some(known) => known,
            None => self.places.entry(row.place.clone()).or_insert_with(new),
        };
        place.counts.add(&row.counts);
        if counted.replace(at) != Some(at) {
            place.cameras += 1;
        }
        let calls = if class == Class::Overseas { &mut camera.overseas } else { &mut camera.unknown };
        calls.rows += 1;
        calls.counts.add(&row.counts);
        keep_largest(&mut calls.largest, row);
        if self.now.replace(at) != Some(at) {
            self.with_rows.push(at);
            if self.with_rows.len() > 2 * SHOWN_CAMERAS {
                self.let_go(Some(at));
            }
        }
        Ok(())
    }

    /// Keeps the rows of those cameras that called most, and of the one that is being told.
    fn let_go(&mut self, but: Option<usize>) {
        let cameras = &mut self.cameras;
        self.with_rows.sort_by(|a, b| match (cameras.get(*a), cameras.get(*b)) {
            (Some(a), Some(b)) => order(a).cmp(&order(b)),
            _ => std::cmp::Ordering::Equal,
        });
        for at in self.with_rows.drain(SHOWN_CAMERAS.min(self.with_rows.len())..) {
            if let Some(camera) = cameras.get_mut(at).filter(|_| Some(at) != but) {
                camera.overseas.largest = Vec::new();
                camera.unknown.largest = Vec::new();
            }
        }
        // It may yet turn out to be one of them.
        if let Some(at) = but.filter(|at| !self.with_rows.contains(at)) {
            self.with_rows.push(at);
        }
    }

    /// Everything has passed by.
    pub fn finish(mut self) -> Gathered {
        self.let_go(None);
        for camera in &self.cameras {
            for (class, calls) in [(Class::Overseas, &camera.overseas), (Class::Unknown, &camera.unknown)] {
                if let Some(sum) = self.classes.get_mut(&class).filter(|_| calls.rows > 0) {
                    sum.cameras += 1;
                }
            }
        }
        self.cameras.sort_by(|a, b| order(a).cmp(&order(b)));
        let mut places: Vec<PlaceSum> = self.places.into_values().map(|(place, _)| place).collect();
        places.sort_by(|a, b| (Reverse(weight(&a.counts)), &a.place).cmp(&(Reverse(weight(&b.counts)), &b.place)));
        Gathered { cameras: self.cameras, sums: self.classes.into_values().collect(), places }
    }
}

/// Those that called most overseas first, then where no country is known, then by id.
fn order(camera: &CameraTold) -> (Reverse<(u64, u64)>, bool, &str) {
    let weights = (weight(&camera.overseas.counts), weight(&camera.unknown.counts));
    (Reverse(weights), !camera.called_out(), &camera.about.id)
}

/// A connection that was open before is a call too.
fn weight(counts: &Counts) -> u64 {
    counts.attempts + counts.midstream
}

fn keep_largest(largest: &mut Vec<Row>, row: Row) {
    let key = |row: &Row| (Reverse(weight(&row.counts)), row.address);
    let at = largest.partition_point(|kept| key(kept) <= key(&row));
    if at < LARGEST_ROWS {
        largest.truncate(LARGEST_ROWS - 1);
        largest.insert(at, row);
    }
}

#[cfg(test)]
mod tests {
    use super::super::CameraAbout;
    use super::*;
    use crate::time::Timestamp;

    fn row(last: u8, attempts: u64, class: Class) -> Row {
        Row {
            address: [192, 0, 2, last].into(),
            names: Vec::new(),
            services: Vec::new(),
            place: PlaceTold { class, country: Some("CN".to_owned()), owner: None, owner_country: None },
            counts: Counts { attempts, ..Counts::default() },
            first: Timestamp::from_parts(1, 0),
            last: Timestamp::from_parts(2, 0),
        }
    }

    fn cameras(count: usize) -> Vec<CameraTold> {
        let about = |number: usize| CameraAbout { id: format!("c{number:05}"), ..CameraAbout::default() };
        (0..count).map(|number| CameraTold::new(about(number))).collect()
    }

    #[test]
    fn the_largest_rows_are_kept_and_all_are_summed_and_passed_on() {
        let mut passed = 0;
        let mut outlet = |_: &CameraTold, _: &Row| {
            passed += 1;
            Ok(())
        };
        let mut gatherer = Gatherer::new(cameras(2), &mut outlet);
        for number in 0..30 {
            gatherer.take(1, row(number, u64::from(number), Class::Overseas)).unwrap();
        }
        gatherer.take(1, row(99, 5, Class::Home)).unwrap();
        let gathered = gatherer.finish();
        let first = &gathered.cameras[0];
        assert_eq!((first.about.id.as_str(), first.overseas.rows, first.other_rows), ("c00001", 30, 1));
        let kept: Vec<u64> = first.overseas.largest.iter().map(|row| row.counts.attempts).collect();
        assert_eq!(kept, (20..30).rev().collect::<Vec<_>>());
        assert_eq!(
            (gathered.places.len(), gathered.places[0].cameras, gathered.places[0].counts.attempts),
            (1, 1, 435)
        );
        assert_eq!(gathered.sums.iter().map(|sum| sum.rows).sum::<u64>(), 31);
        assert_eq!(passed, 31);
    }

    #[test]
    fn of_many_cameras_those_that_called_most_keep_their_rows() {
        let mut outlet = |_: &CameraTold, _: &Row| Ok(());
        let mut gatherer = Gatherer::new(cameras(3000), &mut outlet);
        for number in 0..3000 {
            // The largest are somewhere in the middle and at the end.
            gatherer.take(number, row(1, (number as u64 * 7919) % 3001, Class::Overseas)).unwrap();
        }
        let cameras = gatherer.finish().cameras;
        assert!(cameras.is_sorted_by_key(|camera| Reverse(camera.overseas.counts.attempts)));
        let kept: Vec<bool> = cameras.iter().map(|camera| !camera.overseas.largest.is_empty()).collect();
        assert!(kept[..SHOWN_CAMERAS].iter().all(|kept| *kept));
        assert!(kept[SHOWN_CAMERAS..].iter().all(|kept| !kept));
    }
}
