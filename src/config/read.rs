//! From the text of a file to a configuration, or every mistake in it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use super::rule_files::rule_list;
use super::{Config, ConfigErrors, SiteBy, capture};
use crate::deliver;
use crate::device::{Camera, DeviceKind, Register};
use crate::lockdown::Mode;
use crate::lookup::LookupOptions;
use crate::report::schedule;
use crate::settings::{Bytes, Every, Problem, Problems, Section, parse};

pub(super) fn read(file: &str, text: &str, folder: &Path) -> Result<Config, ConfigErrors> {
    let mut problems = Problems::new(file, text);
    let p = &mut problems;
    let table = parse(text, p);
    let mut top = Section::top(&table);
    let mut config = Config::default();

    set(&mut config.home, top.list("home", p));
    if config.home.is_empty() {
        p.add(
            top.span_of("home"),
            "`home`: name at least one country, as in home = [\"GB\"]: what is not home is overseas",
        );
    }
    set(&mut config.internal, top.list("internal", p));
    capture::read(&mut config, top.section("capture", p), p);
    watch(&mut config, top.section("watch", p), p);
    cameras(&mut config, &mut top, p);
    register(&mut config, top.section("inventory", p), folder, p);
    devices(&mut config, top.section("device", p), p);
    geo(&mut config, top.section("geo", p), folder, p);
    lookups(&mut config, top.section("names", p), p);
    limits(&mut config, top.section("limits", p), p);
    store(&mut config, top.section("store", p), folder, p);
    delivery(&mut config, &mut top, folder, p);
    let mut others = Vec::new();
    config.http.read(top.section("http", p), folder, p, &mut others);
    lockdown(&mut config, top.section("lockdown", p), p);
    sinks(&mut config, &mut top, folder, p);
    reports(&mut config, &mut top, p);
    others.extend(rule_list(&mut config, &mut top, folder, p));
    top.finish(p);

    let mut list: Vec<Problem> = problems.into_list();
    list.extend(others);
    if list.is_empty() { Ok(config) } else { Err(ConfigErrors(list)) }
}

pub(super) fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn watch(config: &mut Config, mut section: Section<'_, '_>, p: &mut Problems<'_>) {
    set(&mut config.watch.all, section.get("all", p));
    set(&mut config.watch.vendors, section.get("vendors", p));
    set(&mut config.watch.facts, section.get("facts", p));
    set(&mut config.watch.router_addresses, section.get("router_addresses", p));
    if config.watch.router_addresses == 0 {
        p.add(section.span_of("router_addresses"), "`router_addresses`: write 1 or more: every device has an address");
    }
    section.finish(p);
}

fn cameras(config: &mut Config, top: &mut Section<'_, '_>, p: &mut Problems<'_>) {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut addresses: BTreeMap<IpAddr, usize> = BTreeMap::new();
    for (number, mut section) in (1..).zip(top.sections("camera", p)) {
        let kinds = [
            ("camera", DeviceKind::Camera),
            ("recorder", DeviceKind::Recorder),
            ("doorstation", DeviceKind::Doorstation),
        ];
        let camera = Camera {
            name: section.get("name", p),
            site: section.get("site", p),
            tags: section.list("tags", p).unwrap_or_default(),
            kind: section.one_of("kind", &kinds, p).unwrap_or_default(),
            addresses: section.list("address", p).unwrap_or_default(),
            ranges: section.list("range", p).unwrap_or_default(),
            mac: section.get("mac", p),
            asset: section.get("asset", p),
            expected_destinations: section.list("expected_destinations", p).unwrap_or_default(),
        };
        if camera.addresses.is_empty() && camera.ranges.is_empty() && camera.mac.is_none() {
            p.add(
                section.span(),
                "a [[camera]] needs an `address`, a `range` or a `mac`, so that it can be recognised",
            );
        }
        let texts = [("name", &camera.name), ("site", &camera.site), ("asset", &camera.asset)];
        for (key, text) in texts.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?))) {
            if text.trim().is_empty() || text.contains(char::is_control) {
                p.add(section.span_of(key), format!("`{key}`: write a text on one line, as in {key} = \"car park\""));
            }
        }
        if let Some(name) = &camera.name
            && let Some(other) = names.insert(name.clone(), number)
        {
            let message = format!("`{name}` is the name of camera {other} in this file too: names tell cameras apart");
            p.add(section.span_of("name"), message);
        }
        for address in &camera.addresses {
            if let Some(other) = addresses.insert(*address, number) {
                let message = format!("{address} is an address of camera {other} in this file too");
                p.add(section.span_of("address"), message);
            }
        }
        section.finish(p);
        config.cameras.push(camera);
    }
}

