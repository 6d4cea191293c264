//! Room for cameras that come when their table is full: those leave that look made up, or gone.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;

use super::super::camera::{Camera, CameraId};
use super::super::pair::PairId;
use super::Ledger;
use crate::time::Timestamp;

/// Who was seen within so long stays; who was there for longer stays for as long as that, but no longer than `LONGEST`: while a
/// flood comes in, what it made up is young, and the cameras that seldom call are not to leave for it.
const GONE_AFTER: Duration = Duration::from_secs(3600);
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// This part of the table leaves at once: each time takes a walk over every pair and name.
const PART: usize = 16;

/// By what cameras leave, the least first: hours from the first sign of life to the last, attempts, and when that was.
type Worth = (u64, u64, Timestamp);

fn worth(camera: &Camera) -> Worth {
    (camera.last.since(camera.first).as_secs() / 3600, camera.attempts, camera.last)
}

fn may_leave(camera: &Camera, now: Timestamp) -> bool {
    let stays = camera.last.since(camera.first).clamp(GONE_AFTER, LONGEST);
    !camera.configured && now.since(camera.last) >= stays
}

impl Ledger {
    /// A place for one more camera, and its generation there.
    pub(super) fn vacant_place(&mut self) -> Option<(u32, u8)> {
        let new = (self.cameras.len() < self.limits.cameras).then_some((self.cameras.len() as u32, 0));
        self.vacant.pop().or(new)
    }

    /// Cameras leave with all that is known of them: neither configured nor registered ones, nor any that may come back ([`may_leave`]);
    /// those that were there for the shortest time and called least first. Gives whether any did.
    pub(super) fn make_room(&mut self, now: Timestamp) -> bool {
        let places = (0_u32..).zip(&self.cameras);
        let mut leaving: Vec<(Worth, u32)> = places
            .filter_map(|(place, camera)| {
                camera.as_ref().filter(|camera| may_leave(camera, now)).map(|camera| (worth(camera), place))
            })
            .collect();
        let most = (self.limits.cameras / PART).max(1);
        if leaving.len() > most {
            leaving.select_nth_unstable(most);
            leaving.truncate(most);
        }
        if leaving.is_empty() {
            return false;
        }
        let mut gone: AHashMap<CameraId, Camera> = AHashMap::new();
        for (_, place) in leaving {
            let Some(camera) = self.cameras.get_mut(place as usize).and_then(Option::take) else { continue };
            self.names_taken.remove(&camera.id);
            self.vacant.push((place, camera.generation.wrapping_add(1)));
            self.unwritten.cameras.note(place);
            gone.insert(CameraId::new(place, camera.generation), camera);
        }
        self.evicted_cameras += gone.len() as u64;
        self.let_pairs_go(|id| gone.contains_key(&id));
        gone.keys().for_each(|id| self.hourly.close_camera(*id));
        let told_as = |camera: &Camera| (!camera.behind_router).then(|| Arc::from(camera.id.as_str()));
        self.hourly.name_left(|id| gone.get(&id).and_then(told_as));
        self.vacant.sort_unstable_by_key(|vacant| Reverse(*vacant));
        self.camera_index.retain(|_, id| !gone.contains_key(id));
        for place in &mut self.lately {
            place.take_if(|(_, id)| gone.contains_key(id));
        }
        self.names.forget(|id| gone.contains_key(&id));
        let mut listened = std::mem::take(&mut self.listened);
        listened.retain(|key| self.has_beat(*key));
        self.listened = listened;
        self.scored.clear();
        true
    }

    fn let_pairs_go(&mut self, leaves: impl Fn(CameraId) -> bool) {
        for (place, entry) in (0..).zip(&mut self.pairs) {
            let Some(pair) = entry.take_if(|pair| leaves(pair.camera)) else { continue };
            let id = PairId(place);
            self.hourly.close_one(id, &pair);
            self.pair_index.remove(&(pair.camera, pair.address));
            self.unwritten.pairs.note(place);
            self.free.push(id);
            self.evicted_pairs += 1;
        }
        self.free.sort_unstable_by_key(|id| Reverse(*id));
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::super::{HourCounted, LedgerLimits};
    use super::*;
    use crate::device::WatchList;
    use crate::geo::Geo;
    use crate::net::{Mac, Segment};
    use crate::saved::Pieces;
    use crate::track::{Event, EventKind, NameKind, NameSeen};

    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_parts(1_427_878_800 + second, 0)
    }

    fn limits() -> LedgerLimits {
        LedgerLimits { cameras: 64, ..LedgerLimits::default() }
    }

    fn ledger() -> Ledger {
        Ledger::new(Arc::new(WatchList::new(Vec::new())), Arc::new(Geo::built_in()), limits())
    }

    fn mac(number: u8) -> Mac {
        Mac([0x44, 0x19, 0xb6, 0, 0, number])
    }

