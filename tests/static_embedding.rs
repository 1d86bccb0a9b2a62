//! The embedding table that comes with the package, against the vectors that the script which distilled it wrote.

use std::{fs, path::PathBuf};

use smolrag::{builtin::StaticEmbedder, port::EmbeddingModel};

fn asset(name: &str) -> Option<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets").join(name);
    let found = fs::read(&path).ok();
    if found.is_none() {
        println!("skipped: {} is not here", path.display());
    }
    found
}

#[test]
fn vectors_agree_with_the_reference() {
    let (Some(table), Some(vectors)) = (asset("embedding.bin"), asset("embedding.vectors.json"))
    else {
        return;
    };
    let embedder = StaticEmbedder::new(table).unwrap();
    let cases: Vec<serde_json::Value> = serde_json::from_slice(&vectors).unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let vector = embedder.embed_one(text);
        assert_eq!(vector.len(), embedder.dimensions());
        // An empty list stands for a text without a known token.
        let expected: Vec<f64> =
            case["vector"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        for (index, &found) in vector.iter().enumerate() {
            let expected = expected.get(index).copied().unwrap_or(0.0);
            assert!(
                (f64::from(found) - expected).abs() < 2e-6,
                "{text:?} at {index}: {found}, not {expected}"
            );
        }
    }
}
