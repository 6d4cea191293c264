//! Reverse look-ups (PTR) of destinations that a finding names: off by default, to the configured resolver only.
//!
//! A PTR record is written by whoever holds the address, and may say anything: what comes back is a claim, shown as one.
//! Look-ups happen at delivery, after everything that capture time decides, so that findings do not depend on them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;

use crate::names::printable;

/// How to look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookupOptions {
    /// Whom to ask, and nobody else.
    pub resolver: SocketAddr,
    /// Questions a minute at most; what is beyond is not looked up.
    pub per_minute: u32,
}

/// Answers kept, also that there is none.
const CACHED: u64 = 4096;
/// How long an answer that says there is none is believed at least.
const NONE_FOR: Duration = Duration::from_secs(600);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Destinations of one alert that are looked up.
const PER_ALERT: usize = 8;

/// A look-up cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// No way to the resolver.
    #[error(
        "[names] resolver = \"{resolver}\": there is no way to it: {error}: name a resolver that this machine can reach"
    )]
    NoRoute {
        /// The resolver.
        resolver: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The library refuses.
    #[error("[names] resolver = \"{resolver}\": {what}")]
    Setup {
        /// The resolver.
        resolver: SocketAddr,
        /// Why.
        what: String,
    },
}

/// The address of this machine from which the resolver is asked: so that our own questions are told from those of others.
pub fn own_address(resolver: SocketAddr) -> Result<IpAddr, LookupError> {
    let any: SocketAddr = if resolver.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    // Connecting a UDP socket sends nothing: the kernel only picks the way.
    let socket = UdpSocket::bind(any).and_then(|socket| socket.connect(resolver).and_then(|()| socket.local_addr()));
    socket.map(|own| own.ip()).map_err(|error| LookupError::NoRoute { resolver, error })
}

/// Looks up who an address claims to be.
pub struct ReverseLookup {
    resolver: TokioResolver,
    per_minute: u32,
    /// When the current minute began, and the questions in it.
    minute: (Instant, u32),
    left_out: u64,
}

impl ReverseLookup {
    /// Ready to ask. Nothing is sent yet.
    pub fn new(options: LookupOptions) -> Result<Self, LookupError> {
        let LookupOptions { resolver: server, per_minute } = options;
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = server.port();
            connection
        });
        let server_config = NameServerConfig::new(server.ip(), true, connections.to_vec());
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server_config]);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let mut settings = ResolverOpts::default();
        settings.timeout = PATIENCE;
        settings.attempts = 1;
        settings.use_hosts_file = ResolveHosts::Never;
        settings.cache_size = CACHED;
        settings.negative_min_ttl = Some(NONE_FOR);
        *builder.options_mut() = settings;
        let resolver =
            builder.build().map_err(|error| LookupError::Setup { resolver: server, what: error.to_string() })?;
        Ok(Self { resolver, per_minute, minute: (Instant::now(), 0), left_out: 0 })
    }

    /// The names that `addresses` claim in their PTR records; those without one, or beyond the rate, are left out.
    pub async fn claims(&mut self, addresses: &BTreeSet<IpAddr>) -> BTreeMap<IpAddr, String> {
        let mut claims = BTreeMap::new();
        for &address in addresses.iter().take(PER_ALERT) {
            if !self.may_ask() {
                self.left_out += 1;
                continue;
            }
            let Ok(answer) = self.resolver.reverse_lookup(address).await else { continue };
            let name = answer.answers().iter().find_map(|record| match &record.data {
                RData::PTR(name) => Some(printable(name.0.to_string().as_bytes())),
                _ => None,
            });
            claims.extend(name.map(|name| (address, name)));
        }
        claims
    }

    fn may_ask(&mut self) -> bool {
        if self.minute.0.elapsed() >= Duration::from_secs(60) {
            self.minute = (Instant::now(), 0);
        }
        self.minute.1 += 1;
        self.minute.1 <= self.per_minute
    }

    /// Addresses that were not looked up because too many were in one minute.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_a_resolver_on_this_machine_is_from_this_machine() {
        assert_eq!(own_address("127.0.0.1:53".parse().unwrap()).unwrap(), IpAddr::from([127, 0, 0, 1]));
    }

    #[tokio::test]
    async fn beyond_the_rate_nothing_is_asked() {
        let resolver = "127.0.0.1:9".parse().unwrap();
        let mut lookup = ReverseLookup::new(LookupOptions { resolver, per_minute: 0 }).unwrap();
        let asked = BTreeSet::from([IpAddr::from([120, 26, 96, 67])]);
        assert!(lookup.claims(&asked).await.is_empty());
        assert_eq!(lookup.left_out(), 1);
    }
}
