//! The estimate of tokens, against OpenAI's tokenizer.
#![cfg(not(target_arch = "wasm32"))]

use std::{
    fs,
    path::{Path, PathBuf},
};

use smolrag::text::estimate_tokens;

/// The files of a folder of this repository, and below, that end so.
fn files(folder: &str, ends: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if ends.iter().any(|end| path.to_string_lossy().ends_with(end)) {
                found.push(path);
            }
        }
    }
    found
}

/// How far the estimates are off, as shares of the true counts: all texts together, and each of those
/// that are long enough for an average to hold.
fn errors(what: &str, paths: Vec<PathBuf>) -> (f64, Vec<(f64, PathBuf)>) {
    let o200k = tiktoken_rs::o200k_base_singleton();
    let (mut estimates, mut counts) = (0, 0);
    let mut each = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let (estimate, count) = (estimate_tokens(&text), o200k.encode_ordinary(&text).len());
        estimates += estimate;
        counts += count;
        if count > 1000 {
            each.push((estimate as f64 / count as f64 - 1.0, path));
        }
    }
    let all = estimates as f64 / counts as f64 - 1.0;
    let worst = each.iter().map(|(error, _)| error.abs()).fold(0.0, f64::max);
    println!(
        "{what}: {counts} tokens, {:+.1} % off; worst text {:.1} %",
        100.0 * all,
        100.0 * worst
    );
    (all.abs(), each)
}

#[test]
fn english_prose_is_within_a_tenth() {
    let (all, each) = errors("prose", files("docs", &[".md"]));
    assert!(all < 0.1, "{all}");
    for (error, path) in each {
        assert!(error.abs() < 0.1, "{error} in {path:?}");
    }
}

#[test]
fn code_is_within_a_tenth() {
    for (what, folder, ends) in [
        ("Rust", "src", &[".rs"][..]),
        ("TypeScript", "src/js", &[".ts"]),
        ("JavaScript", "tests", &[".mjs"]),
    ] {
        let (all, each) = errors(what, files(folder, ends));
        assert!(all < 0.1, "{what}: {all}");
        // Tables of numbers are no code.
        let far = each.iter().filter(|(error, _)| error.abs() > 0.1).count();
        assert!(far * 20 <= each.len(), "{what}: {far} of {} are off by more", each.len());
    }
}

#[test]
fn chinese_japanese_and_korean_are_within_a_quarter() {
    for name in ["chinese", "traditional", "japanese", "korean"] {
        let (all, _) = errors(name, files("tests/tokens", &[&format!("{name}.txt")]));
        assert!(all < 0.25, "{name}: {all}");
    }
}
