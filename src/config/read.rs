//! From the text of a file to a configuration, or every mistake in it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use super::{Config, ConfigErrors, SiteBy};
use crate::device::{Camera, DeviceKind, Register};
use crate::lookup::LookupOptions;
use crate::rules::{self, Rule};
use crate::settings::{Bytes, Problem, Problems, Section, did_you_mean, parse};

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
    capture(&mut config, top.section("capture", p), p);
    watch(&mut config, top.section("watch", p), p);
    cameras(&mut config, &mut top, p);
    register(&mut config, top.section("inventory", p), folder, p);
    devices(&mut config, top.section("device", p), p);
    geo(&mut config, top.section("geo", p), folder, p);
    lookups(&mut config, top.section("names", p), p);
    limits(&mut config, top.section("limits", p), p);
    delivery(&mut config, &mut top, folder, p);
    let others = rule_list(&mut config, &mut top, folder, p);
    top.finish(p);

    let mut list: Vec<Problem> = problems.into_list();
    list.extend(others);
    if list.is_empty() { Ok(config) } else { Err(ConfigErrors(list)) }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn capture(config: &mut Config, mut section: Section<'_, '_>, p: &mut Problems<'_>) {
    let capture = &mut config.capture;
    set(&mut capture.interfaces, section.list("interfaces", p));
    for (at, interface) in capture.interfaces.iter().enumerate() {
        if interface.is_empty() || capture.interfaces.iter().take(at).any(|other| other == interface) {
            let message =
                format!("`interfaces`: `{interface}`: name each interface once, as in interfaces = [\"eth1\"]");
            p.add(section.span_of("interfaces"), message);
        }
    }
    set(&mut capture.promiscuous, section.get("promiscuous", p));
    set(&mut capture.filter, section.get("filter", p));
    set(&mut capture.vxlan_ports, section.list("vxlan_ports", p));
    if let Some(snaplen) = section.get::<u64>("snaplen", p) {
        match u32::try_from(snaplen) {
            Ok(snaplen @ 96..=262_144) => capture.snaplen = snaplen,
            _ => p.add(section.span_of("snaplen"), "`snaplen`: write 96 to 262144 bytes; names need about 2048"),
        }
    }
    if let Some(Bytes(ring)) = section.get("ring", p) {
        match u32::try_from(ring) {
            Ok(ring) if (1 << 20..=2 << 30).contains(&u64::from(ring)) && i32::try_from(ring).is_ok() => {
                capture.ring_bytes = ring;
            }
            _ => p.add(section.span_of("ring"), "`ring`: write a size from \"1 MiB\" to \"2047 MiB\""),
        }
    }
    section.finish(p);
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

fn limits(config: &mut Config, mut section: Section<'_, '_>, p: &mut Problems<'_>) {
    let limits = &mut config.limits;
    for (key, place) in [
        ("flows", &mut limits.flows),
        ("cameras", &mut limits.cameras),
        ("pairs", &mut limits.pairs),
        ("names", &mut limits.names),
        ("devices", &mut limits.devices),
    ] {
        if let Some(value) = section.get::<u64>(key, p) {
            if (1000..=100_000_000).contains(&value) {
                *place = value;
            } else {
                p.add(section.span_of(key), format!("`{key}`: write a number from 1000 to 100000000"));
            }
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

    let mut section = top.section("http", p);
    if let Some(listen) = section.get::<String>("listen", p) {
        match listen.parse::<SocketAddr>() {
            _ if listen.is_empty() => config.http_listen = None,
            Ok(listen) if listen.ip().is_loopback() => config.http_listen = Some(listen),
            Ok(listen) => {
                let message = format!(
                    "`listen`: {listen} can be reached from outside, and there is no encryption or login yet: listen on \
                     127.0.0.1 and put a proxy with both before it"
                );
                p.add(section.span_of("listen"), message);
            }
            Err(_) => p.add(
                section.span_of("listen"),
                "`listen`: write an address with a port, as in \"127.0.0.1:9469\", or \"\" for none",
            ),
        }
    }
    section.finish(p);

    let mut section = top.section("log", p);
    set(&mut config.log.json, section.one_of("format", &[("text", false), ("json", true)], p));
    let levels = ["error", "warn", "info", "debug", "trace"];
    set(&mut config.log.level, section.one_of("level", &levels.map(|level| (level, level)), p).map(str::to_owned));
    section.finish(p);
}

/// The rules: built in, from files, and from this file; later ones replace earlier ones of the same name.
fn rule_list(config: &mut Config, top: &mut Section<'_, '_>, folder: &Path, p: &mut Problems<'_>) -> Vec<Problem> {
    let mut section = top.section("rules", p);
    let defaults = section.get("defaults", p).unwrap_or(true);
    let disable: Vec<String> = section.list("disable", p).unwrap_or_default();
    let files: Vec<String> = section.list("files", p).unwrap_or_default();
    let mut others = Vec::new();
    let mut all = if defaults { std::mem::take(&mut config.rules) } else { Vec::new() };
    let mut add = |rule: Rule| match all.iter_mut().find(|other| other.name == rule.name) {
        Some(other) => *other = rule,
        None => all.push(rule),
    };
    for name in files {
        let path = folder.join(&name);
        match std::fs::read_to_string(&path) {
            Err(error) => p.add(section.span_of("files"), format!("`files`: {}: {error}", path.display())),
            Ok(text) => {
                let file = path.display().to_string();
                let mut problems = Problems::new(&file, &text);
                rules_of(&text, &mut problems).into_iter().for_each(&mut add);
                others.extend(problems.into_list());
            }
        }
    }
    inline_rules(top, p).into_iter().for_each(&mut add);
    for name in disable {
        let known: Vec<&str> = all.iter().map(|rule| rule.name.as_ref()).collect();
        if known.contains(&name.as_str()) {
            all.retain(|rule| *rule.name != *name);
        } else {
            let message = format!("`disable`: there is no rule `{name}`{}", did_you_mean(&name, &known));
            p.add(section.span_of("disable"), message);
        }
    }
    section.finish(p);
    config.rules = all;
    others
}

/// The rules of a file that holds only rules.
pub(super) fn rules_of(text: &str, problems: &mut Problems<'_>) -> Vec<Rule> {
    let table = parse(text, problems);
    let mut top = Section::top(&table);
    let rules = inline_rules(&mut top, problems);
    top.finish(problems);
    rules
}

fn inline_rules(top: &mut Section<'_, '_>, p: &mut Problems<'_>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for mut section in top.sections("rule", p) {
        let span = section.span();
        let source = section.text();
        if let Some(rule) = rules::read(&mut section, &source, p) {
            if rules.iter().any(|other| other.name == rule.name) {
                p.add(span, format!("there are two rules `{}` in this file: names tell rules apart", rule.name));
            }
            rules.push(rule);
        }
        section.finish(p);
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::super::DEFAULT_RULES;
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
        assert_eq!(rules_of(DEFAULT_RULES, &mut found).len(), 9);
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
                    [[camera]]\nname = \"car \\\"park\\\"\"\naddress = \"10.1.2.3\"\nsite = \"north\"\ntags = [\"ptz\"]\n\
                    [[camera]]\nrange = \"10.9.0.0/24\"\nkind = \"recorder\"\n[rules]\ndefaults = false\n\
                    [[rule]]\nname = \"r\"\nkind = \"rate\"\nattempts = 9\n";
        let config = Config::parse("c.toml", text, Path::new(".")).unwrap();
        let effective = config.effective();
        let again = Config::parse("effective", &effective, Path::new(".")).unwrap();
        assert_eq!(again.effective(), effective);
        assert_eq!(again.cameras, config.cameras);
        assert_eq!((again.home, again.capture), (config.home, config.capture));
        assert_eq!(again.rules.len(), 1);
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
