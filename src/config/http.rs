//! `[http]`: where, by which names, and to whom.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use crate::access::Access;
use crate::settings::{Problem, Problems, Section};

/// `[http]`.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Where it listens; none for nowhere.
    pub listen: Option<SocketAddr>,
    /// Names by which this host is called, beside localhost.
    pub hosts: Vec<String>,
    /// The web configuration file; none: whoever reaches the port may do everything.
    pub web_config: Option<PathBuf>,
    /// What that says.
    pub access: Option<Access>,
    /// Requests of one address in a second; five seconds' worth may come at once.
    pub requests_per_second: NonZeroU32,
}

/// Requests of one address in a second, unless it is said otherwise.
const PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(49);

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9469)),
            hosts: Vec::new(),
            web_config: None,
            access: None,
            requests_per_second: PER_SECOND,
        }
    }
}

impl HttpConfig {
    /// Reads it; what is wrong in the web configuration file is added to `others`.
    pub(super) fn read(
        &mut self,
        mut section: Section<'_, '_>,
        folder: &Path,
        p: &mut Problems<'_>,
        others: &mut Vec<Problem>,
    ) {
        if let Some(listen) = section.get::<String>("listen", p) {
            match listen.parse::<SocketAddr>() {
                _ if listen.is_empty() => self.listen = None,
                Ok(listen) => self.listen = Some(listen),
                Err(_) => p.add(
                    section.span_of("listen"),
                    "`listen`: write an address with a port, as in \"127.0.0.1:9469\" or \"[::]:9469\", or \"\" for none",
                ),
            }
        }
        self.hosts = section.list("hosts", p).unwrap_or_default();
        for host in &self.hosts {
            if host.is_empty() || host.contains(['/', ':', ' ', '*']) {
                let message = format!("`hosts`: `{host}` is no host: write camwatch.council.example, without a port");
                p.add(section.span_of("hosts"), message);
            }
        }
        if let Some(number) = section.get::<u64>("requests_per_second", p) {
            match u32::try_from(number).ok().filter(|number| *number <= 100_000).and_then(NonZeroU32::new) {
                Some(number) => self.requests_per_second = number,
                None => p.add(
                    section.span_of("requests_per_second"),
                    "`requests_per_second`: write 1 to 100000: so many of one address",
                ),
            }
        }
        let mut unread = false;
        if let Some(file) = section.get::<String>("web_config", p).filter(|file| !file.is_empty()) {
            let path = folder.join(file);
            match Access::load(&path) {
                Ok(access) => self.access = Some(access),
                Err(problems) => {
                    unread = true;
                    others.extend(problems);
                }
            }
            // Whole, so that the effective configuration means the same wherever it stands.
            self.web_config = Some(std::path::absolute(&path).unwrap_or(path));
        }
        if let Some(listen) = self.listen.filter(|listen| !listen.ip().is_loopback())
            && !unread
            && !self.access.as_ref().is_some_and(Access::is_closed)
        {
            let message = format!(
                "`listen`: {listen} can be reached from outside, and there {}: name a file with both TLS and users in \
                 web_config (docs/web.md), or listen on 127.0.0.1 or [::1]",
                match &self.access {
                    Some(access) if access.tls.is_some() => "are no users",
                    Some(access) if !access.users.is_empty() => "is no encryption",
                    _ => "is no encryption and no login",
                }
            );
            p.add(section.span_of("listen"), message);
        }
        section.finish(p);
    }
}
