//! An executor, rows, and engines on them.

use std::rc::Rc;

use smolrag::{
    builtin::MemoryStorage,
    engine::{
        DocumentInput, Embedder, Engine, IngestReport, Notice, Options, Ports, RepairReport, Signal,
    },
    port::{Changes, EmbeddingModel, Storage, Table},
    record::{Metadata, MetadataValue, Result},
};

use crate::{
    executor::{Executor, block_on},
    model::{Model, options},
    storage::Disk,
};

pub struct World {
    pub executor: Executor,
    pub rows: MemoryStorage,
    pub model: Model,
}

impl World {
    pub fn new(seed: u64) -> Self {
        World { executor: Executor::seeded(seed), rows: MemoryStorage::new(), model: Model::new() }
    }

    pub fn disk(&self) -> Disk {
        Disk::new(&self.rows, self.executor.clock())
    }

    pub fn open_with(
        &self,
        disk: &Disk,
        embedder: Rc<dyn EmbeddingModel>,
        options: Options,
        listener: Rc<dyn Fn(Notice)>,
    ) -> Result<Engine> {
        let ports = Ports {
            storage: Rc::new(disk.clone()),
            clock: self.executor.clock(),
            llm: Some(Rc::new(self.model.clone())),
            embedder: Some(Embedder::Model(embedder)),
            splitter: None,
            listener,
        };
        block_on(&self.executor, Engine::open(ports, options))
    }

    pub fn try_open(&self, disk: &Disk) -> Result<Engine> {
        self.open_with(disk, Rc::new(self.model.clone()), options(true, 1000), Rc::new(|_| {}))
    }

    /// On a disk without faults.
    pub fn open(&self) -> Engine {
        self.try_open(&self.disk()).expect("it opens")
    }

    pub fn run<T: 'static>(&self, call: impl Future<Output = T> + 'static) -> T {
        block_on(&self.executor, call)
    }

    pub fn ingest(&self, engine: &Engine, source: &str, text: &str) -> Result<IngestReport> {
        let (engine, document) = (engine.clone(), document(source, text));
        self.run(
            async move { engine.ingest(vec![document], Signal::default(), Rc::new(|_| {})).await },
        )
    }

    pub fn must_ingest(&self, engine: &Engine, source: &str, text: &str) {
        let report = self.ingest(engine, source, text).expect("the call is sound");
        assert!(report.failed.is_empty(), "{:?}", report.failed);
    }

    pub fn remove(&self, engine: &Engine, source: &str) -> Result<bool> {
        let (engine, source) = (engine.clone(), source.to_owned());
        self.run(async move { engine.remove(source, Signal::default()).await })
    }

    pub fn text(&self, engine: &Engine, source: &str) -> Result<Option<String>> {
        let (engine, source) = (engine.clone(), source.to_owned());
        self.run(async move { engine.text(source).await })
    }

    pub fn repair(&self, engine: &Engine) -> RepairReport {
        let engine = engine.clone();
        let call = async move { engine.repair(Signal::default(), Rc::new(|_| {})).await };
        self.run(call).expect("it ends")
    }

    pub fn table(&self, table: Table) -> Vec<(String, Vec<u8>)> {
        let rows = self.rows.clone();
        self.run(async move { rows.read(table, None, usize::MAX).await }).unwrap()
    }

    /// Writes a row past everybody.
    pub fn overwrite(&self, table: Table, key: &str, record: Vec<u8>) {
        let rows = self.rows.clone();
        let puts = vec![(table, key.to_owned(), record)];
        self.run(async move {
            let epoch = rows.epoch().await?;
            rows.commit(epoch, Changes { puts, deletes: vec![] }).await
        })
        .unwrap();
    }
}

pub fn document(source: &str, text: &str) -> DocumentInput {
    let lang = MetadataValue::Text("en".into());
    DocumentInput {
        source: source.into(),
        text: text.into(),
        metadata: Metadata::from([("lang".into(), lang)]),
    }
}
