//! Which maker an IEEE MAC prefix belongs to.

use std::sync::LazyLock;

use ahash::AHashMap;

use crate::net::Mac;

/// A maker of cameras, as its MAC prefix tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vendor {
    /// The short name, such as `hikvision`.
    pub name: &'static str,
    /// Whether what it sells under this prefix is cameras and recorders, so that the prefix alone tells one.
    pub cameras_only: bool,
}

/// A maker of what is no camera, as its MAC prefix tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherMaker {
    /// The short name, such as `dell`.
    pub name: &'static str,
    /// What it makes: `computer`, `phone`, `printer`, `network`.
    pub makes: &'static str,
}

/// The built-in list of camera makers' prefixes (IEEE MA-L, MA-M and MA-S), and of makers of other things.
#[derive(Debug)]
pub struct Vendors {
    /// By prefix, left-aligned in 48 bits, and its length in bits.
    prefixes: AHashMap<(u64, u8), Vendor>,
    others: AHashMap<(u64, u8), OtherMaker>,
}

static BUILT_IN: LazyLock<Vendors> = LazyLock::new(|| {
    Vendors::parse(include_str!("../../data/vendors/ouis.csv"), include_str!("../../data/vendors/others.csv"))
});

/// A prefix of 6, 7 or 9 hexadecimal digits, left-aligned in 48 bits, and its length in bits.
fn prefix_of(text: &str) -> Option<(u64, u8)> {
    let bits = u8::try_from(text.len() * 4).ok().filter(|bits| matches!(bits, 24 | 28 | 36))?;
    Some((u64::from_str_radix(text, 16).ok()? << (48 - bits), bits))
}

impl Vendors {
    /// The list that camwatch is built with.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    fn parse(cameras: &'static str, others: &'static str) -> Self {
        let prefixes = cameras.lines().skip(1).filter_map(|line| {
            let (prefix, rest) = line.split_once(',')?;
            // The registrant may be quoted and hold commas: the columns behind it are counted from the end.
            let mut from_end = rest.rsplitn(4, ',');
            let (devices, _country, vendor) = (from_end.next()?, from_end.next()?, from_end.next()?);
            Some((prefix_of(prefix)?, Vendor { name: vendor, cameras_only: devices == "camera" }))
        });
        let others = others.lines().skip(1).flat_map(|line| {
            let mut columns = line.splitn(3, ',');
            let (makes, name) = (columns.next().unwrap_or_default(), columns.next().unwrap_or_default());
            let prefixes = columns.next().unwrap_or_default().split(' ').filter_map(prefix_of);
            prefixes.map(move |prefix| (prefix, OtherMaker { name, makes }))
        });
        Self { prefixes: prefixes.collect(), others: others.collect() }
    }

    /// The camera maker of a MAC address: the longest prefix counts; made-up and group addresses have none.
    pub fn of(&self, mac: Mac) -> Option<Vendor> {
        find(&self.prefixes, mac)
    }

    /// The maker of other things whose MAC address this is.
    pub fn other(&self, mac: Mac) -> Option<OtherMaker> {
        if find(&self.prefixes, mac).is_some() { None } else { find(&self.others, mac) }
    }
}

fn find<T: Copy>(prefixes: &AHashMap<(u64, u8), T>, mac: Mac) -> Option<T> {
    if mac.is_group() || mac.is_local() {
        return None;
    }
    let value = mac.0.iter().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
    [36_u8, 28, 24].iter().find_map(|&bits| {
        let mask = !0_u64 << (48 - bits) & 0xffff_ffff_ffff;
        prefixes.get(&(value & mask, bits)).copied()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_list_is_taken() {
        let lines = include_str!("../../data/vendors/ouis.csv").lines().count() - 1;
        assert_eq!(Vendors::built_in().prefixes.len(), lines);
    }

    #[test]
    fn names_the_maker() {
        let vendor = |text: &str| Vendors::built_in().of(text.parse().unwrap()).map(|v| v.name);
        assert_eq!(vendor("44:19:b6:00:00:01"), Some("hikvision"));
        assert_eq!(vendor("14:a7:8b:12:34:56"), Some("dahua"), "the registrant's name has commas");
        assert_eq!(vendor("40:2c:76:1f:00:00"), Some("dahua"), "a 28-bit prefix");
        assert_eq!(vendor("40:2c:76:2f:00:00"), None, "beside the 28-bit prefix");
        assert_eq!(vendor("46:19:b6:00:00:01"), None, "locally administered");
        assert!(!Vendors::built_in().of("00:27:19:00:00:01".parse().unwrap()).unwrap().cameras_only, "TP-Link");
        assert_eq!(vendor("00:14:22:01:23:45"), None, "a maker of computers");
        let other = Vendors::built_in().other("00:14:22:01:23:45".parse().unwrap()).unwrap();
        assert_eq!((other.name, other.makes), ("dell", "computer"));
    }
}
