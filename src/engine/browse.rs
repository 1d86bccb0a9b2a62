//! Looking at what is there, and the changes that need no model: removing, merging.

use std::rc::Rc;

use futures::{FutureExt, future::LocalBoxFuture};
use serde::Serialize;

use super::{
    ingest::check_name, instance::Engine, persist::Prepared, queue::Writes, signal::Signal,
};
use crate::{
    record::{Filter, Metadata, Result},
    store::{DocumentRef, EntityRef, KindStatistics, KnowledgeBase, PlaceRef, RelationshipRef},
};

/// A document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DocumentInfo {
    /// What it is known by.
    pub source: Rc<str>,
    /// Changes when its text, its metadata or the way it was read does.
    pub revision: Rc<str>,
    /// How many it has.
    pub excerpts: usize,
    /// How many it describes.
    pub entities: usize,
    /// How many it describes.
    pub relationships: usize,
    /// Of its text in UTF-8.
    pub bytes: u64,
    /// What was attached.
    pub metadata: Metadata,
}

/// A passage that mentions something.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MentionInfo {
    /// Its document.
    pub source: Rc<str>,
    /// Its excerpt.
    pub excerpt_id: Rc<str>,
    /// In UTF-16 units.
    pub start: u32,
    /// In UTF-16 units.
    pub end: u32,
}

/// An entity with what is around it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EntityInfo {
    /// Its most frequent name.
    pub name: Rc<str>,
    /// Its most frequent category.
    pub category: Rc<str>,
    /// What documents say of it; at most ten.
    pub descriptions: Vec<Rc<str>>,
    /// How many relationships it has.
    pub rank: usize,
    /// Where it is mentioned.
    pub mentions: Vec<MentionInfo>,
    /// The names of the entities it is related to, the most strongly related first.
    pub neighbours: Vec<Rc<str>>,
}

/// A relationship.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RelationshipInfo {
    /// The name of one end.
    pub source: Rc<str>,
    /// The name of the other end.
    pub target: Rc<str>,
    /// What documents say of it; at most ten.
    pub descriptions: Vec<Rc<str>>,
    /// Its themes; at most twenty sets.
    pub keywords: Vec<Rc<str>>,
    /// The sum over its mentions.
    pub weight: f64,
    /// How many relationships its ends have together.
    pub rank: usize,
    /// Where it is mentioned.
    pub mentions: Vec<MentionInfo>,
}

/// Which part of the graph to show.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphOptions {
    /// Where to start; at the most connected entities if there is nothing here.
    pub around: Option<Vec<String>>,
    /// Steps from there.
    pub depth: usize,
    /// The most nodes.
    pub limit: usize,
}

impl Default for GraphOptions {
    fn default() -> Self {
        GraphOptions { around: None, depth: 1, limit: 500 }
    }
}

/// A part of the graph.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraphView {
    /// The nearest first, or the most connected first.
    pub nodes: Vec<NodeView>,
    /// Those between the nodes.
    pub edges: Vec<EdgeView>,
}

/// An entity, for drawing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeView {
    /// Its name.
    pub name: Rc<str>,
    /// Its category.
    pub category: Rc<str>,
    /// What documents say of it, a line each.
    pub description: String,
    /// How many relationships it has.
    pub rank: usize,
}

/// A relationship, for drawing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EdgeView {
    /// The name of one end.
    pub source: Rc<str>,
    /// The name of the other end.
    pub target: Rc<str>,
    /// What documents say of it, a line each.
    pub description: String,
    /// Its themes, comma separated.
    pub keywords: String,
    /// The sum over its mentions.
    pub weight: f64,
}

impl Engine {
    /// Removes a document and all that it added. Whether it was there.
    pub async fn remove(&self, source: String, signal: Signal) -> Result<bool> {
        check_name("source", &source)?;
        let source: Rc<str> = source.into();
        let writes = self.0.queue.write([source.clone()], &signal)?;
        self.committing(writes, &|knowledge| {
            let known = knowledge.document(&source).is_some()
                || self.0.stored.borrow().damaged.contains_key(&source);
            Ok(known.then(|| Prepared::Remove { source: source.clone() }))
        })
        .await
    }

    /// Makes names one entity, now and after every later ingest.
    pub async fn merge_entities(&self, names: Vec<String>, into: String) -> Result<()> {
        names.iter().try_for_each(|name| check_name("a name", name))?;
        check_name("into", &into)?;
        let writes = self.0.queue.write_all(&Signal::default())?;
        self.committing(writes, &|knowledge| {
            let mut rules = knowledge.rules().clone();
            rules.merge(&names, &into)?;
            Ok((rules != *knowledge.rules()).then_some(Prepared::Rules(rules)))
        })
        .await?;
        Ok(())
    }

    /// Takes a merge back. Whether there was one.
    pub async fn unmerge(&self, into: String) -> Result<bool> {
        check_name("into", &into)?;
        let writes = self.0.queue.write_all(&Signal::default())?;
        self.committing(writes, &|knowledge| {
            let mut rules = knowledge.rules().clone();
            Ok(rules.unmerge(&into).then_some(Prepared::Rules(rules)))
        })
        .await
    }

    /// The documents, by source.
    pub async fn documents(&self) -> Result<Vec<DocumentInfo>> {
        self.looking(|knowledge| knowledge.documents().map(document_info).collect()).await
    }

