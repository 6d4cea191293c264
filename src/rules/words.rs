//! How findings speak of cameras and destinations, in one place.

use serde_json::{Value, json};

use crate::analyse::{Camera, Pair};

/// `hik-connect.com (120.26.96.67, CN, AS37963 …, network of CN)`.
pub(super) fn destination(pair: &Pair) -> String {
    let mut facts = Vec::new();
    if !pair.names.is_empty() {
        facts.push(pair.address.to_string());
    }
    facts.push(pair.place.country_text().unwrap_or_else(|| "country unknown".to_owned()));
    facts.extend(pair.place.owner_text());
    if let Some(country) = pair.place.owner_country.filter(|country| !pair.place.countries.contains(country)) {
        facts.push(format!("a network of {country}"));
    }
    match pair.names.first() {
        Some(name) => format!("{name} ({})", facts.join(", ")),
        None => format!("{} ({})", pair.address, facts.join(", ")),
    }
}

pub(super) fn camera_facts(camera: &Camera) -> Value {
    json!({
        "id": camera.id, "addresses": camera.addresses, "mac": camera.mac, "vendor": camera.vendor,
        "kind": camera.kind, "name": camera.name, "site": camera.site, "tags": camera.tags, "asset": camera.asset,
    })
}

pub(super) fn pair_facts(pair: &Pair) -> Value {
    json!({
        "address": pair.address, "names": pair.names.iter().map(AsRef::<str>::as_ref).collect::<Vec<_>>(),
        "country": pair.place.country_text(), "owner": pair.place.owner_text(),
        "owner_country": pair.place.owner_country,
        "services": pair.services.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "attempts": pair.counts.attempts, "answered": pair.counts.answered, "refused": pair.counts.refused, "unanswered": pair.counts.unanswered,
        "outcome": pair.answer().to_string(), "bytes_out": pair.counts.bytes_out, "bytes_in": pair.counts.bytes_in,
        "first": pair.first, "last": pair.last,
    })
}

/// `620 MiB`, `1.5 GiB`.
pub(super) fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let at = (0..units.len() - 1).find(|at| count >> (10 * at) < 1024).unwrap_or(units.len() - 1);
    let number = count as f64 / f64::from(1_u32 << (10 * at.min(3))) / if at > 3 { 1024.0 } else { 1.0 };
    let digits = usize::from(at > 0 && number < 10.0);
    format!("{number:.digits$} {}", units[at])
}

#[cfg(test)]
mod tests {
    #[test]
    fn writes_sizes_for_people() {
        let texts = [0, 1023, 1536, 500 << 20, 3 << 29, 5 << 40].map(super::bytes);
        assert_eq!(texts, ["0 B", "1023 B", "1.5 KiB", "500 MiB", "1.5 GiB", "5.0 TiB"]);
    }
}
