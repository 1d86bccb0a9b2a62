use futures::future::LocalBoxFuture;

use crate::record::Result;

/// The number of commits that a storage has seen. 0 is empty.
pub type Epoch = u64;

/// A named set of rows, in the order of their keys.
pub type Table = &'static str;

/// A key and its bytes.
pub type Row = (String, Vec<u8>);

/// What one commit changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Rows to write, whole.
    pub puts: Vec<(Table, String, Vec<u8>)>,
    /// Rows to delete; one that is not there is no error.
    pub deletes: Vec<(Table, String)>,
}

/// Where a knowledge base is kept. A table need not be declared; one that was never written is empty.
pub trait Storage {
    /// The epoch of the last commit, by whoever made it.
    fn epoch(&self) -> LocalBoxFuture<'static, Result<Epoch>>;

    /// At most `limit` rows strictly after the key `after`, in one fixed order of the keys. Which order
    /// (by bytes, by UTF-16 units) is the storage's own.
    fn read(
        &self,
        table: Table,
        after: Option<String>,
        limit: usize,
    ) -> LocalBoxFuture<'static, Result<Vec<Row>>>;

    /// One transaction: all of it or nothing. Rejects with `storage-conflict` and changes nothing
    /// if the stored epoch is not `expected`; else stores and returns the next one.
    ///
    /// Dropped, which happens only after a timeout or when the instance is closed by force, it may or may
    /// not have stored anything, but never a part.
    fn commit(&self, expected: Epoch, changes: Changes) -> LocalBoxFuture<'static, Result<Epoch>>;

    /// Lets go of every handle. Later calls reject with `closed`.
    fn close(&self) -> LocalBoxFuture<'static, Result<()>>;
}
