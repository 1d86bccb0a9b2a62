//! Exchanges documents in a knowledge base of so many, so that `exchange.mjs` can count the instructions of that
//! alone: `exchange DOCUMENTS`.

mod corpus;

use std::hint::black_box;

use corpus::{document, knowledge_base};
use smolrag::store::{Change, KnowledgeBase};

/// Few, so that what they cost does not hide the rest.
const DIMENSIONS: usize = 32;

/// What is counted, found by its name.
#[inline(never)]
fn exchange(kb: &mut KnowledgeBase, remove: Change, put: Change) {
    kb.apply(black_box(remove));
    kb.apply(black_box(put));
}

fn main() {
    let documents = std::env::args().nth(1).and_then(|count| count.parse().ok());
    let documents: usize = documents.expect("the number of documents");
    let mut kb = knowledge_base(documents, DIMENSIONS);
    for at in 0..20 {
        // From all over the order, so that nothing is at the end of a list.
        let contribution = document(2 * (at * documents / 20), documents, DIMENSIONS);
        let remove = Change::Remove(contribution.source.clone());
        let put = kb.check(contribution).expect("it is sound");
        exchange(&mut kb, remove, put);
    }
    println!("{:?}", kb.counts());
}
