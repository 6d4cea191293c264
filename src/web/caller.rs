//! Who asks, and what they may do.

use crate::access::Role;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Whoever may write to the control socket: says themselves who they are.
    Control,
    /// Whoever reaches a port without users.
    Open,
    /// Whoever looks at what was read from files.
    Reader,
    /// Who is logged in.
    User {
        /// Their name.
        name: String,
        /// What they may do.
        role: Role,
    },
}

impl Caller {
    /// What they may do.
    pub fn role(&self) -> Role {
        match self {
            Self::Control | Self::Open => Role::Operator,
            Self::Reader => Role::Viewer,
            Self::User { role, .. } => *role,
        }
    }
}
