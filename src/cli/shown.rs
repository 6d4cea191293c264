//! What `camwatch read --serve` shows: the pages of `camwatch run`, of what was read.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::read::open_geo;
use crate::config::Config;
use crate::deliver::StatsView;
use crate::pipeline::Analysis;
use crate::pipeline::live::{Live, Sources};
use crate::report::schedule::ReportsView;
use crate::selftest::SelfTest;
use crate::store::{Store, StoreOptions};
use crate::web;
use crate::web::api::Api;

/// A port that is held, and what is kept for who will look.
pub(super) struct Shown {
    listener: TcpListener,
    /// In memory: what was read of files is none of the daemon's.
    pub(super) store: Store,
}

impl Shown {
    /// Takes the port.
    pub(super) fn open(address: SocketAddr) -> anyhow::Result<Self> {
        if !address.ip().is_loopback() {
            bail!("--serve {address}: who looks must be on this machine: write an address like 127.0.0.1:9470");
        }
        let listener = TcpListener::bind(address).with_context(|| {
            format!("--serve {address}: the port cannot be taken; name another, as in --serve 127.0.0.1:9471")
        })?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, store: Store::open(StoreOptions::default())? })
    }

    /// Serves until somebody says that it is enough.
    pub(super) fn serve(self, config: Config, analysis: Analysis) -> anyhow::Result<()> {
        let Self { listener, store } = self;
        let geo = Arc::new(open_geo(&config)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let address = listener.local_addr()?;
            let live = Live::start(config, geo, analysis, store.clone(), Sources::none())?;
            let (stop, stopped) = watch::channel(false);
            let sinks = StatsView::default();
            let selftest = SelfTest::new(live.view(), live.analyser(), sinks.clone());
            let api = Api::new(
                live.view(),
                live.analyser(),
                store.clone(),
                sinks,
                ReportsView::default(),
                selftest,
                stopped.clone(),
            );
            let server = tokio::spawn(web::serve_reading(listener, api, stopped));
            eprintln!("camwatch: shown at http://{address}/ until Ctrl-C");
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            stop.send_replace(true);
            server.await??;
            tokio::task::spawn_blocking(move || {
                live.stop();
                store.close();
            })
            .await?;
            Ok(())
        })
    }
}
