//! The configuration written back, with every default filled in.

use std::fmt::{Display, Write};

use super::{Config, SiteBy};
use crate::settings::duration_text;

pub(super) fn text(config: &Config) -> String {
    let mut out = String::new();
    write(&mut out, config).unwrap_or_default();
    out
}

/// A TOML basic string.
fn quoted(value: impl Display) -> String {
    let escaped: String = value
        .to_string()
        .chars()
        .map(|c| match c {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            c if c.is_control() => format!("\\u{:04x}", c as u32),
            c => c.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}

fn list(values: impl IntoIterator<Item = impl Display>) -> String {
    let quoted: Vec<String> = values.into_iter().map(quoted).collect();
    format!("[{}]", quoted.join(", "))
}

fn write(out: &mut String, config: &Config) -> std::fmt::Result {
    let Config {
        home,
        internal,
        capture,
        watch,
        cameras,
        register,
        device,
        geo,
        limits,
        alerts_output,
        store,
        sinks,
        reports,
        lookup,
        http,
        control_socket,
        lockdown,
        selftest_every,
        metrics,
        log,
        rules,
        suppressions,
    } = config;
    writeln!(out, "home = {}\ninternal = {}\n", list(home), list(internal))?;
    writeln!(out, "[capture]\ninterfaces = {}", list(&capture.interfaces))?;
    writeln!(out, "promiscuous = {}\nsnaplen = {}", capture.promiscuous, capture.snaplen)?;
    writeln!(out, "ring = {}\nworkers = {}", capture.ring_bytes, capture.workers)?;
    writeln!(out, "filter = {}", quoted(capture.filter.text()))?;
    writeln!(out, "vxlan_ports = {:?}\n", capture.vxlan_ports)?;
    writeln!(out, "[watch]\nall = {}\nvendors = {}\nfacts = {}", watch.all, watch.vendors, watch.facts)?;
    writeln!(out, "router_addresses = {}\n", watch.router_addresses)?;
    let file = register.as_ref().map(|register| register.path.display().to_string()).unwrap_or_default();
    writeln!(out, "[inventory]\nfile = {}\n", quoted(file))?;
    let site_by = match device.site_by {
        SiteBy::None => "none",
        SiteBy::Vlan => "vlan",
        SiteBy::Interface => "interface",
    };
    writeln!(out, "[device]\nsite_by = {}\nmax_loss_percent = {}\n", quoted(site_by), device.max_loss_percent)?;
    writeln!(out, "[geo]\ndatabases = {}", list(geo.databases.iter().map(|path| path.display())))?;
    if let Some(source) = &geo.country_source {
        writeln!(out, "country_source = {}", quoted(source))?;
    }
    writeln!(out, "\n[names]\nreverse_lookups = {}", lookup.is_some())?;
    if let Some(lookup) = lookup {
        writeln!(out, "resolver = {}\nper_minute = {}", quoted(lookup.resolver), lookup.per_minute)?;
    }
    writeln!(out, "\n[limits]\nflows = {}\ncameras = {}", limits.flows, limits.cameras)?;
    writeln!(out, "pairs = {}\nnames = {}\ndevices = {}\n", limits.pairs, limits.names, limits.devices)?;
    let path = store.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    writeln!(out, "[store]\npath = {}\nledger_days = {}", quoted(path), store.ledger_days)?;
    writeln!(out, "alert_days = {}\nmax_size = {}", store.alert_days, store.max_bytes)?;
    writeln!(out, "checkpoint = {}\n", quoted(duration_text(store.checkpoint)))?;
    writeln!(out, "[alerts]\noutput = {}\n", quoted(alerts_output.display()))?;
    let listen = http.listen.map_or_else(String::new, |listen| listen.to_string());
    let web_config = http.web_config.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    let socket = control_socket.as_ref().map(|socket| socket.display().to_string()).unwrap_or_default();
    writeln!(out, "[control]\nsocket = {}\n", quoted(socket))?;
    writeln!(out, "[lockdown]\nmode = {}\n", quoted(lockdown.word()))?;
    writeln!(out, "[http]\nlisten = {}\nhosts = {}", quoted(listen), list(&http.hosts))?;
    writeln!(out, "web_config = {}\nrequests_per_second = {}\n", quoted(web_config), http.requests_per_second)?;
    let every = selftest_every.map_or_else(|| "off".to_owned(), duration_text);
    writeln!(out, "[selftest]\nevery = {}\n", quoted(every))?;
    writeln!(out, "[metrics]\ncamera_series = {}\n", metrics.camera_series)?;
    writeln!(out, "[log]\nformat = {}", quoted(if log.json { "json" } else { "text" }))?;
    writeln!(out, "level = {}\n", quoted(&log.level))?;
    // Every rule in force stands below, the built-in ones too.
    writeln!(out, "[rules]\ndefaults = false")?;
    for camera in cameras {
        writeln!(out, "\n[[camera]]")?;
        for (key, value) in [("name", &camera.name), ("site", &camera.site), ("asset", &camera.asset)] {
            if let Some(value) = value {
                writeln!(out, "{key} = {}", quoted(value))?;
            }
        }
        if let Some(mac) = camera.mac {
            writeln!(out, "mac = {}", quoted(mac))?;
        }
        writeln!(out, "address = {}\nrange = {}", list(&camera.addresses), list(&camera.ranges))?;
        writeln!(out, "tags = {}\nkind = {}", list(&camera.tags), quoted(camera.kind.word()))?;
        writeln!(out, "expected_destinations = {}", list(&camera.expected_destinations))?;
    }
    for sink in sinks {
        writeln!(out, "\n[[sink]]\n{}", sink.source)?;
    }
    for report in reports {
        writeln!(out, "\n[[report]]\n{}", report.source)?;
    }
    for rule in rules {
        writeln!(out, "\n[[rule]]\n{}", rule.source)?;
    }
    for suppression in suppressions {
        writeln!(out, "\n[[suppression]]\n{}", suppression.source)?;
    }
    Ok(())
}
