//! What a model's name tells of kind and maker.
//!
//! Makers number their products by families; the families are in their public product selectors.

use super::super::DeviceKind::{self, Camera, Doorstation, Other, Recorder};
use super::Certainty;

/// What a model's name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) kind: DeviceKind,
    pub(super) maker: Option<&'static str>,
    pub(super) certainty: Certainty,
}

/// Beginnings of models, upper case; the longest that fits counts.
const FAMILIES: &[(&str, DeviceKind, Option<&str>)] = &[
    ("DS-2", Camera, Some("hikvision")),
    ("IDS-2", Camera, Some("hikvision")),
    ("DS-TCG", Camera, Some("hikvision")),
    ("IDS-TC", Camera, Some("hikvision")),
    ("DS-7", Recorder, Some("hikvision")),
    ("DS-8", Recorder, Some("hikvision")),
    ("DS-9", Recorder, Some("hikvision")),
    ("IDS-7", Recorder, Some("hikvision")),
    ("IDS-8", Recorder, Some("hikvision")),
    ("IDS-9", Recorder, Some("hikvision")),
    ("DS-N", Recorder, Some("hikvision")),
    ("DS-M", Recorder, Some("hikvision")),
    ("DS-KV", Doorstation, Some("hikvision")),
    ("DS-KD", Doorstation, Some("hikvision")),
    ("DS-KB", Doorstation, Some("hikvision")),
    ("DS-KH", Doorstation, Some("hikvision")),
    ("DS-KIS", Doorstation, Some("hikvision")),
    ("DS-HD", Doorstation, Some("hikvision")),
    ("DS-3", Other, Some("hikvision")),
    ("DS-K1", Other, Some("hikvision")),
    ("DS-K2", Other, Some("hikvision")),
    ("DS-PW", Other, Some("hikvision")),
    ("DS-PH", Other, Some("hikvision")),
    ("CS-", Camera, Some("hikvision")),
    ("DH-IPC", Camera, Some("dahua")),
    ("DH-SD", Camera, Some("dahua")),
    ("DH-HAC", Camera, Some("dahua")),
    ("DH-PSD", Camera, Some("dahua")),
    ("DH-TPC", Camera, Some("dahua")),
    ("DH-NVR", Recorder, Some("dahua")),
    ("DHI-NVR", Recorder, Some("dahua")),
    ("DHI-XVR", Recorder, Some("dahua")),
    ("DH-XVR", Recorder, Some("dahua")),
    ("DH-HCVR", Recorder, Some("dahua")),
    ("DHI-VTO", Doorstation, Some("dahua")),
    ("DHI-VTH", Doorstation, Some("dahua")),
    ("IPC-HF", Camera, Some("dahua")),
    ("IPC-HD", Camera, Some("dahua")),
    ("IPC-EB", Camera, Some("dahua")),
    ("IPC-PF", Camera, Some("dahua")),
    ("VTO", Doorstation, Some("dahua")),
    ("VTH", Doorstation, Some("dahua")),
    ("HCVR", Recorder, Some("dahua")),
    ("AXIS P", Camera, Some("axis")),
    ("AXIS M", Camera, Some("axis")),
    ("AXIS Q", Camera, Some("axis")),
    ("AXIS F", Camera, Some("axis")),
    ("AXIS V", Camera, Some("axis")),
    ("AXIS XF", Camera, Some("axis")),
    ("AXIS XP", Camera, Some("axis")),
    ("AXIS 2", Camera, Some("axis")),
    ("AXIS A8", Doorstation, Some("axis")),
    ("AXIS I8", Doorstation, Some("axis")),
    ("AXIS A1", Other, Some("axis")),
    ("AXIS A9", Other, Some("axis")),
    ("AXIS C", Other, Some("axis")),
    ("AXIS D", Other, Some("axis")),
    ("AXIS S", Recorder, Some("axis")),
    ("AXIS T8", Other, Some("axis")),
];