fn register(config: &mut Config, mut section: Section<'_, '_>, folder: &Path, p: &mut Problems<'_>) {
    if let Some(file) = section.get::<String>("file", p).filter(|file| !file.is_empty()) {
        match Register::load(&folder.join(file)) {
            Ok(register) => config.register = Some(register),
            Err(error) => p.add(section.span_of("file"), format!("`file`: {error}")),
        }
    }
    section.finish(p);
}

fn devices(config: &mut Config, mut section: Section<'_, '_>, p: &mut Problems<'_>) {
    let ways = [("none", SiteBy::None), ("vlan", SiteBy::Vlan), ("interface", SiteBy::Interface)];
    set(&mut config.device.site_by, section.one_of("site_by", &ways, p));
    set(&mut config.device.max_loss_percent, section.get("max_loss_percent", p));
    if config.device.max_loss_percent > 100 {
        p.add(section.span_of("max_loss_percent"), "`max_loss_percent`: write a number from 0 to 100");
    }
    section.finish(p);
}

fn geo(config: &mut Config, mut section: Section<'_, '_>, folder: &Path, p: &mut Problems<'_>) {
    let databases: Option<Vec<String>> = section.list("databases", p);
    config.geo.databases = databases.unwrap_or_default().iter().map(|path| folder.join(path)).collect();
    for path in &config.geo.databases {
        if let Err(error) = std::fs::metadata(path) {
            let message = format!("`databases`: {}: {error}: check the path", path.display());
            p.add(section.span_of("databases"), message);
        }
    }
    config.geo.country_source = section.get("country_source", p);
    section.finish(p);
}

fn lookups(config: &mut Config, mut section: Section<'_, '_>, p: &mut Problems<'_>) {
    let wanted = section.get("reverse_lookups", p).unwrap_or(false);
    let resolver: Option<String> = section.get("resolver", p);
    let resolver = resolver.and_then(|text| {
        let with_port = text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, 53)));
        if with_port.is_none() {
            let message =
                format!("`resolver`: `{text}` is no address: write 10.0.0.53, or 10.0.0.53:5353 with its port");
            p.add(section.span_of("resolver"), message);
        }
        with_port
    });
    let per_minute: u64 = section.get("per_minute", p).unwrap_or(30);
    if !(1..=6000).contains(&per_minute) {
        p.add(section.span_of("per_minute"), "`per_minute`: write 1 to 6000 questions a minute");
    }
    match resolver {
        Some(resolver) if wanted => {
            config.lookup = Some(LookupOptions { resolver, per_minute: per_minute as u32 });
        }
        None if wanted && section.span_of("resolver") == section.span() => {
            let message =
                "`reverse_lookups` needs a `resolver`: look-ups go to the one that is named here, and nowhere else";
            p.add(section.span_of("reverse_lookups"), message);
        }
        _ => {}
    }
    section.finish(p);
}

/// The most of anything that is held.
const MOST: u64 = 100_000_000;

fn limits(config: &mut Config, mut section: Section<'_, '_>, p: &mut Problems<'_>) {
    let limits = &mut config.limits;
    for (key, place, most) in [
        ("flows", &mut limits.flows, MOST),
        // Ids of cameras have no more places.
        ("cameras", &mut limits.cameras, 16_000_000),
        ("pairs", &mut limits.pairs, MOST),
        ("names", &mut limits.names, MOST),
        ("devices", &mut limits.devices, MOST),
    ] {
        if let Some(value) = section.get::<u64>(key, p) {
            if (1000..=most).contains(&value) {
                *place = value;
            } else {
                p.add(section.span_of(key), format!("`{key}`: write a number from 1000 to {most}"));
            }
        }
    }
    section.finish(p);
}

