//! What the original store got wrong, one test each.

use std::rc::Rc;

use smolrag::{
    record::{
        Contribution, EntityMention, Excerpt, Filter, Metadata, MetadataValue, Position,
        RelationshipMention, UnitVector, Weight, excerpt_id,
    },
    store::{Change, KnowledgeBase, KnowledgeBaseOptions, Query, UNKNOWN},
};

fn knowledge_base() -> KnowledgeBase {
    KnowledgeBase::new(KnowledgeBaseOptions { dimensions: 2, resolve_entities: true })
}

fn vector() -> UnitVector {
    UnitVector::from_f32(&[0.6, 0.8]).unwrap()
}

fn put(kb: &mut KnowledgeBase, document: Contribution) {
    let change = kb.check(Rc::new(document)).unwrap();
    kb.apply(change);
}

fn remove(kb: &mut KnowledgeBase, source: &str) {
    kb.apply(Change::Remove(source.into()));
}

/// A document of the given excerpts.
fn document(source: &str, texts: &[&str]) -> Contribution {
    let excerpt = |text: &&str| Excerpt {
        id: excerpt_id(text).into(),
        text: (*text).into(),
        start: 0,
        end: text.len() as u32,
        headings: [].into(),
        fence: None,
        summary: source.into(),
        vector: vector(),
    };
    Contribution {
        source: source.into(),
        revision: source.into(),
        metadata: Metadata::new(),
        bytes: 0,
        excerpts: texts.iter().map(excerpt).collect(),
        entities: vec![],
        relationships: vec![],
        keywords: vec![],
    }
}

/// With the first excerpt describing an entity.
fn describing(mut document: Contribution, name: &str, description: &str) -> Contribution {
    document.entities.push(EntityMention {
        at: Position { excerpt: 0, ordinal: document.entities.len() as u32 },
        name: name.into(),
        category: "concept".into(),
        description: description.into(),
        vector: vector(),
    });
    document
}

/// With the first excerpt relating two entities, at weight 2.
fn relating(mut document: Contribution, ends: [&str; 2], description: &str) -> Contribution {
    document.relationships.push(RelationshipMention {
        at: Position { excerpt: 0, ordinal: document.relationships.len() as u32 },
        source: ends[0].into(),
        target: ends[1].into(),
        description: description.into(),
        keywords: format!("{description}, theme").into(),
        weight: Weight(2 * Weight::UNIT),
        vector: vector(),
    });
    document
}