    /// The text of a document, as it was ingested.
    pub async fn text(&self, source: String) -> Result<Option<String>> {
        check_name("source", &source)?;
        self.reading(&Signal::default(), self.stored_text(&source)).await
    }

    /// An entity by any of its names.
    pub async fn entity(&self, name: String) -> Result<Option<EntityInfo>> {
        self.looking(|knowledge| knowledge.entity(&name).map(entity_info)).await
    }

    /// The relationships of an entity, the strongest first.
    pub async fn relationships(&self, name: String) -> Result<Vec<RelationshipInfo>> {
        self.looking(|knowledge| {
            let entity = knowledge.entity(&name);
            entity.map_or_else(Vec::new, |entity| {
                entity.relationships().into_iter().map(relationship_info).collect()
            })
        })
        .await
    }

    /// What lexical searches for these texts go by here.
    pub async fn statistics(&self, queries: Vec<String>) -> Result<KindStatistics> {
        self.looking(|knowledge| knowledge.statistics(&queries)).await
    }

    /// Lets lexical searches go by the statistics of a whole that these documents are a part of.
    pub async fn assume(&self, statistics: KindStatistics) -> Result<()> {
        self.0.version.assume(statistics).await;
        Ok(())
    }

    /// A part of the graph.
    pub async fn graph(&self, options: GraphOptions) -> Result<GraphView> {
        self.looking(|knowledge| {
            let limit = options.limit;
            let entities = match &options.around {
                Some(names) => knowledge.around(names, options.depth, limit),
                None => knowledge.most_connected(limit),
            };
            let edges = knowledge.relationships_among(&entities);
            GraphView {
                nodes: entities.into_iter().map(node_view).collect(),
                edges: edges.into_iter().map(edge_view).collect(),
            }
        })
        .await
    }

    /// A call that takes one look.
    async fn looking<T>(&self, look: impl FnOnce(&KnowledgeBase) -> T) -> Result<T> {
        let mut seen = None;
        self.show(Box::new(|knowledge| seen = Some(look(knowledge)))).await?;
        Ok(seen.expect("who looks has seen"))
    }

    /// Not generic, and so compiled once and not into every call that looks.
    fn show<'a>(
        &'a self,
        look: Box<dyn FnOnce(&KnowledgeBase) + 'a>,
    ) -> LocalBoxFuture<'a, Result<()>> {
        async {
            let look = async {
                self.0.version.read(look).await;
                Ok(())
            };
            self.reading(&Signal::default(), look).await
        }
        .boxed_local()
    }

    /// A call that has one thing to commit.
    fn committing<'a>(
        &'a self,
        writes: Writes,
        prepare: &'a dyn Fn(&KnowledgeBase) -> Result<Option<Prepared>>,
    ) -> LocalBoxFuture<'a, Result<bool>> {
        async {
            let unit = writes.only().await?;
            let _turn = unit.commit_turn().await?;
            self.commit(prepare).await
        }
        .boxed_local()
    }
}

fn document_info(document: DocumentRef<'_>) -> DocumentInfo {
    let contribution = document.contribution();
    DocumentInfo {
        source: contribution.source.clone(),
        revision: contribution.revision.clone(),
        excerpts: contribution.excerpts.len(),
        entities: document.entities(),
        relationships: document.relationships(),
        bytes: contribution.bytes,
        metadata: contribution.metadata.clone(),
    }
}

fn entity_info(entity: EntityRef<'_>) -> EntityInfo {
    let other = |relationship: RelationshipRef<'_>| {
        let (one, other) = relationship.ends();
        if one.key() == entity.key() { other.name().clone() } else { one.name().clone() }
    };
    EntityInfo {
        name: entity.name().clone(),
        category: entity.category().into(),
        descriptions: owned(entity.descriptions()),
        rank: entity.degree(),
        mentions: entity.places().map(mention_info).collect(),
        neighbours: entity.relationships().into_iter().map(other).collect(),
    }
}

fn relationship_info(relationship: RelationshipRef<'_>) -> RelationshipInfo {
    let (one, other) = relationship.ends();
    RelationshipInfo {
        source: one.name().clone(),
        target: other.name().clone(),
        descriptions: owned(relationship.descriptions()),
        keywords: owned(relationship.keywords()),
        weight: relationship.weight(),
        rank: relationship.degree(),
        mentions: relationship.places().map(mention_info).collect(),
    }
}

fn mention_info(place: PlaceRef<'_>) -> MentionInfo {
    let excerpt = place.excerpt();
    MentionInfo {
        source: place.source().clone(),
        excerpt_id: excerpt.id.clone(),
        start: excerpt.start,
        end: excerpt.end,
    }
}

fn node_view(entity: EntityRef<'_>) -> NodeView {
    let view = entity.view(&Filter::default());
    NodeView {
        name: view.name,
        category: view.category,
        description: view.descriptions.join("\n"),
        rank: view.degree,
    }
}

fn edge_view(relationship: RelationshipRef<'_>) -> EdgeView {
    let view = relationship.view(&Filter::default());
    let [source, target] = view.ends;
    EdgeView {
        source,
        target,
        description: view.descriptions.join("\n"),
        keywords: view.keywords.join(", "),
        weight: view.weight,
    }
}

fn owned(texts: Vec<&Rc<str>>) -> Vec<Rc<str>> {
    texts.into_iter().cloned().collect()
}
