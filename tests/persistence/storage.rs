//! Memory that fails when it is told to, counts what is asked of it, and can be damaged.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use futures::{FutureExt, future::LocalBoxFuture};
use smolrag::{
    builtin::MemoryStorage,
    port::{Changes, Clock, Epoch, Row, Storage, Table},
    record::{Code, Error, Result},
};

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails, and nothing is done.
    Fails,
    /// It is done, and says that it failed.
    FailsAfterwards,
    /// It takes its time.
    Delays,
    /// Another instance commits first.
    IsOvertaken,
}

impl Fault {
    pub const ALL: [Fault; 4] =
        [Fault::Fails, Fault::FailsAfterwards, Fault::Delays, Fault::IsOvertaken];
}

/// One instance's way to rows that others may have, too.
#[derive(Clone)]
pub struct Disk {
    pub rows: MemoryStorage,
    clock: Rc<dyn Clock>,
    fault: Rc<Cell<Option<(usize, Fault)>>>,
    pub committed: Rc<RefCell<Vec<Changes>>>,
    /// Bytes read, by table.
    pub read: Rc<RefCell<Vec<(Table, usize)>>>,
}

impl Disk {
    pub fn new(rows: &MemoryStorage, clock: Rc<dyn Clock>) -> Self {
        let (fault, committed, read) = (Rc::default(), Rc::default(), Rc::default());
        Disk { rows: rows.clone(), clock, fault, committed, read }
    }

    /// Lets the call after so many have this fault.
    pub fn break_after(&self, calls: usize, fault: Fault) {
        self.fault.set(Some((calls, fault)));
    }

    /// Lets all be well again. Whether the fault had happened.
    pub fn mend(&self) -> bool {
        self.fault.take().is_none()
    }

    fn fault(&self) -> Option<Fault> {
        let (calls, fault) = self.fault.get()?;
        self.fault.set(calls.checked_sub(1).map(|left| (left, fault)));
        (calls == 0).then_some(fault)
    }

    fn under<T: 'static>(
        &self,
        call: impl FnOnce(&MemoryStorage) -> LocalBoxFuture<'static, Result<T>> + 'static,
    ) -> LocalBoxFuture<'static, Result<T>> {
        let (fault, rows, clock) = (self.fault(), self.rows.clone(), self.clock.clone());
        async move {
            let told = || Err(Error::new(Code::Internal, "told to fail"));
            match fault {
                None => call(&rows).await,
                Some(Fault::Fails) => told(),
                Some(Fault::FailsAfterwards) => {
                    call(&rows).await?;
                    told()
                }
                Some(Fault::Delays) => {
                    clock.sleep(1000.0).await;
                    call(&rows).await
                }
                Some(Fault::IsOvertaken) => {
                    overtake(&rows).await?;
                    call(&rows).await
                }
            }
        }
        .boxed_local()
    }
}

/// A commit by an instance that has changed nothing that anybody sees.
async fn overtake(rows: &MemoryStorage) -> Result<()> {
    let epoch = rows.epoch().await?;
    if epoch == 0 {
        // It would have to say which model it has.
        return Ok(());
    }
    // No documents, no flags, as the first schema has it: 1 is the format.
    let mut record = vec![1, 0, 0];
    let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&record);
    record.extend(checksum.to_le_bytes());
    let puts = vec![("changes", format!("{:020}", epoch + 1), record)];
    rows.commit(epoch, Changes { puts, deletes: vec![] }).await.map(|_| ())
}

impl Storage for Disk {
    fn epoch(&self) -> LocalBoxFuture<'static, Result<Epoch>> {
        self.under(|rows| rows.epoch())
    }

    fn read(
        &self,
        table: Table,
        after: Option<String>,
        limit: usize,
    ) -> LocalBoxFuture<'static, Result<Vec<Row>>> {
        let read = self.read.clone();
        self.under(move |rows| {
            let found = rows.read(table, after, limit);
            async move {
                let found = found.await?;
                let bytes = found.iter().map(|(_, record)| record.len()).sum();
                read.borrow_mut().push((table, bytes));
                Ok(found)
            }
            .boxed_local()
        })
    }

    fn commit(&self, expected: Epoch, changes: Changes) -> LocalBoxFuture<'static, Result<Epoch>> {
        self.committed.borrow_mut().push(changes.clone());
        self.under(move |rows| rows.commit(expected, changes))
    }

    fn close(&self) -> LocalBoxFuture<'static, Result<()>> {
        async { Ok(()) }.boxed_local()
    }
}