fn store(config: &mut Config, mut section: Section<'_, '_>, folder: &Path, p: &mut Problems<'_>) {
    let store = &mut config.store;
    if let Some(path) = section.get::<String>("path", p).filter(|path| !path.is_empty()) {
        let path = folder.join(path);
        // Whole, so that the effective configuration means the same wherever it stands.
        let path = std::path::absolute(&path).unwrap_or(path);
        if path.is_dir() || path.file_name().is_none() {
            let message = format!("`path`: {} is a folder: name a file in it, as in camwatch.db", path.display());
            p.add(section.span_of("path"), message);
        } else if !path.parent().is_some_and(Path::is_dir) {
            let message = format!("`path`: the folder of {} is not there: make it first", path.display());
            p.add(section.span_of("path"), message);
        }
        store.path = Some(path);
    }
    for (key, place) in [("ledger_days", &mut store.ledger_days), ("alert_days", &mut store.alert_days)] {
        if let Some(days) = section.get::<u64>(key, p) {
            if (1..=36_500).contains(&days) {
                *place = days;
            } else {
                p.add(section.span_of(key), format!("`{key}`: write 1 to 36500 days"));
            }
        }
    }
    set(&mut store.checkpoint, section.get("checkpoint", p));
    if !(1..=60).contains(&store.checkpoint.as_secs()) {
        let message =
            "`checkpoint`: write a time from \"1 s\" to \"60 s\": a kill loses what was counted since the last";
        p.add(section.span_of("checkpoint"), message);
    }
    if let Some(Bytes(size)) = section.get("max_size", p) {
        if (16 << 20..=1 << 44).contains(&size) {
            store.max_bytes = size;
        } else {
            p.add(section.span_of("max_size"), "`max_size`: write a size from \"16 MiB\" to \"16384 GiB\"");
        }
    }
    section.finish(p);
}

fn delivery(config: &mut Config, top: &mut Section<'_, '_>, folder: &Path, p: &mut Problems<'_>) {
    let mut section = top.section("alerts", p);
    if let Some(output) = section.get::<String>("output", p) {
        config.alerts_output = if output == "-" { PathBuf::from(output) } else { folder.join(output) };
    }
    section.finish(p);

    let mut section = top.section("control", p);
    if let Some(socket) = section.get::<String>("socket", p).filter(|socket| !socket.is_empty()) {
        let path = folder.join(socket);
        // A socket's address holds 108 bytes (unix(7)), with a zero at the end.
        if path.as_os_str().len() > 107 {
            p.add(section.span_of("socket"), "`socket`: the path is longer than the 107 bytes that a socket may have");
        }
        config.control_socket = Some(path);
    }
    section.finish(p);

    selftest(config, top.section("selftest", p), p);

    let mut section = top.section("metrics", p);
    if let Some(series) = section.get::<u64>("camera_series", p) {
        if series <= 1_000_000 {
            config.metrics.camera_series = series;
        } else {
            p.add(
                section.span_of("camera_series"),
                "`camera_series`: write a number from 0 (none) to 1000000: each camera has six series",
            );
        }
    }
    section.finish(p);

    let mut section = top.section("log", p);
    set(&mut config.log.json, section.one_of("format", &[("text", false), ("json", true)], p));
    let levels = ["error", "warn", "info", "debug", "trace"];
    set(&mut config.log.level, section.one_of("level", &levels.map(|level| (level, level)), p).map(str::to_owned));
    section.finish(p);
}

fn lockdown(config: &mut Config, mut section: Section<'_, '_>, p: &mut Problems<'_>) {
    set(&mut config.lockdown, section.one_of("mode", &Mode::WORDS, p));
    section.finish(p);
}

fn selftest(config: &mut Config, mut section: Section<'_, '_>, p: &mut Problems<'_>) {
    if let Some(Every(every)) = section.get("every", p) {
        config.selftest_every = every;
        if every.is_some_and(|every| !(10..=7 * 86_400).contains(&every.as_secs())) {
            let message = "`every`: write a time from \"10 s\" to \"168 h\", as in \"1 h\", or \"off\"";
            p.add(section.span_of("every"), message);
        }
    }
    section.finish(p);
}

