//! Who asks, and what they may do.

use axum::Json;
use serde::Serialize;

use super::ask::Asking;
use crate::web::{Caller, Role};

/// Who asks.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Me {
    /// The user's name; `local` where there are no users.
    name: String,
    /// What they may do.
    role: Role,
    /// There are no users: everybody who reaches camwatch may do everything.
    open: bool,
}

/// Who asks, and what they may do.
#[utoipa::path(get, path = "/api/v1/me", tag = "people", responses((status = 200, body = Me)))]
pub(super) async fn me(Asking(caller): Asking) -> Json<Me> {
    Json(match caller {
        Caller::User { name, role } => Me { name, role, open: false },
        Caller::Reader => Me { name: "local".to_owned(), role: Role::Viewer, open: false },
        Caller::Open | Caller::Control => Me { name: "local".to_owned(), role: Role::Operator, open: true },
    })
}