    fn event(number: u8, second: i64, kind: EventKind) -> Event {
        let device = IpAddr::from([10, 0, 0, number]);
        Event { time: at(second), segment: Segment::Whole, device, mac: Some(mac(number)), kind }
    }

    /// A device calls; its id, if there was room for it.
    fn call(ledger: &mut Ledger, number: u8, second: i64) -> Option<CameraId> {
        let (destination, service) = (IpAddr::from([120, 26, 96, 67]), "tcp/443".parse().unwrap());
        Some(ledger.take(&event(number, second, EventKind::Attempt { destination, service }))?.camera)
    }

    /// A device asks for a name of its own.
    fn ask(ledger: &mut Ledger, number: u8, second: i64) {
        let mut seen = NameSeen::said(NameKind::Dns, format!("{number}.example"));
        (seen.addresses, seen.ttl_s) = (vec![IpAddr::from([120, 26, 96, 67])], 60);
        ledger.take(&event(number, second, EventKind::Name(Box::new(seen))));
    }

    /// Eight cameras that call every hour for two days, then as many made-up ones as there is room for, which call once.
    fn flooded(ledger: &mut Ledger) -> Vec<CameraId> {
        for second in (0..2 * DAY).step_by(HOUR as usize) {
            for number in 0..8 {
                call(ledger, number, second);
            }
        }
        (8..64).map(|number| call(ledger, number, 2 * DAY + i64::from(number)).unwrap()).collect()
    }

    #[test]
    fn after_a_flood_new_cameras_find_room_and_known_ones_keep_what_they_have() {
        let mut ledger = ledger();
        let made_up = flooded(&mut ledger);
        assert!(call(&mut ledger, 100, 2 * DAY + 100).is_none() && ledger.cameras_left_out() == 1);
        assert!(!ledger.age(at(2 * DAY + 120)), "who calls now and then does not leave for a flood that comes in");
        let later = 2 * DAY + HOUR + 30;
        assert!(!ledger.age(at(later)), "nobody has asked since");
        assert!(call(&mut ledger, 100, later + 60).is_none());
        assert!(ledger.age(at(later + 60)));
        assert_eq!((ledger.evicted_cameras(), ledger.cameras().count(), ledger.pair_count()), (4, 60, 60));
        let gone: Vec<CameraId> = made_up[..4].to_vec();
        for number in 100..104 {
            let new = call(&mut ledger, number, later + 61).unwrap();
            assert_eq!(ledger.camera_of(new).unwrap().mac, Some(mac(number)));
        }
        assert!(call(&mut ledger, 104, later + 61).is_none(), "a sixteenth has left");
        assert!(!ledger.age(at(later + 70)), "once a minute");
        // Their places are others' now, who call the same destination.
        for id in gone {
            assert!(ledger.camera_of(id).is_none());
            assert!(ledger.find_pair(id, IpAddr::from([120, 26, 96, 67])).is_none());
        }
        assert!(ledger.pairs().all(|(_, pair)| ledger.camera_of(pair.camera).is_some()));
        for (place, (id, camera)) in ledger.cameras().take(8).enumerate() {
            assert_eq!((id, camera.mac), (CameraId::new(place as u32, 0), Some(mac(place as u8))));
            assert_eq!((camera.attempts, camera.destinations), (48, 1));
        }
        // One that left is met anew, though it was looked up lately.
        assert!(ledger.age(at(later + 130)) && call(&mut ledger, 8, later + 131).is_some());
        assert_eq!(ledger.totals().attempts, 8 * 48 + 56 + 4 + 1);
    }

    #[test]
    fn who_was_there_for_long_leaves_last_and_who_is_configured_never() {
        let mut ledger = ledger();
        flooded(&mut ledger);
        let configured = |ledger: &mut Ledger, number: u32| {
            ledger.cameras[number as usize].as_mut().unwrap().configured = true;
        };
        configured(&mut ledger, 9);
        configured(&mut ledger, 7);
        let mut left = Vec::new();
        let macs = |ledger: &Ledger| ledger.cameras().filter_map(|(_, camera)| camera.mac).collect::<Vec<_>>();
        for minute in 0..20 {
            let now = 10 * DAY + minute * 60;
            // As many new ones as find room, and one that finds none.
            for number in 100..=255 {
                call(&mut ledger, number, now);
            }
            let before = macs(&ledger);
            if ledger.age(at(now)) {
                let after = macs(&ledger);
                left.extend(before.into_iter().filter(|one| !after.contains(one)));
            }
        }
        let known: Vec<usize> = (0..7).map(|one| left.iter().position(|left| *left == mac(one)).unwrap()).collect();
        assert_eq!(left.len(), 62, "all but two of the first that came");
        assert!(known.iter().all(|place| *place >= 52), "{known:?}");
        assert!(!left.contains(&mac(9)) && !left.contains(&mac(7)));
    }