/// Words within models and names that tell the kind, upper case. Earlier ones count first.
const WORDS: &[(&str, DeviceKind)] = &[
    ("NVR", Recorder),
    ("DVR", Recorder),
    ("XVR", Recorder),
    ("NETWORK VIDEO RECORDER", Recorder),
    ("VIDEO RECORDER", Recorder),
    ("DOOR STATION", Doorstation),
    ("DOORBELL", Doorstation),
    ("INTERCOM", Doorstation),
    ("IPCAM", Camera),
    ("IPC", Camera),
    ("IP CAMERA", Camera),
    ("NETWORK CAMERA", Camera),
    ("NETCAM", Camera),
    ("WEBCAM", Camera),
    ("LASERJET", Other),
    ("OFFICEJET", Other),
    ("PRINTER", Other),
];

/// What a model's name tells, if it is of a known family or holds a telling word.
pub(super) fn of(model: &str) -> Option<Known> {
    let upper: String = model.trim().chars().take(64).collect::<String>().to_uppercase();
    let family = FAMILIES
        .iter()
        .filter(|(beginning, ..)| upper.starts_with(beginning))
        .max_by_key(|(beginning, ..)| beginning.len())
        .map(|&(_, kind, maker)| Known { kind, maker, certainty: Certainty::Sure });
    family.or_else(|| {
        let (_, kind) = WORDS.iter().find(|(word, _)| holds_word(&upper, word))?;
        Some(Known { kind: *kind, maker: None, certainty: Certainty::Likely })
    })
}

/// Whether a word begins in a text where a word can begin: digits may follow it, as in `NVR4108`.
fn holds_word(upper: &str, word: &str) -> bool {
    upper.match_indices(word).any(|(at, _)| {
        let before = upper[..at].chars().next_back();
        let after = upper[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphabetic) && !after.is_some_and(char::is_alphabetic)
    })
}

/// What software is spoken of in server headers and user agents, lower case, and what runs it.
const SOFTWARE: &[(&str, DeviceKind)] = &[
    ("dnvrs-webs", Recorder),
    ("dvrdvs-webs", Recorder),
    ("cross web server", Recorder),
    ("ip webcam", Camera),
    ("ipcamera", Camera),
    ("network camera", Camera),
    ("axis http", Camera),
    ("rtsp server", Camera),
    ("hipcam", Camera),
    ("gstreamer rtsp", Camera),
    ("rtspd", Camera),
    ("windows nt", Other),
    ("macintosh", Other),
    ("x11; linux", Other),
    ("iphone", Other),
    ("ipad", Other),
    ("android", Other),
    ("microsoft-iis", Other),
    ("microsoft-windows", Other),
    ("microsoft-cryptoapi", Other),
    ("msft 5.0", Other),
    ("msft 98", Other),
    ("hp http server", Other),
    ("jetdirect", Other),
    ("cups", Other),
];

/// What runs a piece of software, by its name in a header.
pub(super) fn kind_of_software(text: &str) -> Option<DeviceKind> {
    let lower: String = text.chars().take(256).collect::<String>().to_lowercase();
    SOFTWARE.iter().find(|(word, _)| lower.contains(word)).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_and_words_tell_the_kind() {
        for (model, kind, maker) in [
            ("DS-2CD2143G0-I", Camera, Some("hikvision")),
            ("DS-7608NI-K2", Recorder, Some("hikvision")),
            ("DS-KV8113-WME1", Doorstation, Some("hikvision")),
            ("DS-3E0318P-E", Other, Some("hikvision")),
            ("IPC-HFW2431S", Camera, Some("dahua")),
            ("DHI-NVR4108HS", Recorder, Some("dahua")),
            ("NVR4108HS-4KS2", Recorder, None),
            ("VTO2000A", Doorstation, Some("dahua")),
            ("AXIS P3245-LVE", Camera, Some("axis")),
            ("AXIS A8105-E Network Video Door Station", Doorstation, Some("axis")),
            ("8 Channel DVR", Recorder, None),
            ("HP LaserJet 400", Other, None),
        ] {
            let known = of(model).unwrap_or_else(|| panic!("{model}"));
            assert_eq!((known.kind, known.maker), (kind, maker), "{model}");
        }
        assert_eq!(of("Latitude 7420"), None);
        assert_eq!(of("envipcard"), None, "a word within a word");
    }
}
