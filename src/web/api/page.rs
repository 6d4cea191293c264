//! Lists, a page at a time.

use serde::{Deserialize, Serialize};

use super::Failure;

/// Rows of a page, unless asked otherwise.
const LIMIT: usize = 100;
/// And at most.
pub const MAX_LIMIT: usize = 500;

/// A part of a list.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// Rows of the whole list.
    pub total: u64,
    /// Rows before this page.
    pub offset: u64,
    /// Rows of a page at most.
    pub limit: u64,
    /// The rows.
    pub items: Vec<T>,
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) offset: usize,
    pub(super) limit: usize,
}

impl Part {
    pub(super) fn new(offset: Option<u32>, limit: Option<u32>) -> Result<Self, Failure> {
        let limit = limit.map_or(LIMIT, |limit| limit as usize);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Failure::Query(format!("limit: write 1 to {MAX_LIMIT}, and ask for the next page by offset")));
        }
        if offset.is_some_and(|offset| i32::try_from(offset).is_err()) {
            return Err(Failure::Query("offset: no list is so long".to_owned()));
        }
        Ok(Self { offset: offset.unwrap_or(0) as usize, limit })
    }

    /// The page of a whole list.
    pub(super) fn of<T, R>(self, all: &[T], row: impl FnMut(&T) -> R) -> Page<R> {
        let items = all.iter().skip(self.offset).take(self.limit).map(row).collect();
        self.page(all.len() as u64, items)
    }

    /// The page with these rows of a list that is this long.
    pub(super) fn page<T>(self, total: u64, items: Vec<T>) -> Page<T> {
        Page { total, offset: self.offset as u64, limit: self.limit as u64, items }
    }
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    Asc,
    Desc,
}

impl Order {
    /// Sorted this way round; what is equal stays in its order.
    pub(super) fn sort<T, K: Ord>(self, all: &mut [T], key: impl Fn(&T) -> K) {
        match self {
            Self::Asc => all.sort_by_key(key),
            Self::Desc => all.sort_by_key(|one| std::cmp::Reverse(key(one))),
        }
    }
}
