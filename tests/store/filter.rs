//! What a filter leaves out does not show: entities and relationships are seen as if the other
//! documents were not there.

use std::rc::Rc;

use proptest::{option, prelude::*};
use smolrag::{
    record::{Contribution, Filter},
    store::{KnowledgeBase, KnowledgeBaseOptions, Query},
};

use crate::{
    pool::{self, DIMENSIONS, VARIANTS},
    snapshot::english,
};

fn folded<'a>(documents: impl Iterator<Item = &'a Rc<Contribution>>) -> KnowledgeBase {
    let options = KnowledgeBaseOptions { dimensions: DIMENSIONS, resolve_entities: true };
    let mut kb = KnowledgeBase::new(options);
    for document in documents {
        let change = kb.check(document.clone()).expect("the pool is sound");
        kb.apply(change);
    }
    kb
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_filtered_view_is_that_of_the_documents_that_match(
        variants in [(); pool::SOURCES.len()].map(|()| option::of(0..VARIANTS)),
    ) {
        let pool = pool::documents();
        let documents: Vec<_> = pool.iter().zip(variants)
            .filter_map(|(versions, variant)| Some(&versions[variant?])).collect();
        let matching = documents.iter().copied().filter(|document| english().matches(&document.metadata));
        let (all, english_only) = (folded(documents.iter().copied()), folded(matching));
        for entity in english_only.entities() {
            let seen = all.entity(entity.key()).expect("it is in a document of both");
            prop_assert_eq!(seen.view(&english()), entity.view(&Filter::default()));
            prop_assert_eq!(entity.view(&english()), entity.view(&Filter::default()));
        }
        for relationship in english_only.relationships() {
            let (one, other) = relationship.ends();
            let seen = all.relationship(one.key(), other.key()).expect("it is in a document of both");
            prop_assert_eq!(seen.view(&english()), relationship.view(&Filter::default()));
        }
        for hit in all.search_entities(Query::Text("queue cache store graph tab api"), 100, &english()) {
            prop_assert!(english_only.entity(hit.item.key()).is_some(), "{} is found", hit.item.key());
        }
    }
}
