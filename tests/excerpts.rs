//! What holds of the excerpts of any document whatever, by every strategy.

use std::collections::HashSet;
use std::ops::Range;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::Strategy as Generator;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use smolrag::text::{ExcerptOptions, MarkKind, Span, Strategy, locate, marks, split};
use unicode_segmentation::UnicodeSegmentation;

/// Words of several scripts, clusters of several characters, identifiers, marks.
fn word() -> impl Generator<Value = String> {
    prop_oneof![
        6 => "[a-z]{1,9}",
        1 => "[A-Z][a-z]{1,6}[.!?:,]",
        1 => Just("知识图谱，检索。".to_owned()),
        1 => Just("東京タワーに行く。".to_owned()),
        1 => Just("ภาษาไทย".to_owned()),
        1 => Just("👩\u{200D}🔬👨\u{200D}👩\u{200D}👧\u{200D}👦".to_owned()),
        1 => Just("🇫🇷🇩🇪🇯🇵".to_owned()),
        1 => Just("e\u{301}a\u{308}\u{323}".to_owned()),
        1 => Just("नमस्ते".to_owned()),
        1 => "[a-z]{1,4}_[a-z]{60,150}",
        1 => Just("`code` **bold** [link](a.md) don't 3.14 e.g.".to_owned()),
    ]
}

fn sentence() -> impl Generator<Value = String> {
    (vec(word(), 1..25), "[.!?:]").prop_map(|(words, mark)| words.join(" ") + &mark)
}

fn paragraph() -> impl Generator<Value = String> {
    (vec(sentence(), 1..6), prop_oneof![Just(" "), Just("\n")]).prop_map(|(s, gap)| s.join(gap))
}

fn code() -> impl Generator<Value = String> {
    let line = prop_oneof![
        5 => "( {0,8}|\t)[a-z(){};]{1,30}",
        1 => Just(String::new()),
        1 => Just("```".to_owned()),
        1 => "[a-z ]{100,200}",
    ];
    let fence = prop_oneof![Just("````"), Just("~~~")];
    (fence, "(rust|js)?", vec(line, 0..12), any::<bool>()).prop_map(
        |(fence, info, lines, closed)| {
            let close = if closed { fence } else { "" };
            format!("{fence}{info}\n{}\n{close}", lines.join("\n"))
        },
    )
}

fn block() -> impl Generator<Value = String> {
    prop_oneof![
        4 => paragraph(),
        2 => (1..5usize, word()).prop_map(|(level, word)| format!("{} A *{word}*", "#".repeat(level))),
        1 => word().prop_map(|word| format!("Below {word}\n===")),
        2 => vec((0..3usize, sentence()), 1..6).prop_map(|items| {
            items.iter().map(|(depth, text)| format!("{}- {text}\n", "  ".repeat(*depth))).collect()
        }),
        1 => vec((word(), word()), 1..5).prop_map(|rows| {
            let rows = rows.iter().map(|(a, b)| format!("| {a} | {b} |\n"));
            "| a | b |\n|---|---|\n".to_owned() + &rows.collect::<String>()
        }),
        2 => code(),
        1 => "(    [a-z ]{1,40}\n){1,4}",
        1 => paragraph().prop_map(|text| text.lines().map(|line| format!("> {line}\n")).collect()),
        1 => Just("> # Quoted heading\n> - item\n>   ```\n>   code\n>   ```".to_owned()),
        1 => sentence().prop_map(|text| format!("<div>\n{text}\n</div>")),
        1 => Just("---".to_owned()),
        1 => Just("[ref]: https://example.org\n[^1]: A footnote.".to_owned()),
        1 => Just("#".to_owned()),
    ]
}

fn markdown() -> impl Generator<Value = String> {
    let front = prop_oneof![
        3 => Just(""),
        1 => Just("---\ntitle: A guide\n---\n"),
        1 => Just("\u{FEFF}---\ntitle: A guide\ntags: [one, two]\n---\n\n"),
        1 => Just("\u{FEFF}"),
    ];
    let gap = prop_oneof![4 => Just("\n\n"), 1 => Just("\n"), 1 => Just("\n \t\n\n")];
    (front, vec((block(), gap), 0..12), any::<bool>()).prop_map(|(front, blocks, crlf)| {
        let body: String = blocks.into_iter().map(|(block, gap)| block + gap).collect();
        let text = front.to_owned() + &body;
        if crlf { text.replace('\n', "\r\n") } else { text }
    })
}

