//! Asking the running daemon over its control socket.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::Config;
use crate::web::api::{MAX_LIMIT, Page, Refusal};

/// Where the daemon is, and how its answer is printed.
#[derive(Debug, clap::Args)]
pub(super) struct Asking {
    /// The daemon's configuration file: [control] socket says where it listens.
    #[arg(long, short, value_name = "FILE", global = true, conflicts_with = "socket")]
    config: Option<PathBuf>,
    /// The daemon's control socket.
    #[arg(long, value_name = "FILE", global = true, env = "CAMWATCH_SOCKET")]
    socket: Option<PathBuf>,
    /// Print what the daemon answers, as JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl Asking {
    /// The daemon, which may take so long for an answer.
    pub(super) fn daemon(&self, patience: Duration) -> anyhow::Result<Daemon> {
        Daemon::at(self.socket()?, patience)
    }

    fn socket(&self) -> anyhow::Result<PathBuf> {
        if let Some(socket) = &self.socket {
            return Ok(socket.clone());
        }
        let Some(path) = &self.config else {
            bail!("where does the daemon listen? Name its --config FILE, or its --socket FILE");
        };
        let config = Config::load(path)?;
        config.control_socket.ok_or_else(|| {
            anyhow!("{}: [control] socket is not set: name one, such as \"/run/camwatch/control.sock\"", path.display())
        })
    }
}

pub(super) fn to_json(value: &impl serde::Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// The running daemon.
pub(super) struct Daemon {
    client: reqwest::Client,
    socket: PathBuf,
}

impl Daemon {
    fn at(socket: PathBuf, patience: Duration) -> anyhow::Result<Self> {
        // Nothing is encrypted on a socket of this machine; the client wants to know how it would be all the same.
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .unix_socket(socket.as_path())
            .timeout(patience)
            .build()
            .context("no client can be made")?;
        Ok(Self { client, socket })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.done(self.client.get(address(path))).await
    }

    /// Every row of a list, or the first `most`, page by page.
    pub(super) async fn list<T: DeserializeOwned>(&self, path: &str, most: usize) -> anyhow::Result<Vec<T>> {
        let mut all: Vec<T> = Vec::new();
        loop {
            let page: Page<T> = self.get(&format!("{path}&offset={}&limit={MAX_LIMIT}", all.len())).await?;
            let last = page.items.len() < MAX_LIMIT;
            all.extend(page.items);
            if last || all.len() >= most {
                all.truncate(most);
                return Ok(all);
            }
        }
    }

    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        method: reqwest::Method,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<T> {
        let request = self.client.request(method, address(path)).header("content-type", "application/json");
        self.done(request.body(body.to_string())).await
    }

    async fn done<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> anyhow::Result<T> {
        let response = request.send().await.with_context(|| {
            let socket = self.socket.display();
            format!("{socket}: no daemon answers there: does `camwatch run` run, may this user write to the socket?")
        })?;
        let status = response.status();
        let body = response.bytes().await?;
        if !status.is_success() {
            let refusal: Result<Refusal, _> = serde_json::from_slice(&body);
            bail!(refusal.map_or_else(|_| format!("the daemon answers {status}"), |refusal| refusal.error));
        }
        let body = if body.is_empty() { b"null".as_slice() } else { &body };
        serde_json::from_slice(body)
            .context("the daemon answers in another version's way: is it older or newer than this?")
    }
}

/// The host says nothing on a socket, but a request has one.
fn address(path: &str) -> String {
    format!("http://camwatch/api/v1{path}")
}
