//! Values as Zeek writes them: times, addresses, numbers, names.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::net::Mac;
use crate::time::Timestamp;

const MICROS: i64 = 1_000_000;

fn shown(text: &[u8]) -> String {
    let start: String = String::from_utf8_lossy(text).chars().take(40).collect();
    format!("`{}`", start.escape_debug())
}

/// Seconds with a fraction, in microseconds (as exactly as Zeek writes them).
fn micros(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mut value, mut seen, mut fraction) = (0_i64, 0, None);
    for &byte in digits {
        match (byte, &mut fraction) {
            (b'0'..=b'9', None) => {
                value = value.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
                seen += 1;
            }
            // What is finer than microseconds is cut off.
            (b'0'..=b'9', Some(6)) => {}
            (b'0'..=b'9', Some(places)) => {
                value = value.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
                *places += 1;
            }
            (b'.', None) => fraction = Some(0),
            // An exponent, as some tools that rewrite logs give.
            _ => return from_float(std::str::from_utf8(text).ok()?.parse().ok()?),
        }
    }
    for _ in fraction.unwrap_or(0)..6 {
        value = value.checked_mul(10)?;
    }
    (seen > 0).then_some(if negative { -value } else { value })
}

fn from_float(seconds: f64) -> Option<i64> {
    let micros = (seconds * MICROS as f64).round();
    (micros.is_finite() && micros.abs() < 9e15).then_some(micros as i64)
}

fn moment(micros: i64) -> Option<Timestamp> {
    Some(Timestamp::from_nanos(micros.checked_mul(1000)?))
}

/// A moment in seconds since the Unix epoch.
pub(super) fn time(text: &[u8]) -> Result<Timestamp, String> {
    micros(text).and_then(moment).ok_or_else(|| format!("{} is no time in seconds since 1970", shown(text)))
}

/// A moment as a number: seconds, or milliseconds (Zeek's `TS_MILLIS`), which no time of seconds is as large as.
pub(super) fn time_of_number(value: f64) -> Result<Timestamp, String> {
    let seconds = if value.abs() >= 1e11 { value / 1000.0 } else { value };
    from_float(seconds).and_then(moment).ok_or_else(|| format!("{value} is no time"))
}

/// A moment as text: RFC 3339 (Zeek's `TS_ISO8601`), or a number in quotes.
pub(super) fn time_of_text(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return i64::try_from(moment.as_nanosecond())
            .map(Timestamp::from_nanos)
            .map_err(|_| format!("`{text}` is no time"));
    }
    time(text.as_bytes())
}

/// A span of time; a negative one, as wrong clocks give, is none.
pub(super) fn duration(text: &[u8]) -> Result<Duration, String> {
    let micros = micros(text).ok_or_else(|| format!("{} is no span of seconds", shown(text)))?;
    Ok(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
}

/// A span of time as a number of seconds.
pub(super) fn duration_of_number(seconds: f64) -> Duration {
    Duration::from_micros(u64::try_from(from_float(seconds).unwrap_or(0)).unwrap_or(0))
}

pub(super) fn address(text: &[u8]) -> Result<IpAddr, String> {
    if let Some(address) = ipv4(text) {
        return Ok(IpAddr::V4(address));
    }
    // Link-local addresses may come with their zone.
    let bare = text.split(|byte| *byte == b'%').next().unwrap_or_default();
    let parsed = std::str::from_utf8(bare).ok().and_then(|text| text.parse::<IpAddr>().ok());
    parsed.ok_or_else(|| format!("{} is no address", shown(text)))
}

/// The usual case, without the checks of a whole text.
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut at, mut digits, mut value) = ([0_u8; 4], 0, 0, 0_u32);
    for &byte in text {
        match byte {
            b'0'..=b'9' if digits < 3 => {
                value = value * 10 + u32::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && at < 3 => {
                octets[at] = u8::try_from(value).ok()?;
                (at, digits, value) = (at + 1, 0, 0);
            }
            _ => return None,
        }
    }
    if at != 3 || digits == 0 {
        return None;
    }
    octets[3] = u8::try_from(value).ok()?;
    Some(Ipv4Addr::from(octets))
}

pub(super) fn number(text: &[u8]) -> Result<u64, String> {
    let wrong = || format!("{} is no number", shown(text));
    if text.is_empty() || text.len() > 20 {
        return Err(wrong());
    }
    text.iter().try_fold(0_u64, |value, byte| match byte {
        b'0'..=b'9' => {
            value.checked_mul(10).and_then(|value| value.checked_add(u64::from(byte - b'0'))).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    })
}

pub(super) fn port(text: &[u8]) -> Result<u16, String> {
    number(text).ok().and_then(|value| u16::try_from(value).ok()).ok_or_else(|| format!("{} is no port", shown(text)))
}

pub(super) fn mac(text: &[u8]) -> Result<Mac, String> {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| format!("{} is no MAC address", shown(text)))
}

/// Undoes Zeek's escapes: `\xNN`, and `\\` for the backslash itself.
pub(super) fn unescaped(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        out.push(match (first, after) {
            (b'\\', [b'x', high, low, tail @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest = tail;
                (hex(*high) << 4) | hex(*low)
            }
            (b'\\', [b'\\', tail @ ..]) => {
                rest = tail;
                b'\\'
            }
            _ => first,
        });
    }
    Cow::Owned(out)
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit.to_ascii_lowercase() - b'a') + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_to_the_microsecond_in_every_form() {
        let expected = Timestamp::from_parts(1_521_911_721, 255_387_000);
        assert_eq!(time(b"1521911721.255387"), Ok(expected));
        assert_eq!(time_of_number(1_521_911_721.255_387), Ok(expected));
        assert_eq!(time_of_text("2018-03-24T17:15:21.255387Z"), Ok(expected));
        assert_eq!(time_of_number(1_521_911_721_255.0), Ok(Timestamp::from_parts(1_521_911_721, 255_000_000)));
        assert_eq!(time(b"1521911721"), Ok(Timestamp::from_parts(1_521_911_721, 0)));
        assert_eq!(time(b"1.521911721e9"), Ok(Timestamp::from_parts(1_521_911_721, 0)));
        assert_eq!(time(b"-1.5"), Ok(Timestamp::from_nanos(-1_500_000_000)));
        for text in ["", ".", "-", "x", "1.2.3", "99999999999999999999", "inf", "NaN", "1e400"] {
            assert!(time(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_ports_and_numbers() {
        assert_eq!(address(b"10.164.94.120"), Ok("10.164.94.120".parse().unwrap()));
        assert_eq!(address(b"2001:db8::1"), Ok("2001:db8::1".parse().unwrap()));
        assert_eq!(address(b"fe80::1%eth0"), Ok("fe80::1".parse().unwrap()));
        for text in ["", "10.1.2", "10.1.2.3.4", "256.1.1.1", "1..2.3", "10.0.0.1 ", "1000.1.1.1"] {
            assert!(address(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(port(b"65535"), Ok(65_535));
        assert!(port(b"65536").is_err() && port(b"-1").is_err() && port(b"").is_err());
        assert_eq!(number(b"18446744073709551615"), Ok(u64::MAX));
        assert!(number(b"18446744073709551616").is_err());
    }

    #[test]
    fn escapes_are_undone() {
        for (written, meant) in [
            (r"plain", &b"plain"[..]),
            (r"a\x2cb\c", br"a,b\c"),
            (r"\xC3\xa9", "é".as_bytes()),
            (r"\x4", br"\x4"),
            (r"end\", br"end\"),
        ] {
            assert_eq!(*unescaped(written.as_bytes()), *meant, "{written}");
        }
    }
}
