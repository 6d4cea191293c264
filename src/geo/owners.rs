//! The built-in table of autonomous systems.
//!
//! The data come as 24 MB of CSV, which nothing kept writes as a MaxMind database. As sorted range starts they are a third
//! of that, are searched in place, and need 40 lines. Little-endian: `CWAS1` and three zeros; the numbers of systems, of
//! IPv4 and IPv6 starts, and of bytes of names; AS numbers; name offsets (one more); IPv4 starts; their systems; IPv6
//! starts (16 bytes); their systems; names. A system of 2³²-1 is nobody.

use std::fmt;
use std::net::IpAddr;

/// Who announces an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The number of the autonomous system.
    pub asn: u32,
    /// Its name, as its registry has it.
    pub name: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AS{} {}", self.asn, self.name)
    }
}

#[derive(Debug)]
pub(super) struct Owners {
    numbers: &'static [u8],
    offsets: &'static [u8],
    v4: (&'static [u8], &'static [u8]),
    v6: (&'static [u8], &'static [u8]),
    names: &'static [u8],
}

fn word(data: &[u8], index: usize) -> Option<u32> {
    Some(u32::from_le_bytes(data.get(index * 4..index * 4 + 4)?.try_into().ok()?))
}

impl Owners {
    pub(super) fn parse(table: &'static [u8]) -> Option<Self> {
        let mut rest = table.strip_prefix(b"CWAS1\0\0\0")?;
        let mut take = |length: usize| {
            let (taken, left) = rest.split_at_checked(length)?;
            rest = left;
            Some(taken)
        };
        let counts = take(16)?;
        let count = |index| word(counts, index).map(|count| count as usize);
        let (systems, v4, v6, names) = (count(0)?, count(1)?, count(2)?, count(3)?);
        Some(Self {
            numbers: take(systems * 4)?,
            offsets: take(systems * 4 + 4)?,
            v4: (take(v4 * 4)?, take(v4 * 4)?),
            v6: (take(v6 * 16)?, take(v6 * 4)?),
            names: take(names)?,
        })
    }

    pub(super) fn find(&self, address: IpAddr) -> Option<Owner> {
        let system = match address {
            IpAddr::V4(v4) => {
                let (starts, systems) = self.v4;
                let after =
                    upper_bound(starts.len() / 4, |at| word(starts, at).is_some_and(|start| start <= v4.into()));
                word(systems, after.checked_sub(1)?)?
            }
            IpAddr::V6(v6) => {
                let (starts, systems) = self.v6;
                let start = |at: usize| Some(u128::from_le_bytes(starts.get(at * 16..at * 16 + 16)?.try_into().ok()?));
                let after = upper_bound(starts.len() / 16, |at| start(at).is_some_and(|start| start <= v6.into()));
                word(systems, after.checked_sub(1)?)?
            }
        };
        let system = usize::try_from(system).ok().filter(|_| system != u32::MAX)?;
        let (from, to) = (word(self.offsets, system)?, word(self.offsets, system + 1)?);
        let name = self.names.get(from as usize..to as usize)?;
        Some(Owner { asn: word(self.numbers, system)?, name: String::from_utf8_lossy(name).into_owned() })
    }
}

/// The first place for which `before` no longer holds.
fn upper_bound(count: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}
