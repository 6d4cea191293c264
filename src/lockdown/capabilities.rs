//! Root's rights, of which camwatch needs one, and only to open its interfaces.

use caps::CapSet;

/// What is left of the bounding set, which says what programs that are started may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounds {
    /// Nothing.
    Empty,
    /// Something: only who has `CAP_SETPCAP` may make it smaller (`capabilities(7)`), and camwatch is started without.
    Left,
}

/// Gives up all capabilities of the calling thread.
pub(super) fn drop_all() -> Result<Bounds, String> {
    // The first needs a capability that the last gives up.
    let bounds = match caps::clear(None, CapSet::Bounding) {
        Ok(()) => Bounds::Empty,
        Err(_) => Bounds::Left,
    };
    for set in [CapSet::Ambient, CapSet::Inheritable, CapSet::Permitted] {
        caps::clear(None, set).map_err(|error| error.to_string())?;
    }
    for set in [CapSet::Ambient, CapSet::Inheritable, CapSet::Permitted, CapSet::Effective] {
        match caps::read(None, set) {
            Ok(left) if left.is_empty() => {}
            Ok(left) => return Err(format!("{set:?} still has {left:?}")),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(bounds)
}
