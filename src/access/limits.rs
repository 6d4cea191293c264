//! How often one client may ask: bounded, by address.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

/// Clients that are told apart; more share one allowance.
const MAX_CLIENTS: usize = 16_384;
/// Seconds' worth of requests that may come at once.
const BURST: u32 = 5;
/// Logins that may be tried at once, of one client.
const LOGIN_BURST: u32 = 10;
/// And then one in this time.
const LOGIN_EVERY: Duration = Duration::from_secs(5);

type Limiter = RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>;

/// Too much was asked: when to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(pub Duration);

impl Wait {
    /// In whole seconds, at least one.
    pub fn seconds(self) -> u64 {
        self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0).max(u64::from(self.0.is_zero()))
    }
}

/// What each client may.
pub struct Limits {
    requests: Limiter,
    logins: Limiter,
}

impl Limits {
    /// So many requests a second, with bursts of some seconds' worth.
    pub fn new(per_second: NonZeroU32) -> Self {
        let burst = per_second.saturating_mul(NonZeroU32::MIN.saturating_add(BURST - 1));
        let logins = Quota::with_period(LOGIN_EVERY).unwrap_or_else(|| Quota::per_minute(NonZeroU32::MIN));
        Self {
            requests: Limiter::hashmap(Quota::per_second(per_second).allow_burst(burst)),
            logins: Limiter::hashmap(logins.allow_burst(NonZeroU32::MIN.saturating_add(LOGIN_BURST - 1))),
        }
    }

    /// A client asks something.
    pub fn request(&self, client: IpAddr) -> Result<(), Wait> {
        check(&self.requests, client)
    }

    /// A client tries a login that is not remembered.
    pub fn login(&self, client: IpAddr) -> Result<(), Wait> {
        check(&self.logins, client)
    }
}

fn check(limiter: &Limiter, client: IpAddr) -> Result<(), Wait> {
    let mut client = neighbourhood(client);
    if limiter.len() >= MAX_CLIENTS {
        limiter.retain_recent();
        if limiter.len() >= MAX_CLIENTS {
            client = Ipv6Addr::UNSPECIFIED.into();
        }
    }
    limiter.check_key(&client).map_err(|not_until| Wait(not_until.wait_time_from(DefaultClock::default().now())))
}

/// Who has one IPv6 address has all of its /64.
fn neighbourhood(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_that_asks_too_much_waits_and_others_do_not() {
        let limits = Limits::new(NonZeroU32::new(2).unwrap());
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let done = (0..100).filter(|_| limits.request(one).is_ok()).count();
        assert!((10..12).contains(&done), "{done}");
        let wait = limits.request(one).unwrap_err();
        assert!((1..=2).contains(&wait.seconds()), "{wait:?}");
        assert_eq!(limits.request(other), Ok(()));
        let tried = (0..100).filter(|_| limits.login(one).is_ok()).count();
        assert_eq!(tried, 10);
    }

    #[test]
    fn a_network_of_one_client_is_one_client_and_a_flood_costs_no_memory() {
        let limits = Limits::new(NonZeroU32::MIN);
        let address =
            |network: u128, host: u128| IpAddr::from(Ipv6Addr::from_bits(0x2001_0db8 << 96 | network << 64 | host));
        let done = (0..100).filter(|host| limits.request(address(1, *host)).is_ok()).count();
        assert!(done <= 6, "{done}");
        for network in 0..50_000 {
            limits.request(address(network, 1)).unwrap_or_default();
        }
        assert!(limits.requests.len() <= MAX_CLIENTS + 1, "{}", limits.requests.len());
    }
}
