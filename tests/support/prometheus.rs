//! A real Prometheus beside a camwatch in a network namespace.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use super::daemon::{Daemon, Namespace, eventually};
use super::{skip, text};

/// A running Prometheus that scrapes camwatch every second and evaluates rules as often; killed at the end.
pub struct Prometheus<'n> {
    namespace: &'n Namespace,
    _program: Daemon,
}

impl<'n> Prometheus<'n> {
    /// Starts it with rule files, in a folder of its own. None where it is missing.
    pub fn start(namespace: &'n Namespace, folder: &Path, rules: &[&Path]) -> Option<Self> {
        let rules: Vec<String> = rules.iter().map(|file| format!("{:?}", file.display().to_string())).collect();
        let rules = rules.join(", ");
        let written = format!(
            "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\nrule_files: [{rules}]\nscrape_configs:\n  \
             - job_name: camwatch\n    static_configs:\n      - targets: [\"127.0.0.1:9469\"]\n"
        );
        let config = folder.join("prometheus.yml");
        std::fs::write(&config, written).unwrap();
        if std::process::Command::new("prometheus").arg("--version").output().is_err() {
            skip("prometheus is missing (scripts/install-deps test)");
            return None;
        }
        let program = namespace
            .command("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()))
            .arg("--web.listen-address=127.0.0.1:9090")
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("prometheus.log")).unwrap())
            .spawn()
            .unwrap();
        let prometheus = Self { namespace, _program: Daemon(program) };
        eventually("Prometheus is ready", || prometheus.get("/-/ready").contains("200 OK"));
        Some(prometheus)
    }

    fn get(&self, path: &str) -> String {
        let script =
            format!("exec 3<>/dev/tcp/127.0.0.1/9090; printf 'GET %s HTTP/1.0\\r\\n\\r\\n' '{path}' >&3; cat <&3");
        text(&self.namespace.command("bash").args(["-c", &script]).output().unwrap().stdout)
    }

    /// `data` of an answer of its API, or what it says went wrong.
    fn api(&self, path: &str) -> Result<Value, String> {
        let answer = self.get(path);
        let (_, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("no answer to {path}: {answer}"))?;
        let mut answer: Value = serde_json::from_str(body).map_err(|error| format!("{path}: {error}: {body}"))?;
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"].take()),
            _ => Err(answer["error"].to_string()),
        }
    }

    /// The series that an expression gives now.
    pub fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        series(self.api(&format!("/api/v1/query?query={}", encoded(expression)))?)
    }

    /// The series that an expression gives within the last minute, as a graph asks for them.
    pub fn query_range(&self, expression: &str) -> Result<Vec<Value>, String> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let query = encoded(expression);
        series(self.api(&format!("/api/v1/query_range?query={query}&start={}&end={now}&step=5", now - 60))?)
    }

    /// Every rule that it has loaded.
    pub fn rules(&self) -> Vec<Value> {
        let data = self.api("/api/v1/rules").unwrap();
        let groups = data["groups"].as_array().unwrap().iter();
        groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
    }
}

fn series(mut data: Value) -> Result<Vec<Value>, String> {
    match data["result"].take() {
        Value::Array(series) => Ok(series),
        other => Err(format!("no list of series: {other}")),
    }
}

/// As a part of an address, by percent signs.
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}