    #[test]
    fn hours_of_who_leaves_say_whose_they_are() {
        let mut ledger = ledger();
        ledger.count_hours();
        flooded(&mut ledger);
        let (destination, service) = (IpAddr::from([10, 0, 1, 1]), "tcp/80".parse().unwrap());
        for number in 8..64 {
            ledger.take(&event(number, 2 * DAY + 70, EventKind::Attempt { destination, service }));
        }
        let later = 2 * DAY + 2 * HOUR;
        call(&mut ledger, 100, later);
        assert!(ledger.age(at(later)));
        for number in 100..104 {
            call(&mut ledger, number, later);
        }
        let hours: Vec<HourCounted> = ledger.take_hours().0;
        assert_eq!(hours.iter().map(|hour| hour.counts.attempts).sum::<u64>(), ledger.totals().attempts);
        for hour in &hours {
            assert_ne!(hour.left.is_some(), ledger.camera_of(hour.camera).is_some(), "{hour:?}");
        }
        let own = |number: u8| hours.iter().filter(move |hour| hour.left.as_deref() == Some(&mac(number).to_string()));
        assert_eq!((own(8).count(), own(8).filter(|hour| hour.destination.is_none()).count()), (2, 1));
        assert_eq!((own(12).count(), own(0).count()), (0, 0));
    }

    #[test]
    fn names_leave_with_their_camera_and_make_room_for_others() {
        let mut ledger = ledger();
        for number in 0..64 {
            ask(&mut ledger, number, i64::from(number));
            call(&mut ledger, number, i64::from(number));
        }
        assert_eq!((ledger.name_count(), ledger.rhythms().count()), (64, 64));
        ask(&mut ledger, 100, 2 * HOUR);
        assert!(ledger.age(at(2 * HOUR)));
        assert_eq!((ledger.name_count(), ledger.rhythms().count(), ledger.names().count()), (60, 60, 60));
        (100..104).for_each(|number| ask(&mut ledger, number, 2 * HOUR));
        assert_eq!((ledger.name_count(), ledger.names.names.len(), ledger.names.rhythms.len()), (64, 64, 64));
        let found = ledger.names().find(|(_, name)| &*name.name == "101.example").unwrap().1;
        assert_eq!(ledger.camera_of(found.camera).unwrap().mac, Some(mac(101)));
        assert_eq!(&*ledger.rhythm_of(found.rhythm).unwrap().name, "101.example");
    }

    #[test]
    fn a_checkpoint_keeps_who_is_who() {
        let mut ledger = ledger();
        let made_up = flooded(&mut ledger);
        (0..64).for_each(|number| ask(&mut ledger, number, 2 * DAY + 80));
        let mut pieces = Vec::new();
        ledger.save(true, &mut pieces);
        let later = 2 * DAY + 2 * HOUR;
        call(&mut ledger, 100, later);
        assert!(ledger.age(at(later)));
        let new: Vec<CameraId> = (100..102).map(|number| call(&mut ledger, number, later).unwrap()).collect();
        ask(&mut ledger, 100, later);
        // What changed only: two places and their names are free, two are others'.
        ledger.save(false, &mut pieces);
        let mut kept = Pieces::default();
        for piece in pieces {
            kept.add(piece.part, piece.key, piece.bytes);
        }
        let (watch, geo) = (Arc::new(WatchList::new(Vec::new())), Arc::new(Geo::built_in()));
        let mut restored = Ledger::restore(watch, geo, limits(), &mut kept);
        assert!(kept.left_out().is_empty(), "what left is not written down any more");
        let told = |ledger: &Ledger| {
            let cameras: Vec<_> = ledger.cameras().map(|(id, camera)| (id, camera.mac, camera.attempts)).collect();
            let pairs: Vec<_> = ledger.pairs().map(|(id, pair)| (id, pair.camera, pair.counts)).collect();
            let names: Vec<_> = ledger.names().map(|(id, name)| (id, name.camera, name.rhythm)).collect();
            (cameras, pairs, names, ledger.evicted_cameras(), ledger.name_count())
        };
        assert_eq!(told(&restored), told(&ledger));
        for number in 102..105 {
            assert_eq!(
                call(&mut restored, number, later + 1).is_some(),
                call(&mut ledger, number, later + 1).is_some()
            );
            ask(&mut restored, number, later + 1);
            ask(&mut ledger, number, later + 1);
        }
        let macs = |ledger: &Ledger| ledger.cameras().map(|(_, camera)| camera.mac).collect::<Vec<_>>();
        assert_eq!(macs(&restored), macs(&ledger));
        assert!(made_up[..2].iter().all(|id| restored.camera_of(*id).is_none()), "others are there");
        assert!(new.iter().all(|id| restored.camera_of(*id).is_some() && id.generation() == 1));
    }
}
