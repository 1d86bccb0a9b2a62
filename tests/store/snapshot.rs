//! What can be seen of a knowledge base from outside, as plain values that can be compared.

use smolrag::{
    record::{Filter, Metadata, MetadataValue, UnitVector},
    store::{EntityRef, KnowledgeBase, PlaceRef, Query, RelationshipRef},
};

/// A place: source and index of the excerpt.
pub type Place = (String, usize);

#[derive(Debug, Default, PartialEq)]
pub struct Snapshot {
    pub documents: Vec<(String, String)>,
    pub keywords: Vec<String>,
    pub excerpts: Vec<(String, Vec<Place>)>,
    pub entities: Vec<Entity>,
    pub relationships: Vec<Relationship>,
}

#[derive(Debug, PartialEq)]
pub struct Entity {
    pub key: String,
    pub name: String,
    pub category: String,
    pub categories: Vec<String>,
    pub descriptions: Vec<String>,
    pub places: Vec<Place>,
    pub degree: usize,
}

#[derive(Debug, PartialEq)]
pub struct Relationship {
    pub ends: (String, String),
    pub weight: f64,
    pub descriptions: Vec<String>,
    pub keywords: Vec<String>,
    pub places: Vec<Place>,
}

/// Ids with scores, best first, and where an excerpt was found at.
pub type Found = Vec<(String, f32, Option<Place>)>;

pub fn english() -> Filter {
    Filter(Metadata::from([("lang".into(), MetadataValue::Text("en".into()))]))
}

pub fn snapshot(kb: &KnowledgeBase) -> Snapshot {
    let mut excerpts: Vec<(String, Vec<Place>)> = vec![];
    for document in kb.documents() {
        for excerpt in &document.contribution().excerpts {
            let seen = kb.excerpt(&excerpt.id).expect("every excerpt of a document is there");
            assert_eq!(seen.place().excerpt().text, excerpt.text);
            excerpts.push((excerpt.id.to_string(), seen.places().map(place).collect()));
        }
    }
    excerpts.sort();
    excerpts.dedup();
    assert_eq!(kb.counts().excerpts, excerpts.len(), "no excerpt is left behind");
    Snapshot {
        documents: kb
            .documents()
            .map(|document| {
                let contribution = document.contribution();
                (contribution.source.to_string(), contribution.revision.to_string())
            })
            .collect(),
        keywords: kb.content_keywords().map(|keyword| keyword.to_string()).collect(),
        excerpts,
        entities: kb.entities().map(entity).collect(),
        relationships: kb.relationships().map(relationship).collect(),
    }
}

fn place(place: PlaceRef<'_>) -> Place {
    (place.source().to_string(), place.index())
}

fn entity(entity: EntityRef<'_>) -> Entity {
    assert_eq!(entity.relationships().len(), entity.degree());
    Entity {
        key: entity.key().to_string(),
        name: entity.name().to_string(),
        category: entity.category().to_string(),
        categories: entity.categories().iter().map(|text| text.to_string()).collect(),
        descriptions: entity.descriptions().iter().map(|text| text.to_string()).collect(),
        places: entity.places().map(place).collect(),
        degree: entity.degree(),
    }
}

fn relationship(relationship: RelationshipRef<'_>) -> Relationship {
    let (first, second) = relationship.ends();
    Relationship {
        ends: (first.key().to_string(), second.key().to_string()),
        weight: relationship.weight(),
        descriptions: relationship.descriptions().iter().map(|text| text.to_string()).collect(),
        keywords: relationship.keywords().iter().map(|text| text.to_string()).collect(),
        places: relationship.places().map(place).collect(),
    }
}

/// What the three searches find, in the order excerpts, entities, relationships.
pub fn search(kb: &KnowledgeBase, query: Query<'_>, k: usize, filter: &Filter) -> [Found; 3] {
    let excerpts = kb.search_excerpts(query, k, filter).into_iter();
    let entities = kb.search_entities(query, k, filter).into_iter();
    let relationships = kb.search_relationships(query, k, filter).into_iter();
    [
        excerpts
            .map(|hit| (hit.item.id().to_string(), hit.score, Some(place(hit.item.place()))))
            .collect(),
        entities.map(|hit| (hit.item.key().to_string(), hit.score, None)).collect(),
        relationships
            .map(|hit| {
                let (first, second) = hit.item.ends();
                (format!("{} / {}", first.key(), second.key()), hit.score, None)
            })
            .collect(),
    ]
}

/// All searches that the tests make.
pub fn answers(kb: &KnowledgeBase, k: usize) -> Vec<[Found; 3]> {
    let vector = UnitVector::from_f32(&[0.5, -1.0, 2.0]).unwrap();
    let queries =
        [Query::Vector(&vector), Query::Text("queues order calls, calls"), Query::Text("tab")];
    let filters = [Filter::default(), english()];
    queries
        .into_iter()
        .flat_map(|query| filters.iter().map(move |filter| search(kb, query, k, filter)))
        .collect()
}