fn any_text() -> impl Generator<Value = String> {
    prop_oneof![
        any::<String>(),
        "(\\PC|\n){0,300}",
        "([-+#*_`~>|<=\\[\\]()!:&;. \n\r\t\0]|---\n|```|    |[a-c1]|é|🎉|界|\u{301}|\u{200D}){0,300}",
    ]
}

fn options() -> impl Generator<Value = ExcerptOptions> {
    let size = prop_oneof![Just(64), 64..200usize, Just(300), Just(1200)];
    let strategy = prop_oneof![3 => Just(Strategy::Markdown), 1 => Just(Strategy::Words), 1 => Just(Strategy::Characters)];
    (size, 0..50usize, strategy).prop_map(|(size, percent, strategy)| ExcerptOptions {
        size,
        overlap: size * percent / 100,
        strategy,
    })
}

struct CodeBlock {
    all: Range<usize>,
    /// Without its fences.
    lines: Range<usize>,
}

/// What a plain reading of the document, by the parser alone, says about it.
#[derive(Default)]
struct Reading {
    /// Outside of lists and quotes, with their text.
    headings: Vec<(Range<usize>, String)>,
    breaks: Vec<Range<usize>>,
    code: Vec<CodeBlock>,
    front_matter: Range<usize>,
}

fn read(text: &str) -> Reading {
    let front_matter = front_matter(text);
    let start = front_matter.end;
    let mut reading = Reading { front_matter, ..Reading::default() };
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES;
    let (mut depth, mut heading, mut in_code) = (0, None, false);
    for (event, at) in Parser::new_ext(&text[start..], options).into_offset_iter() {
        let at = start + at.start..start + at.end;
        match event {
            Event::Start(Tag::List(_) | Tag::BlockQuote(_) | Tag::FootnoteDefinition(_)) => {
                depth += 1
            }
            Event::End(TagEnd::List(_) | TagEnd::BlockQuote(_) | TagEnd::FootnoteDefinition) => {
                depth -= 1
            }
            Event::Start(Tag::Heading { .. }) if depth == 0 => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let words = heading.take().unwrap_or_default();
                let title = words.split_whitespace().collect::<Vec<_>>().join(" ");
                if !title.is_empty() && title.encode_utf16().count() <= 200 {
                    reading.headings.push((at, title));
                }
            }
            Event::Rule if depth == 0 => reading.breaks.push(at),
            Event::Start(Tag::CodeBlock(_)) => {
                reading.code.push(CodeBlock { lines: at.start..at.start, all: at });
                in_code = true;
            }
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Text(_) if in_code => {
                let lines = &mut reading.code.last_mut().expect("a block is open").lines;
                *lines = if lines.start == lines.end { at } else { lines.start..at.end };
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&words);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some(heading) = &mut heading {
                    heading.push(' ');
                }
            }
            _ => {}
        }
    }
    reading
}

