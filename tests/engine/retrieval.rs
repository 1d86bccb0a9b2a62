//! What a question finds among what the graph names.

use std::rc::Rc;

use futures::{FutureExt, future::LocalBoxFuture};
use smolrag::{
    builtin::MemoryStorage,
    engine::{DocumentInput, Embedder, Engine, Ports, RetrieveOptions, Signal},
    port::{Completion, Embedded, EmbeddingModel, LanguageModel, Mode, Said},
    record::{Metadata, Result},
};

use crate::{
    executor::{Executor, block_on},
    model::options,
};

/// More than a ranking is deep.
const NEARER: usize = 220;

/// Knows lighthouses, and asks for them whatever the question.
struct Keeper;

impl LanguageModel for Keeper {
    fn id(&self) -> &str {
        "keeper"
    }

    fn complete(&self, request: Completion) -> LocalBoxFuture<'static, Result<Said>> {
        let system = request.system.unwrap_or_default();
        let knows = request.prompt.contains("Lighthouse");
        let answer = if !system.contains("<|COMPLETE|>") {
            "themes: \nnames: lighthouse"
        } else if knows {
            r#"("entity"<|>lighthouse<|>place<|>It shines.)<|COMPLETE|>"#
        } else {
            "<|COMPLETE|>"
        };
        async move { Ok(answer.into()) }.boxed_local()
    }
}

/// The directions that a text is about, in other words than the question's.
struct Compass;

impl EmbeddingModel for Compass {
    fn id(&self) -> &str {
        "compass"
    }

    fn dimensions(&self) -> usize {
        4
    }

    fn embed(&self, texts: Rc<[String]>) -> LocalBoxFuture<'static, Result<Embedded>> {
        let about = |text: &str, words: [&str; 2], much: f32| {
            if words.iter().any(|word| text.contains(word)) { much } else { 0.0 }
        };
        let vector = |text: &String| {
            vec![
                about(text, ["port", "harbour"], 1.0),
                about(text, ["north", "arctic"], 0.2),
                about(text, ["south", "tropical"], 0.2),
                about(text, ["west", "atlantic"], 0.2),
            ]
        };
        let vectors: Vec<_> = texts.iter().map(vector).collect();
        async { Ok(vectors.into()) }.boxed_local()
    }
}

#[test]
fn what_the_graph_names_is_ranked_however_much_else_is_nearer() {
    let executor = Executor::seeded(1);
    let ports = Ports {
        storage: Rc::new(MemoryStorage::new()),
        clock: executor.clock(),
        llm: Some(Rc::new(Keeper)),
        embedder: Some(Embedder::Model(Rc::new(Compass))),
        reranker: None,
        counter: None,
        splitter: None,
        listener: Rc::new(|_| {}),
    };
    let engine = block_on(&executor, Engine::open(ports, options(true, 0))).unwrap();
    let places = ["north", "south", "west"];
    let lighthouses = places.map(|place| (place.to_owned(), format!("Lighthouse of the {place}.")));
    let ports = (0..NEARER).map(|at| (format!("port {at}"), format!("Berth {at} of the port.")));
    let document = |(source, text): (String, String)| DocumentInput {
        source: source.as_str().into(),
        text: text.as_str().into(),
        metadata: Metadata::new(),
    };
    let documents = lighthouses.into_iter().chain(ports).map(document).collect();
    let ingesting = engine.clone();
    let report =
        async move { ingesting.ingest(documents, Signal::default(), Rc::new(|_| {})).await };
    assert_eq!(block_on(&executor, report).unwrap().ingested.len(), places.len() + NEARER);

    let first = |question: &str, mode: Mode| {
        let options = RetrieveOptions { mode, ..RetrieveOptions::default() };
        let (engine, question) = (engine.clone(), question.to_owned());
        let found = async move { engine.retrieve(question, options, Signal::default()).await };
        let found = block_on(&executor, found).unwrap();
        let sources = found.excerpts.iter().map(|excerpt| excerpt.source.to_string());
        sources.collect::<Vec<_>>()
    };
    for (word, place) in ["arctic", "tropical", "atlantic"].into_iter().zip(places) {
        let question = format!("{word} harbour");
        let nearest = first(&question, Mode::Standard);
        assert!(nearest.iter().all(|source| source.starts_with("port")), "{nearest:?}");
        let named = first(&question, Mode::LocalKg);
        assert_eq!((named.len(), named[0].as_str()), (places.len(), place), "{question}");
    }
}