#[test]
fn removing_a_document_keeps_an_excerpt_that_another_shares() {
    let mut kb = knowledge_base();
    put(&mut kb, document("a.md", &["shared licence", "only here"]));
    put(&mut kb, document("b.md", &["shared licence"]));
    let home = |kb: &KnowledgeBase| {
        let hits = kb.search_excerpts(Query::Text("licence"), 9, &Filter::default());
        hits.iter().map(|hit| hit.item.place().source().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(home(&kb), ["a.md"]);
    remove(&mut kb, "a.md");
    assert_eq!(home(&kb), ["b.md"]);
    assert_eq!(kb.counts().excerpts, 1);
    // It is found by what its new home says of it, and no longer by what the old one said.
    assert_eq!(kb.search_excerpts(Query::Text("b"), 9, &Filter::default()).len(), 1);
    assert!(kb.search_excerpts(Query::Text("a"), 9, &Filter::default()).is_empty());
}

#[test]
fn two_sources_with_the_same_content_are_two_documents() {
    let mut kb = knowledge_base();
    put(&mut kb, document("a.md", &["same"]));
    put(&mut kb, document("b.md", &["same"]));
    assert_eq!((kb.counts().documents, kb.counts().excerpts), (2, 1));
    remove(&mut kb, "b.md");
    assert!(kb.document("a.md").is_some());
    assert!(kb.excerpt(&excerpt_id("same")).is_some());
}

#[test]
fn an_excerpt_twice_in_one_document_is_one_with_two_places() {
    let mut kb = knowledge_base();
    put(&mut kb, document("a.md", &["again", "between", "again"]));
    let excerpt = kb.excerpt(&excerpt_id("again")).unwrap();
    assert_eq!(excerpt.places().map(|place| place.index()).collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn weights_descriptions_and_keywords_leave_with_their_document() {
    let mut kb = knowledge_base();
    let ends = ["Queue", "Store"];
    put(&mut kb, relating(describing(document("a.md", &["x"]), "Queue", "waits"), ends, "feeds"));
    let before = kb.canonical_bytes();
    put(&mut kb, relating(describing(document("b.md", &["y"]), "queues", "orders"), ends, "fills"));
    let edge = kb.relationship("store", "QUEUE").unwrap();
    assert_eq!(edge.weight(), 4.0);
    assert_eq!(edge.keywords(), [&"feeds, theme".into(), &"fills, theme".into()]);
    assert_eq!(kb.entity("queue").unwrap().descriptions(), [&"waits".into(), &"orders".into()]);

    remove(&mut kb, "b.md");
    let edge = kb.relationship("store", "queue").unwrap();
    assert_eq!(edge.weight(), 2.0);
    assert_eq!(edge.descriptions(), [&"feeds".into()]);
    assert_eq!(edge.keywords(), [&"feeds, theme".into()]);
    assert_eq!(kb.entity("queue").unwrap().descriptions(), [&"waits".into()]);
    assert_eq!(kb.canonical_bytes(), before);
}

#[test]
fn an_edge_that_another_document_supports_survives_its_entity() {
    let mut kb = knowledge_base();
    let ends = ["Queue", "Store"];
    put(&mut kb, relating(describing(document("a.md", &["x"]), "Queue", "waits"), ends, "feeds"));
    put(&mut kb, relating(document("b.md", &["y"]), ends, "fills"));
    remove(&mut kb, "a.md");
    assert_eq!(kb.relationship("Queue", "Store").unwrap().descriptions(), [&"fills".into()]);
    remove(&mut kb, "b.md");
    assert_eq!(kb.counts(), Default::default());
    assert_eq!(kb.canonical_bytes(), knowledge_base().canonical_bytes());
}

#[test]
fn an_endpoint_that_nobody_describes_has_attributes() {
    let mut kb = knowledge_base();
    put(&mut kb, relating(document("a.md", &["x"]), ["Queue", "Store"], "feeds"));
    let orphan = kb.entity("store").unwrap();
    assert_eq!((&**orphan.name(), orphan.category(), orphan.degree()), ("Store", UNKNOWN, 1));
    assert!(orphan.descriptions().is_empty() && !orphan.is_described());
    assert_eq!(orphan.places().count(), 1);
    // It is found by its name, though no vector describes it.
    let found = kb.search_entities(Query::Text("stores"), 9, &Filter::default());
    assert_eq!(found.len(), 1);
    assert!(kb.search_entities(Query::Vector(&vector()), 9, &Filter::default()).is_empty());
}

#[test]
fn a_relationship_whose_ends_are_one_entity_is_no_edge() {
    let mut kb = knowledge_base();
    put(&mut kb, relating(document("a.md", &["x"]), ["Queue", "queues"], "is"));
    assert_eq!((kb.counts().entities, kb.counts().relationships), (0, 0));
    put(&mut kb, relating(document("a.md", &["x"]), ["Queue", "Line"], "is"));
    let mut rules = kb.rules().clone();
    rules.merge(&["Line"], "Queue").unwrap();
    kb.apply(Change::Rules(rules.clone()));
    assert_eq!((kb.counts().entities, kb.counts().relationships), (0, 0));
    rules.unmerge("Queue");
    kb.apply(Change::Rules(rules));
    assert_eq!((kb.counts().entities, kb.counts().relationships), (2, 1));
}

#[test]
fn a_merge_holds_for_what_comes_later_and_is_found_by_either_name() {
    let mut kb = knowledge_base();
    let mut rules = kb.rules().clone();
    rules.merge(&["Line"], "Request queue").unwrap();
    kb.apply(Change::Rules(rules));
    put(&mut kb, describing(document("a.md", &["x"]), "lines", "waits"));
    assert_eq!(&**kb.entity("Line").unwrap().name(), "Request queue");
    for text in ["line", "request"] {
        assert_eq!(kb.search_entities(Query::Text(text), 9, &Filter::default()).len(), 1, "{text}");
    }
}

#[test]
fn at_most_ten_descriptions_and_twenty_keyword_sets_count() {
    let mut kb = knowledge_base();
    for at in 10..40 {
        let text = format!("word{at}");
        let one = describing(document(&text, &[&text]), "Queue", &text);
        put(&mut kb, relating(one, ["Queue", "Store"], &text));
    }
    let edge = kb.relationship("queue", "store").unwrap();
    assert_eq!(kb.entity("queue").unwrap().descriptions().len(), 10);
    assert_eq!((edge.descriptions().len(), edge.keywords().len()), (10, 20));
    assert_eq!(edge.weight(), 60.0);
    // The first ones in the order of the sources are those that count.
    let found = |kb: &KnowledgeBase, text| {
        kb.search_entities(Query::Text(text), 9, &Filter::default()).len()
    };
    assert_eq!((found(&kb, "word19"), found(&kb, "word20")), (1, 0));
    remove(&mut kb, "word10");
    assert_eq!((found(&kb, "word10"), found(&kb, "word20")), (0, 1));
}

#[test]
fn a_filter_shows_an_excerpt_where_it_matches() {
    let mut kb = knowledge_base();
    let german = Metadata::from([("lang".into(), MetadataValue::Text("de".into()))]);
    put(&mut kb, document("a.md", &["shared"]));
    put(&mut kb, Contribution { metadata: german.clone(), ..document("b.md", &["shared"]) });
    let found = kb.search_excerpts(Query::Text("shared"), 9, &Filter(german));
    assert_eq!(found.len(), 1);
    assert_eq!(&**found[0].item.place().source(), "b.md");
    assert_eq!(found[0].item.places().count(), 2);
}

#[test]
fn a_refused_document_changes_nothing() {
    let mut kb = knowledge_base();
    put(&mut kb, document("a.md", &["x"]));
    let before = kb.canonical_bytes();
    let mut broken = document("a.md", &["y"]);
    broken.excerpts[0].vector = UnitVector::zero(3);
    assert!(kb.check(Rc::new(broken)).is_err());
    assert_eq!(kb.canonical_bytes(), before);
}