fn front_matter(text: &str) -> Range<usize> {
    let start = if text.starts_with('\u{FEFF}') { 3 } else { 0 };
    let lines: Vec<&str> = text[start..].split_inclusive('\n').collect();
    let fence = lines.first().map_or("", |line| line.trim_end());
    let blank = lines.get(1).is_none_or(|line| line.trim_end().is_empty());
    let close = lines
        .iter()
        .skip(1)
        .position(|line| line.trim_end() == fence || (fence == "---" && line.trim_end() == "..."));
    match close {
        Some(close) if matches!(fence, "---" | "+++") && !blank => {
            start..start + lines[..close + 2].iter().map(|line| line.len()).sum::<usize>()
        }
        _ => start..start,
    }
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

fn spans_are_slices(text: &str, spans: &[Span], options: &ExcerptOptions) {
    let encoded: Vec<u16> = text.encode_utf16().collect();
    for span in spans {
        let slice = &text[span.bytes.clone()];
        let expected: Vec<u16> = slice.encode_utf16().collect();
        assert_eq!(&encoded[span.start as usize..span.end as usize], &expected[..]);
        assert!(!slice.is_empty() && slice.trim() == slice, "{slice:?}");
        assert!(units(slice) <= options.size, "{} units: {slice:?}", units(slice));
        assert!(span.headings.iter().all(|title| !title.is_empty() && title.trim() == &**title));
    }
    for pair in spans.windows(2) {
        assert!(pair[0].start < pair[1].start && pair[0].end < pair[1].end, "{pair:?}");
        let repeated = pair[0].end.saturating_sub(pair[1].start) as usize;
        assert!(repeated <= options.overlap, "{repeated} units repeated");
    }
}

/// Every character that is in no excerpt is white space or in what is known to be left out.
fn nothing_is_lost(text: &str, spans: &[Span], left_out: &[Range<usize>]) {
    let mut shown = vec![false; text.len()];
    for known in spans.iter().map(|span| &span.bytes).chain(left_out) {
        shown[known.clone()].fill(true);
    }
    for (at, c) in text.char_indices() {
        let blank = c.is_whitespace() || (at == 0 && c == '\u{FEFF}');
        assert!(blank || shown[at], "{c:?} at {at} is lost");
    }
}

/// Thematic breaks, front matter, headings above some excerpt, the fences of code that was cut.
fn left_out(text: &str, spans: &[Span], reading: &Reading) -> Vec<Range<usize>> {
    let titles: HashSet<&str> =
        spans.iter().flat_map(|span| span.headings.iter().map(|title| &**title)).collect();
    let headings = reading.headings.iter().filter(|(_, title)| titles.contains(title.as_str()));
    let was_cut = |code: &&CodeBlock| {
        spans.iter().any(|span| span.fence.is_some() && code.all.contains(&span.bytes.start))
    };
    let fences = reading.code.iter().filter(was_cut).flat_map(|code| {
        [line_start(text, code.all.start)..code.lines.start, code.lines.end..code.all.end]
    });
    let rules = reading.breaks.iter().cloned();
    let front_matter = std::iter::once(reading.front_matter.clone());
    headings.map(|(line, _)| line.clone()).chain(rules).chain(front_matter).chain(fences).collect()
}

/// What may be left out of any text: headings that are above some excerpt, front matter, lines that
/// have the form of a thematic break and, where code was cut, of a fence.
fn left_out_by_form(text: &str, spans: &[Span]) -> Vec<Range<usize>> {
    let titles: HashSet<&str> =
        spans.iter().flat_map(|span| span.headings.iter().map(|title| &**title)).collect();
    let headings = marks(text).into_iter().filter(|mark| mark.kind == MarkKind::Heading);
    let above = headings.filter(|mark| titles.contains(mark.text.as_str())).map(|mark| mark.at);
    let was_cut = spans.iter().any(|span| span.fence.is_some());
    let mut at = 0;
    let lines = text.split_inclusive(['\n', '\r']).map(|line| {
        at += line.len();
        at - line.len()..at
    });
    let formed = lines.filter(|line| {
        let line = &text[line.clone()];
        let marks: String = line.trim_start_matches('\u{FEFF}').split_whitespace().collect();
        let breaks = ["-", "*", "_"]
            .iter()
            .any(|mark| marks.len() > 2 && marks.replace(mark, "").is_empty());
        breaks || (was_cut && (line.contains("```") || line.contains("~~~")))
    });
    above.chain(formed).chain([front_matter(text)]).collect()
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind(['\n', '\r']).map_or(0, |end| end + 1)
}

/// No cut within a cluster or a word that would have fitted.
fn nothing_is_torn(text: &str, spans: &[Span], options: &ExcerptOptions) {
    let inside = |segments: Vec<(usize, &str)>| -> HashSet<usize> {
        let fitting = segments.into_iter().filter(|(_, segment)| {
            units(segment) <= options.size && !segment.contains(char::is_whitespace)
        });
        fitting.flat_map(|(start, segment)| start + 1..start + segment.len()).collect()
    };
    let clusters = inside(text.grapheme_indices(true).collect());
    let words = inside(text.split_word_bound_indices().collect());
    for at in spans.iter().flat_map(|span| [span.bytes.start, span.bytes.end]) {
        assert!(!clusters.contains(&at), "a cluster is torn at {at}");
        assert!(
            options.strategy == Strategy::Characters || !words.contains(&at),
            "a word is torn at {at}"
        );
    }
}

fn blocks_are_respected(text: &str, spans: &[Span], reading: &Reading, size: usize) {
    for span in spans {
        for (line, title) in &reading.headings {
            let apart = span.bytes.end <= line.start || line.end <= span.bytes.start;
            let of_heading = line.start <= span.bytes.start && span.bytes.end <= line.end;
            assert!(apart || of_heading, "{title:?} is within {:?}", &text[span.bytes.clone()]);
        }
        let code = reading.code.iter().find(|code| code.all.contains(&span.bytes.start));
        assert!(span.fence.is_none() || code.is_some_and(|code| span.bytes.end <= code.all.end));
    }
    for code in &reading.code {
        // A list's bullet or a quote's marks before the fence are part of it.
        let from = line_start(text, code.all.start).max(reading.front_matter.end);
        let whole = text[from..code.all.end].trim();
        let start = from + text[from..].len() - text[from..].trim_start().len();
        let shown = |span: &Span| {
            span.bytes.start <= start
                && start + whole.len() <= span.bytes.end
                && span.fence.is_none()
        };
        let fits = units(whole) <= size && !whole.is_empty();
        assert!(!fits || spans.iter().any(shown), "{whole:?} is cut");
    }
}

fn check_markdown(text: &str, options: &ExcerptOptions) {
    let spans = check(text, options);
    if options.strategy == Strategy::Markdown {
        let reading = read(text);
        nothing_is_lost(text, &spans, &left_out(text, &spans, &reading));
        blocks_are_respected(text, &spans, &reading, options.size);
    }
}

/// What needs no second reading of the text: two readers of markdown may take what makes no sense
/// for different things.
fn check(text: &str, options: &ExcerptOptions) -> Vec<Span> {
    let spans = split(text, options).expect("options are in range");
    spans_are_slices(text, &spans, options);
    nothing_is_torn(text, &spans, options);
    match options.strategy {
        Strategy::Markdown => nothing_is_lost(text, &spans, &left_out_by_form(text, &spans)),
        _ => nothing_is_lost(text, &spans, &[]),
    }
    assert_eq!(split(text, options).unwrap(), spans);

    let own: Vec<String> = spans.iter().map(|span| text[span.bytes.clone()].to_owned()).collect();
    let (located, _) = locate(text, &own).expect("slices in their order are found");
    for (span, piece) in located.iter().zip(&own) {
        assert_eq!(&text[span.bytes.clone()], piece);
    }
    spans
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn excerpts_of_markdown_keep_their_promises(text in markdown(), options in options()) {
        check_markdown(&text, &options);
    }

    #[test]
    fn excerpts_of_any_text_keep_their_promises(text in any_text(), options in options()) {
        check(&text, &options);
    }
}

/// A quadratic step would take hours on these.
#[test]
fn time_grows_with_the_text_only() {
    let size = 1 << 19;
    let repeat = |piece: &str| piece.repeat(size / piece.len());
    let texts = [
        repeat("word "),
        repeat("x"),
        repeat("知识图谱"),
        repeat("A sentence. "),
        repeat("a\u{301}"),
        "e".to_owned() + &repeat("\u{301}"),
        repeat("🇫🇷"),
        "a.".to_owned() + &repeat(" ") + "b",
        "a.".to_owned() + &repeat(")"),
        repeat("\n"),
        repeat("- a\n"),
        repeat("# a\n"),
        repeat("a:\n\n"),
        repeat("\u{2028}"),
        "```\n".to_owned() + &repeat("x\n"),
        repeat("| a | b |\n|---|---|\n"),
        repeat("> "),
        repeat("1. "),
        repeat("[^a]: "),
        repeat("[a](b"),
        repeat("---\nx\n"),
        "# ".to_owned() + &repeat("heading "),
    ];
    let start = Instant::now();
    for text in &texts {
        for strategy in [Strategy::Markdown, Strategy::Words, Strategy::Characters] {
            let options = ExcerptOptions { strategy, ..ExcerptOptions::default() };
            let spans = split(text, &options).unwrap();
            assert!(spans.iter().all(|span| span.end - span.start <= options.size as u32));
        }
    }
    assert!(start.elapsed() < Duration::from_secs(120), "took {:?}", start.elapsed());
}

/// The documents of SmolRAG, where they are at hand.
#[test]
fn excerpts_of_real_documents_keep_their_promises() {
    let shared = std::env::var("SMOLRAG_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_owned());
    let Ok(files) = std::fs::read_dir(format!("{shared}/data/smolrag-docs")) else {
        println!("skipped: no documents in {shared}/data/smolrag-docs");
        return;
    };
    let mut found = 0;
    for file in files {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for size in [64, 300, 1200, 4000] {
            for strategy in [Strategy::Markdown, Strategy::Words, Strategy::Characters] {
                check_markdown(&text, &ExcerptOptions { size, overlap: size / 12, strategy });
            }
        }
        found += 1;
    }
    assert!(found > 0, "{shared}/data/smolrag-docs is empty");
}