fn sinks(config: &mut Config, top: &mut Section<'_, '_>, folder: &Path, p: &mut Problems<'_>) {
    for mut section in top.sections("sink", p) {
        let read = deliver::read(&mut section, folder, p);
        if let Some(sink) = read {
            if config.sinks.iter().any(|other| other.name == sink.name) {
                let message = format!("there are two sinks `{}`: names tell sinks apart", sink.name);
                p.add(section.span_of("name"), message);
            }
            config.sinks.push(sink);
        }
        section.finish(p);
    }
}

fn reports(config: &mut Config, top: &mut Section<'_, '_>, p: &mut Problems<'_>) {
    let all = config.all_sinks();
    let (mail, others): (Vec<_>, Vec<_>) = all.iter().partition(|sink| sink.takes_letters());
    let mail: Vec<&str> = mail.iter().map(|sink| sink.name.as_ref()).collect();
    let others: Vec<&str> = others.iter().map(|sink| sink.name.as_ref()).collect();
    let span = top.span_of("report");
    config.reports = schedule::read(top, &mail, &others, p);
    if !config.reports.is_empty() && config.store.path.is_none() {
        p.add(span, "a [[report]] tells what was kept: name a file in [store] path");
    }
}

#[cfg(test)]
mod tests {
    use super::super::DEFAULT_RULES;
    use super::super::rule_files::rules_of;
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        match Config::parse("c.toml", text, Path::new(".")) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.0.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn the_built_in_rules_are_right() {
        let mut found = Problems::new("default.toml", DEFAULT_RULES);
        assert_eq!(rules_of(DEFAULT_RULES, &mut found).0.len(), 9);
        assert_eq!(found.into_list(), []);
    }

    #[test]
    fn every_mistake_is_told_at_once_with_line_and_way_out() {
        let found = problems(
            "hoem = [\"GB\"]\nhome = [\"UK\"]\n[capture]\nsnaplen = \"big\"\nintefaces = [\"eth1\"]\n\
             [http]\nlisten = \"0.0.0.0:80\"\n[[camera]]\nname = \"a\"\n[[rule]]\nname = \"x\"\nkind = \"rat\"\n",
        );
        let all = found.join("\n");
        for expected in [
            "c.toml:1:1: unknown key `hoem`: did you mean `home`?",
            "c.toml:2:9: `home`: `UK` is no country: write two letters of ISO 3166-1, as in GB (did you mean GB?)",
            "c.toml:4:11: `snaplen`: write a whole number from 0 on, not \"big\"",
            "c.toml:5:1: unknown key `intefaces` in [capture]: did you mean `interfaces`?",
            "c.toml:7:10: `listen`: 0.0.0.0:80 can be reached from outside",
            "c.toml:8:1: a [[camera]] needs an `address`, a `range` or a `mac`",
            "c.toml:12:8: `rat` is no kind of rule: rate, beat, surge, new_destination, silent, unregistered, policy, listed, volume, long, inbound, lateral, dns: did you mean `rate`?",
        ] {
            assert!(all.contains(expected), "{expected}\nis not in\n{all}");
        }
    }

    #[test]
    fn names_that_would_disturb_a_screen_and_files_that_are_missing_are_told() {
        let found = problems(
            "[capture]\ninterfaces = [\"eth1\", \"eth1\"]\n[geo]\ndatabases = [\"none.mmdb\"]\n[[camera]]\n\
             name = \"a\\u001b[31m\"\naddress = \"10.0.0.1\"\n[[camera]]\nname = \"\"\naddress = \"10.0.0.2\"\n\
             [[rule]]\nname = \"r\\n\"\nkind = \"surge\"\nwithin = \"0 s\"\n",
        );
        let all = found.join("\n");
        for expected in [
            "c.toml:2:14: `interfaces`: `eth1`: name each interface once",
            "c.toml:4:13: `databases`: ./none.mmdb: ",
            "c.toml:6:8: `name`: write a text on one line",
            "c.toml:9:8: `name`: write a text on one line",
            "c.toml:12:8: `name`: write a name on one line",
            "c.toml:14:10: `within` must be 1 s or more",
        ] {
            assert!(all.contains(expected), "{expected}\nis not in\n{all}");
        }
    }

