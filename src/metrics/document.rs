//! The list as a page: `docs/metrics.md`.

use std::fmt::Write;

use super::{Family, Kind, ROOMS, families};

/// The page, in Markdown.
pub fn document() -> String {
    let mut out = String::new();
    write_page(&mut out).unwrap_or_default();
    out
}

fn write_page(out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "# Metrics\n\n\
         Written by `camwatch metrics`, which prints this page for the version that is installed. [prometheus.md](prometheus.md) \
         says how to scrape,\nand what is ready to be used: rules, alerts, dashboards.\n\n\
         `/metrics` has {} families. No label ever has the address, name or port of a destination: that is for alerts, `camwatch \
         read` and\nthe store. Counters begin at 0 with the process, or go on from what `[store] path` has kept.",
        families().count()
    )?;
    for room in &ROOMS {
        writeln!(out, "\n## {}\n\n{}\n", room.title, room.about)?;
        writeln!(out, "| name | type | labels | unit | what it tells |\n|---|---|---|---|---|")?;
        room.families.iter().try_for_each(|family| write_row(out, family))?;
    }
    Ok(())
}

fn write_row(out: &mut String, family: &Family) -> std::fmt::Result {
    let kind = match family.kind() {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
    let what = match family.note {
        "" => family.help.to_owned(),
        note => format!("{}; {note}.", family.help.trim_end_matches('.')),
    };
    writeln!(out, "| `{}` | {kind} | {} | {} | {what} |", family.name, labels.join(", "), family.unit)
}
