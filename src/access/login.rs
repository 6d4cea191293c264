//! Logins: a bcrypt check costs a quarter of a second, so what was right is remembered, and few are checked at once.
//!
//! What is remembered is no password: a keyed hash of name and password, under a key that this process made up. A name that
//! nobody has costs the same as one that somebody has.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ahash::AHashMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;

use super::{Role, User};

/// Logins remembered.
const REMEMBERED: usize = 1024;
/// And for how long after the last request.
const REMEMBER: Duration = Duration::from_secs(600);
/// Passwords checked at the same time: each keeps a core busy.
const AT_ONCE: usize = 1;
/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longer credentials are none.
const MAX_BYTES: usize = 1024;

type Digest = [u8; 32];

/// What a request says of who asks.
pub struct Login {
    name: String,
    password: String,
}

impl Login {
    /// From an `Authorization` header; none where it is not a Basic one.
    pub fn of_header(header: &str) -> Option<Self> {
        let (scheme, credentials) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") || credentials.len() > MAX_BYTES {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
        let (name, password) = decoded.split_once(':')?;
        Some(Self { name: name.to_owned(), password: password.to_owned() })
    }
}

/// What came of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// It is this user.
    Known(String, Role),
    /// It is not.
    Wrong,
    /// Too many are checked already.
    Busy,
}

/// The users, and who logged in lately.
pub struct Logins {
    users: Vec<User>,
    key: hmac::Key,
    remembered: Mutex<AHashMap<Digest, (usize, Instant)>>,
    turns: Semaphore,
    /// The dearest hash: who has no name is checked against it.
    nobodys: Option<String>,
}

impl Logins {
    /// Nobody has logged in yet.
    pub fn new(users: Vec<User>) -> Self {
        let cost = |user: &&User| user.hash.parse::<bcrypt::HashParts>().map_or(0, |parts| parts.get_cost());
        let nobodys = users.iter().max_by_key(cost).map(|user| user.hash.clone());
        let random = SystemRandom::new();
        // Without random numbers a key of zeros; nothing of it leaves the process, and rings' generator does not fail on Linux.
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &random)
            .unwrap_or_else(|_| hmac::Key::new(hmac::HMAC_SHA256, &[0; 32]));
        Self { users, key, remembered: Mutex::default(), turns: Semaphore::new(AT_ONCE), nobodys }
    }

    fn digest(&self, login: &Login) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&(login.name.len() as u64).to_le_bytes());
        context.update(login.name.as_bytes());
        context.update(login.password.as_bytes());
        context.sign().as_ref().try_into().unwrap_or_default()
    }

    /// Who logged in with this lately.
    pub fn remembered(&self, login: &Login) -> Option<(String, Role)> {
        let digest = self.digest(login);
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let (place, since) = remembered.get_mut(&digest)?;
        if since.elapsed() > REMEMBER {
            remembered.remove(&digest);
            return None;
        }
        *since = Instant::now();
        let place = *place;
        self.users.get(place).map(|user| (user.name.clone(), user.role))
    }

    /// Checks a login; takes a while.
    pub async fn check(&self, login: Login) -> Checked {
        let Ok(Ok(turn)) = tokio::time::timeout(PATIENCE, self.turns.acquire()).await else { return Checked::Busy };
        // A page asks for several things at once, all with the same login.
        if let Some((name, role)) = self.remembered(&login) {
            return Checked::Known(name, role);
        }
        let digest = self.digest(&login);
        let place = self.users.iter().position(|user| user.name == login.name);
        let hash = place.and_then(|place| self.users.get(place)).map(|user| user.hash.clone());
        let Some(hash) = hash.or_else(|| self.nobodys.clone()) else { return Checked::Wrong };
        let password = login.password;
        let right = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash).unwrap_or(false)).await;
        drop(turn);
        let user = place.filter(|_| right.unwrap_or(false)).and_then(|place| Some((place, self.users.get(place)?)));
        let Some((place, user)) = user else { return Checked::Wrong };
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED {
            remembered.retain(|_, (_, since)| since.elapsed() <= REMEMBER);
            if remembered.len() >= REMEMBERED {
                remembered.clear();
            }
        }
        remembered.insert(digest, (place, Instant::now()));
        Checked::Known(user.name.clone(), user.role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(name: &str, password: &str) -> Login {
        Login::of_header(&format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))).unwrap()
    }

    fn logins(users: &[(&str, &str, Role)]) -> Logins {
        let user = |(name, password, role): &(&str, &str, Role)| User {
            name: (*name).to_owned(),
            role: *role,
            hash: bcrypt::hash(password, 4).unwrap(),
        };
        Logins::new(users.iter().map(user).collect())
    }

    #[tokio::test]
    async fn who_logged_in_is_remembered_and_nobody_else_is() {
        let logins = logins(&[("anna", "right:colon", Role::Operator), ("bert", "other", Role::Viewer)]);
        assert_eq!(logins.remembered(&login("anna", "right:colon")), None);
        for (name, password) in [("anna", "wrong"), ("bert", "right:colon"), ("nobody", "right:colon"), ("", "")] {
            assert_eq!(logins.check(login(name, password)).await, Checked::Wrong, "{name}");
            assert_eq!(logins.remembered(&login(name, password)), None);
        }
        let known = Checked::Known("anna".to_owned(), Role::Operator);
        assert_eq!(logins.check(login("anna", "right:colon")).await, known);
        assert_eq!(logins.remembered(&login("anna", "right:colon")), Some(("anna".to_owned(), Role::Operator)));
        assert_eq!(logins.remembered(&login("anna", "wrong")), None);
        assert_eq!(logins.remembered(&login("annar", "ight:colon")), None, "name and password are apart");
    }

    #[test]
    fn only_basic_headers_are_logins() {
        for header in ["", "Basic", "Basic !!!", "Bearer eA==", "Basic bm9jb2xvbg=="] {
            assert!(Login::of_header(header).is_none(), "{header}");
        }
        assert!(Login::of_header(&format!("Basic {}", "A".repeat(5000))).is_none());
        assert!(Login::of_header("basic YTpi").is_some_and(|login| login.name == "a" && login.password == "b"));
    }
}