    #[test]
    fn what_is_kept_has_a_place_and_bounds() {
        let found = problems(
            "[store]\npath = \"nowhere/camwatch.db\"\nledger_days = 0\nalert_days = \"long\"\nmax_size = \"1 MiB\"\nmax_sise = 1\n",
        );
        let all = found.join("\n");
        for expected in [
            "c.toml:2:8: `path`: the folder of /",
            "/nowhere/camwatch.db is not there: make it first",
            "c.toml:3:15: `ledger_days`: write 1 to 36500 days",
            "c.toml:4:14: `alert_days`: write a whole number from 0 on, not \"long\"",
            "c.toml:5:12: `max_size`: write a size from \"16 MiB\"",
            "c.toml:6:1: unknown key `max_sise` in [store]: did you mean `max_size`?",
        ] {
            assert!(all.contains(expected), "{expected}\nis not in\n{all}");
        }
        let found = problems("[store]\npath = \"/\"\n");
        assert!(found[0].contains("is a folder: name a file in it"), "{found:?}");
        assert_eq!(Config::parse("c.toml", "[store]\npath = \"\"\n", Path::new(".")).unwrap().store.path, None);
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        let found = problems("home = [\"GB\"]\n[capture\ninterfaces = 3 4\n");
        assert!(found.len() >= 2 && found[0].starts_with("c.toml:2:"), "{found:?}");
    }

    #[test]
    fn rules_can_be_switched_off_and_replaced_by_name() {
        let text = "[rules]\ndisable = [\"overseas-beat\"]\n[[rule]]\nname = \"overseas-rate\"\nkind = \"rate\"\nattempts = 7\n";
        let config = Config::parse("c.toml", text, Path::new(".")).unwrap();
        let names: Vec<&str> = config.rules.iter().map(|rule| rule.name.as_ref()).collect();
        assert_eq!(
            names,
            [
                "overseas-rate",
                "overseas-rate-all",
                "overseas-surge",
                "overseas-name-beat",
                "overseas-beat-all",
                "new-overseas-country",
                "camera-silent",
                "camera-unregistered",
            ]
        );
        let found = problems("[rules]\ndisable = [\"overseas-baet\"]\n");
        assert!(found[0].contains("did you mean `overseas-beat`?"), "{found:?}");
    }

    #[test]
    fn the_effective_configuration_reads_back_as_itself() {
        let text = "home = [\"GB\", \"IE\"]\ninternal = [\"198.18.0.0/15\"]\n[capture]\ninterfaces = [\"eth1\"]\nring = \"128 MiB\"\n\
                    [store]\npath = \"kept.db\"\nledger_days = 30\nmax_size = \"64 MiB\"\n\
                    [[camera]]\nname = \"car \\\"park\\\"\"\naddress = \"10.1.2.3\"\nsite = \"north\"\ntags = [\"ptz\"]\n\
                    [[camera]]\nrange = \"10.9.0.0/24\"\nkind = \"recorder\"\n[rules]\ndefaults = false\n\
                    [[rule]]\nname = \"r\"\nkind = \"rate\"\nattempts = 9\n";
        let config = Config::parse("c.toml", text, Path::new(".")).unwrap();
        let effective = config.effective();
        let again = Config::parse("effective", &effective, Path::new(".")).unwrap();
        assert_eq!(again.effective(), effective);
        assert_eq!(again.cameras, config.cameras);
        assert_eq!((again.home, again.capture), (config.home, config.capture));
        assert_eq!((config.store.ledger_days, config.store.max_bytes), (30, 64 << 20));
        assert_eq!(config.store.path, std::env::current_dir().ok().map(|folder| folder.join("kept.db")));
        assert_eq!(again.store.alert_days, config.store.alert_days);
        assert!(effective.contains("/kept.db\"\nledger_days = 30\nalert_days = 730\nmax_size = 67108864\n"));
        assert_eq!(again.rules.len(), 1);
    }

