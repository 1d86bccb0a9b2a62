//! The one error type of the crate: a stable code to branch on and a text that says what to do.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use serde::{Serialize, Serializer};

/// What went wrong, as a word that does not change between versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The caller's signal cancelled the call. Nothing was changed.
    Aborted,
    /// The instance is closed, or closing, and takes no new calls.
    Closed,
    /// Too many calls wait already.
    QueueFull,
    /// An argument has the wrong type, shape or range.
    InvalidArgument,
    /// A model failed or answered out of form.
    Provider,
    /// A budget of calls or tokens is spent. What was paid for is kept.
    BudgetSpent,
    /// The knowledge base was made with another embedding model.
    ModelMismatch,
    /// The storage has no room left. The last commit stands.
    StorageQuota,
    /// Another tab holds the storage open with another version.
    StorageBlocked,
    /// Another writer committed first, more often than the engine retries.
    StorageConflict,
    /// A stored record is damaged. It is set aside, never deleted.
    StorageCorrupt,
    /// The bytes given are not a whole, undamaged snapshot.
    SnapshotCorrupt,
    /// A defect of this package.
    Internal,
}

impl Code {
    const ALL: [Code; 13] = [
        Code::Aborted,
        Code::Closed,
        Code::QueueFull,
        Code::InvalidArgument,
        Code::Provider,
        Code::BudgetSpent,
        Code::ModelMismatch,
        Code::StorageQuota,
        Code::StorageBlocked,
        Code::StorageConflict,
        Code::StorageCorrupt,
        Code::SnapshotCorrupt,
        Code::Internal,
    ];

    /// The code that [`as_str`](Code::as_str) gives this word for.
    pub fn parse(word: &str) -> Option<Code> {
        Code::ALL.into_iter().find(|code| code.as_str() == word)
    }

    /// The code as JavaScript sees it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Code::Aborted => "aborted",
            Code::Closed => "closed",
            Code::QueueFull => "queue-full",
            Code::InvalidArgument => "invalid-argument",
            Code::Provider => "provider",
            Code::BudgetSpent => "budget-spent",
            Code::ModelMismatch => "model-mismatch",
            Code::StorageQuota => "storage-quota",
            Code::StorageBlocked => "storage-blocked",
            Code::StorageConflict => "storage-conflict",
            Code::StorageCorrupt => "storage-corrupt",
            Code::SnapshotCorrupt => "snapshot-corrupt",
            Code::Internal => "internal",
        }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// An error with its stable [`Code`]. One word, since nearly every function passes it on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Error(Box<Details>);

/// What an [`Error`] says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// What to branch on.
    pub code: Code,
    /// What happened and what to do about it, for a person.
    pub message: String,
    /// The HTTP status, where a provider answered with one.
    pub status: Option<u16>,
    /// Seconds after which the provider wants to be asked again.
    pub retry_after: Option<f64>,
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error without the details that only providers give.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error(Box::new(Details { code, message: message.into(), status: None, retry_after: None }))
    }

    /// [`Code::InvalidArgument`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Error::new(Code::InvalidArgument, message)
    }

    /// [`Code::Provider`].
    pub fn provider(message: impl Into<String>) -> Self {
        Error::new(Code::Provider, message)
    }

    /// [`Code::Aborted`].
    pub fn aborted() -> Self {
        Error::new(Code::Aborted, "the call was cancelled by its signal; nothing was changed")
    }
}

impl Deref for Error {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Error {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Error {}