    #[test]
    fn mistakes_in_sinks_are_told_with_line_and_way_out() {
        let found = problems(
            "[[sink]]\nname = \"output\"\nkind = \"sylog\"\n\
             [[sink]]\nname = \"a\"\nkind = \"syslog\"\naddress = \"h:x\"\ntransport = \"udp\"\nca_file = \"none.pem\"\n\
             [[sink]]\nname = \"b\"\nkind = \"alertmanager\"\nurl = \"http://u:p@h\"\nevents = [\"firing\"]\n\
             [[sink]]\nname = \"c\"\nkind = \"webhook\"\nurl = \"ftp://h\"\nsecret_file = \"none\"\nsecrt = 1\n\
             [[sink]]\nname = \"d\"\nkind = \"email\"\nserver = \"mx.example\"\nsecurity = \"none\"\nfrom = \"x\"\n\
             [[sink]]\nname = \"e\"\nkind = \"json\"\npath = \"none/here\"\nevents = [\"fire\"]\nrules = [\"[\"]\n\
             [[sink]]\nname = \"f\"\nkind = \"webhook\"\nurl = \"http://far.example\"\ntoken_file = \"credential:t\"\n\
             [[sink]]\nname = \"g\"\nkind = \"json\"\npath = \"-\"\n[[sink]]\nname = \"g\"\nkind = \"json\"\npath = \"-\"\n",
        );
        let all = found.join("\n");
        for expected in [
            "c.toml:2:8: `name`: \"output\" is the sink of [alerts] output: choose another",
            "c.toml:3:8: `sylog` is no kind of sink: json, syslog, alertmanager, webhook, email: did you mean `syslog`?",
            "c.toml:7:11: `address`: `h:x` is no host with a port: write siem.example:6514",
            "c.toml:9:11: `ca_file`: ./none.pem: No such file",
            "c.toml:9:11: `ca_file` is for transport = \"tls\"",
            "c.toml:13:7: `url`: a password in a URL ends up in logs: use `user` and `password_file`",
            "c.toml:14:10: `events`: an Alertmanager must hear of all",
            "c.toml:18:7: `url`: this is no address of the web: write \"https://hooks.example/camwatch\"",
            "c.toml:19:15: `secret_file`: ./none: No such file or directory (os error 2): write the secret into that file",
            "c.toml:20:1: unknown key `secrt` in [sink]: did you mean `secret_file`?",
            "c.toml:21:1: this sink needs `to`",
            "c.toml:25:12: `security`: mail in the clear is for a server on this machine",
            "c.toml:26:8: `from`: `x` is no address: write name@council.example",
            "c.toml:30:8: `path`: ./none/here is no file in a folder that is there: make the folder",
            "c.toml:31:10: `events`: `fire` is none of firing, update, acknowledged, resolved: did you mean `firing`?",
            "c.toml:32:9: `rules`: `[` is no pattern: ",
            "c.toml:36:7: `url`: a login must not travel in the clear: write https://",
            "c.toml:43:8: there are two sinks `g`: names tell sinks apart",
        ] {
            assert!(all.contains(expected), "{expected}\nis not in\n{all}");
        }
    }

    #[test]
    fn sinks_are_written_back_without_their_secrets_and_mean_the_same_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), "hunter2\n").unwrap();
        let text = "[[sink]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://h.example/x\"\nsecret_file = \"key\"\n\
                    severity = \"warning\"\nrules = [\"overseas-*\", \"lateral\"]\nevents = [\"firing\"]\n\
                    [[sink]]\nname = \"b\"\nkind = \"json\"\npath = \"-\"\n\
                    [[sink]]\nname = \"c\"\nkind = \"webhook\"\nurl_file = \"credential:hook\"\n";
        let config = Config::parse("c.toml", text, folder.path()).unwrap();
        let effective = config.effective();
        assert!(!effective.contains("hunter2") && !format!("{config:?}").contains("hunter2"), "{effective}");
        assert!(
            effective.contains("path = \"-\"") && effective.contains("url_file = \"credential:hook\""),
            "{effective}"
        );
        let again = Config::parse("effective", &effective, Path::new("/elsewhere")).unwrap();
        assert_eq!(again.effective(), effective);
        let names: Vec<String> = again.all_sinks().iter().map(|sink| sink.name.to_string()).collect();
        assert_eq!(names, ["output", "a", "b", "c"]);
        assert_eq!(again.sinks[0].open_secrets(), [folder.path().join("key")]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_every_line_is_in_the_file(text in "[a-z=\\[\\]\"\\n #.0-9]{0,200}") {
            if let Err(errors) = Config::parse("c.toml", &text, Path::new(".")) {
                let lines = text.matches('\n').count() + 1;
                for problem in errors.0 {
                    proptest::prop_assert!(problem.line <= lines);
                }
            }
        }
    }
}
