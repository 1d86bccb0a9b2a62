//! A reader that asks a language model.

use std::{cell::Cell, rc::Rc};

use futures::{
    FutureExt, StreamExt, TryStreamExt,
    future::{self, LocalBoxFuture},
    stream::{self, FuturesUnordered, LocalBoxStream},
};

use super::{
    Citations, Extraction, Options, answer, extraction, keywords, parse_extraction, parse_keywords,
    passage::{Passage, Surroundings},
    standalone, summary,
};
use crate::{
    port::{
        AnswerPart, AnswerRequest, Completion, DocumentText, ExcerptReading, Keywords,
        LanguageModel, NOTHING_FOUND, Progress, Reader, Reading, System, Turn,
    },
    record::{Code, Error, Result, revision},
};

/// Changes whenever a prompt or a parser changes what is read, so that documents are read anew.
const VERSION: &str = "prompted-1";

/// Of the length that summaries mostly have.
const TYPICAL_SUMMARY: &str = "The passage tells which of these things there are, what each of them is for and how \
    one works with the others, as the second part of the document on the subject that its headings name.";

/// A document may say very much; its keywords stay a short list.
const MAX_KEYWORDS: usize = 40;

/// Reads by asking a language model.
///
/// All calls of a document are started together: it is the model that was given which bounds how
/// many run at once, keeps answers and gives up in time.
///
/// A passage whose extraction fails fails its document. A summary that fails does not: the heading
/// path stands in for it, and [`ExcerptReading::degraded`] says so. So it is with an extraction
/// that no parser can read, unless the document has no other: a model that never keeps to the form
/// would otherwise pass for one that finds nothing.
#[derive(Clone)]
pub struct PromptedReader {
    model: Rc<dyn LanguageModel>,
    options: Rc<Options>,
}

impl PromptedReader {
    /// A reader that asks this model.
    pub fn new(model: Rc<dyn LanguageModel>, options: Options) -> Self {
        PromptedReader { model, options: Rc::new(options) }
    }

    fn json(&self) -> bool {
        self.model.takes_json()
    }

    fn systems(&self) -> Systems {
        let json = self.json();
        let (summary, extraction) =
            (summary::system(&self.options), extraction::system(&self.options, json));
        Systems { summary, extraction, json }
    }

    /// What is asked about each passage of a document, gleaning left out, with the answers of a model
    /// that reads this out of it.
    pub fn typical_answers(
        &self,
        document: &DocumentText,
        reading: &Reading,
    ) -> Vec<(Completion, String)> {
        let around = &Surroundings::of(document);
        let systems = self.systems();
        let mut answers = Vec::with_capacity(2 * document.excerpts.len());
        for (index, read) in reading.excerpts.iter().enumerate() {
            let passage = Passage::new(document, around, index);
            let summary = summary::prompt(&passage, &systems.summary);
            answers.push((summary, TYPICAL_SUMMARY.to_owned()));
            answers.push((systems.extract(&passage), extraction::render(read)));
        }
        answers
    }

    async fn read_document(self, document: DocumentText, progress: Progress) -> Result<Reading> {
        let steps = Steps { done: Cell::new(0), total: 2 * document.excerpts.len(), progress };
        let (document, around) = (&document, &Surroundings::of(&document));
        let systems = &self.systems();
        let read = |index| {
            let passage = Passage::new(document, around, index);
            self.read_passage(passage, systems, &steps).map(move |read| Ok((index, read?)))
        };
        // As they finish, so that the first failure ends the rest at once.
        let finished: Vec<(usize, Read)> = (0..document.excerpts.len())
            .map(read)
            .collect::<FuturesUnordered<_>>()
            .try_collect()
            .await?;
        gather(finished)
    }

    async fn read_passage(
        &self,
        passage: Passage<'_>,
        systems: &Systems,
        steps: &Steps,
    ) -> Result<Read> {
        let summary = self.summarise(&passage, systems).inspect(|_| steps.step());
        let extraction = self.extract(&passage, systems).inspect(|_| steps.step());
        let (summary, extraction) = future::try_join(summary, extraction).await?;
        let (summary, degraded) = match summary {
            Ok(summary) => (summary, None),
            Err(error) => (passage.heading_path(), Some(error)),
        };
        Ok(Read { summary, degraded, extraction })
    }

    /// The summary, or the failure that need not fail the document.
    async fn summarise(&self, passage: &Passage<'_>, systems: &Systems) -> Result<Result<String>> {
        let asked = self.model.complete(summary::prompt(passage, &systems.summary)).await;
        match asked.map(|said| summary::parse(&said.text)) {
            Ok(text) if text.is_empty() => Ok(Err(Error::provider(
                "the language model answered without a summary; the heading path stands in for it",
            ))),
            Err(mut error) if error.code == Code::Provider => {
                error.message += "; the heading path stands in for the summary";
                Ok(Err(error))
            }
            other => other.map(Ok),
        }
    }

    /// What was read, or `None` if no parser can make anything of the answer.
    async fn extract(
        &self,
        passage: &Passage<'_>,
        systems: &Systems,
    ) -> Result<Option<Extraction>> {
        let first = self.model.complete(systems.extract(passage)).await?.text;
        let Some(mut found) = parse_extraction(&first) else { return Ok(None) };
        let mut answers = first;
        for _ in 0..self.options.gleaning {
            let request =
                extraction::gleaning_prompt(passage, &answers, &systems.extraction, systems.json);
            let more = self.model.complete(request).await?.text;
            let Some(later) = parse_extraction(&more) else { break };
            let before = (found.entities.len(), found.relationships.len());
            found.absorb(later);
            if before == (found.entities.len(), found.relationships.len()) {
                break;
            }
            answers += "\n";
            answers += &more;
        }
        Ok(Some(found))
    }
}

/// What the questions about all passages of a document stand under.
struct Systems {
    summary: System,
    extraction: System,
    /// Whether extractions are to be JSON.
    json: bool,
}

impl Systems {
    fn extract(&self, passage: &Passage) -> Completion {
        extraction::prompt(passage, &self.extraction, self.json)
    }
}

/// What came of one passage.
struct Read {
    summary: String,
    degraded: Option<Error>,
    extraction: Option<Extraction>,
}

struct Steps {
    done: Cell<usize>,
    total: usize,
    progress: Progress,
}

impl Steps {
    fn step(&self) {
        self.done.set(self.done.get() + 1);
        (self.progress)(self.done.get(), self.total);
    }
}

fn gather(finished: Vec<(usize, Read)>) -> Result<Reading> {
    let unreadable = || {
        Error::provider(
            "the language model's answer holds no records of entities in a known form; use a model that follows \
             instructions",
        )
    };
    if !finished.is_empty() && finished.iter().all(|(_, read)| read.extraction.is_none()) {
        return Err(unreadable());
    }
    let mut in_order: Vec<Option<Read>> = finished.iter().map(|_| None).collect();
    for (index, read) in finished {
        in_order[index] = Some(read);
    }
    let mut reading = Reading::default();
    for read in in_order.into_iter().flatten() {
        let mut degraded: Vec<Error> = read.degraded.into_iter().collect();
        if read.extraction.is_none() {
            degraded.push(unreadable());
        }
        let Extraction { entities, relationships, keywords } = read.extraction.unwrap_or_default();
        reading.excerpts.push(ExcerptReading {
            summary: read.summary,
            entities,
            relationships,
            degraded,
        });
        for keyword in keywords {
            if !reading.keywords.contains(&keyword) && reading.keywords.len() < MAX_KEYWORDS {
                reading.keywords.push(keyword);
            }
        }
    }
    Ok(reading)
}

impl Reader for PromptedReader {
    fn id(&self) -> String {
        let Options { entity_types, language, guidance, gleaning } = &*self.options;
        let absent = |option: &Option<String>| option.clone().unwrap_or_default();
        let gleaning = format!("{gleaning}{}", if self.json() { " json" } else { "" });
        let (language, guidance) = (absent(language), absent(guidance));
        let parts = [VERSION, self.model.id(), &language, &guidance, &gleaning].into_iter();
        let parts = parts.chain(entity_types.iter().map(String::as_str)).map(str::as_bytes);
        format!("{VERSION}:{}:{}", self.model.id(), revision(&parts.collect::<Vec<_>>()))
    }

    fn read(
        &self,
        document: DocumentText,
        progress: Progress,
    ) -> LocalBoxFuture<'static, Result<Reading>> {
        self.clone().read_document(document, progress).boxed_local()
    }

    fn keywords(&self, question: &str) -> LocalBoxFuture<'static, Result<Keywords>> {
        let asked = self.model.complete(keywords::prompt(question));
        let question = question.to_owned();
        asked
            .map(move |answer| {
                let mut keywords = parse_keywords(&answer?.text);
                // An answer out of form must not leave the graph unsearched.
                for list in [&mut keywords.high, &mut keywords.low] {
                    if list.is_empty() {
                        list.push(question.clone());
                    }
                }
                Ok(keywords)
            })
            .boxed_local()
    }

    fn standalone(
        &self,
        question: &str,
        history: &[Turn],
    ) -> LocalBoxFuture<'static, Result<String>> {
        let question = question.to_owned();
        if history.is_empty() {
            return future::ready(Ok(question)).boxed_local();
        }
        let asked = self.model.complete(standalone::prompt(&question, history));
        asked.map(move |answer| Ok(standalone::parse(&answer?.text, &question))).boxed_local()
    }

    fn answer(&self, request: AnswerRequest) -> LocalBoxStream<'static, Result<AnswerPart>> {
        if request.context.is_empty() {
            let nothing = AnswerPart::Text(NOTHING_FOUND.to_owned());
            return stream::iter([Ok(nothing)]).boxed_local();
        }
        let mut citations = Citations::new(request.context.excerpts.len());
        // A `None` behind the last part lets go of what the citations still hold.
        let parts = self.model.stream(answer::prompt(&request, &self.options)).map(Some);
        parts
            .chain(stream::iter([None]))
            .flat_map(move |part| {
                let given = match part {
                    Some(Ok(said)) => Ok(citations.push(&said.text)),
                    Some(Err(error)) => Err(error),
                    None => Ok(citations.finish()),
                };
                let given = given.map_or_else(
                    |error| vec![Err(error)],
                    |parts| parts.into_iter().map(Ok).collect(),
                );
                stream::iter(given)
            })
            .boxed_local()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures::executor::block_on;

    use super::*;
    use crate::{
        port::{Role, Said},
        prompt::{context::tests::context, passage::tests::document},
    };

    type Answer = Box<dyn Fn(&Completion) -> Result<String>>;

    /// Answers by a function and remembers what it was asked.
    struct Scripted {
        answer: Answer,
        json: bool,
        asked: RefCell<Vec<Completion>>,
    }

    impl LanguageModel for Scripted {
        fn id(&self) -> &str {
            "scripted"
        }

        fn takes_json(&self) -> bool {
            self.json
        }

        fn complete(&self, request: Completion) -> LocalBoxFuture<'static, Result<Said>> {
            let answer = (self.answer)(&request);
            self.asked.borrow_mut().push(request);
            future::ready(answer.map(Said::from)).boxed_local()
        }

        fn stream(&self, request: Completion) -> LocalBoxStream<'static, Result<Said>> {
            let pieces: Result<Vec<Said>> =
                (self.answer)(&request).map(|text| text.chars().map(Said::from).collect());
            match pieces {
                Ok(pieces) => stream::iter(pieces.into_iter().map(Ok)).boxed_local(),
                Err(error) => stream::iter([Err(error)]).boxed_local(),
            }
        }
    }

    fn scripted(
        answer: impl Fn(&Completion) -> Result<String> + 'static,
    ) -> (Rc<Scripted>, PromptedReader) {
        scripted_with(false, answer)
    }

    fn scripted_with(
        json: bool,
        answer: impl Fn(&Completion) -> Result<String> + 'static,
    ) -> (Rc<Scripted>, PromptedReader) {
        let model = Rc::new(Scripted { answer: Box::new(answer), json, asked: RefCell::default() });
        let reader =
            PromptedReader::new(model.clone(), Options { gleaning: 1, ..Options::default() });
        (model, reader)
    }

    fn is_extraction(request: &Completion) -> bool {
        request.system.as_ref().unwrap().contains("knowledge graph from")
    }

    fn read(reader: &PromptedReader, passages: &[&str]) -> Result<Reading> {
        block_on(reader.read(document(passages), Rc::new(|_, _| ())))
    }

    const RECORDS: &str =
        r#"("entity"<|>Sencha<|>product<|>A tea.)+|+("content_keywords"<|>tea)<|COMPLETE|>"#;

    #[test]
    fn every_passage_is_read_and_steps_are_counted() {
        let (model, reader) = scripted(|request| {
            Ok(if is_extraction(request) {
                RECORDS.to_owned()
            } else {
                "It is about tea.".to_owned()
            })
        });
        let steps = Rc::new(RefCell::new(Vec::new()));
        let progress = {
            let steps = steps.clone();
            Rc::new(move |done, total| steps.borrow_mut().push((done, total)))
        };
        let reading = block_on(reader.read(document(&["One.", "Two."]), progress)).unwrap();
        assert_eq!(reading.excerpts.len(), 2);
        assert_eq!(reading.excerpts[1].summary, "It is about tea.");
        assert_eq!(reading.excerpts[1].entities[0].name, "Sencha".into());
        assert_eq!(reading.keywords, ["tea"]);
        assert_eq!(*steps.borrow(), [(1, 4), (2, 4), (3, 4), (4, 4)]);
        // A summary, an extraction and one gleaning pass for each.
        assert_eq!(model.asked.borrow().len(), 6);
    }

    #[test]
    fn a_failed_summary_degrades_and_a_failed_extraction_fails_the_document() {
        let fail = || Err(Error::provider("the server is gone"));
        let (_, reader) =
            scripted(
                move |request| if is_extraction(request) { Ok(RECORDS.to_owned()) } else { fail() },
            );
        let reading = read(&reader, &["One."]).unwrap();
        assert_eq!(reading.excerpts[0].summary, "Part 0");
        assert!(reading.excerpts[0].degraded[0].message.contains("the server is gone"));

        let (_, reader) =
            scripted(
                move |request| if is_extraction(request) { fail() } else { Ok("Fine.".to_owned()) },
            );
        assert_eq!(read(&reader, &["One."]).unwrap_err().code, Code::Provider);

        let (_, reader) = scripted(|_| Err(Error::aborted()));
        assert_eq!(read(&reader, &["One."]).unwrap_err().code, Code::Aborted);
    }

    #[test]
    fn a_model_that_never_keeps_to_the_form_fails_and_one_that_slips_once_does_not() {
        let (_, reader) = scripted(|_| Ok("What a lovely passage.".to_owned()));
        assert_eq!(read(&reader, &["One.", "Two."]).unwrap_err().code, Code::Provider);

        let (_, reader) = scripted(|request| {
            Ok(if request.prompt.contains("One.\n</passage>") { "Lovely." } else { RECORDS }
                .to_owned())
        });
        let reading = read(&reader, &["One.", "Two."]).unwrap();
        assert_eq!(
            (reading.excerpts[0].degraded.len(), reading.excerpts[1].degraded.len()),
            (1, 0)
        );
    }

    #[test]
    fn an_answer_streams_with_checked_marks() {
        let (_, reader) = scripted(|_| Ok("Steamed [2], not roasted [7].".to_owned()));
        let request =
            AnswerRequest { context: context(&["One.", "Two."]), ..AnswerRequest::default() };
        let parts: Vec<AnswerPart> = block_on(reader.answer(request).try_collect()).unwrap();
        let mut text = String::new();
        let mut cited = Vec::new();
        for part in parts {
            match part {
                AnswerPart::Text(more) => text += &more,
                AnswerPart::Reference { excerpt, .. } => cited.push(excerpt),
            }
        }
        assert_eq!(text, "Steamed [1], not roasted.");
        assert_eq!(cited, [1]);
    }

    #[test]
    fn nothing_is_asked_where_nothing_is_needed() {
        let (model, reader) = scripted(|_| Ok("Asked.".to_owned()));
        let parts: Vec<AnswerPart> =
            block_on(reader.answer(AnswerRequest::default()).try_collect()).unwrap();
        assert_eq!(parts, [AnswerPart::Text(NOTHING_FOUND.to_owned())]);
        assert_eq!(block_on(reader.standalone("Why?", &[])).unwrap(), "Why?");
        assert!(model.asked.borrow().is_empty());

        let history = [Turn { role: Role::User, text: "Tea?".into() }];
        assert_eq!(block_on(reader.standalone("Why?", &history)).unwrap(), "Asked.");
        assert_eq!(block_on(reader.keywords("Why?")).unwrap().low, ["Why?"]);
    }

    #[test]
    fn a_model_that_takes_json_is_asked_for_it() {
        let json = r#"{"entities": [{"name": "Sencha", "category": "product", "description": "A tea."}],
            "relationships": [], "keywords": ["tea"]}"#;
        let (model, reader) = scripted_with(true, move |request| {
            Ok(if request.json.is_some() { json } else { "It is about tea." }.to_owned())
        });
        let reading = read(&reader, &["One."]).unwrap();
        assert_eq!(reading.excerpts[0].entities[0].name, "Sencha".into());
        assert_eq!(
            (&*reading.excerpts[0].summary, reading.keywords),
            ("It is about tea.", vec!["tea".to_owned()])
        );
        let asked = model.asked.borrow();
        let extractions: Vec<_> = asked.iter().filter(|request| is_extraction(request)).collect();
        assert_eq!(extractions.len(), 2);
        for request in extractions {
            let form = request.json.expect("a form");
            let schema: serde_json::Value = serde_json::from_str(form.schema).unwrap();
            assert_eq!(schema["required"].as_array().unwrap().len(), 3);
            let system = request.system.as_ref().unwrap();
            // Some providers want the word.
            assert!(system.contains("JSON") && !system.contains("<|>"), "{system:?}");
        }
        let (_, other) = scripted(|_| Ok(String::new()));
        assert_ne!(reader.id(), other.id());
    }

    #[test]
    fn typical_answers_are_to_what_is_asked_and_read_as_they_were_meant() {
        let (_, reader) = scripted(|request| {
            Ok(if is_extraction(request) { RECORDS } else { "It is about tea." }.to_owned())
        });
        let text = document(&["One.", "Two."]);
        let reading = block_on(reader.read(text.clone(), Rc::new(|_, _| ()))).unwrap();
        let typical = reader.typical_answers(&text, &reading);
        let (model, again) = scripted(move |request| {
            let found = typical.iter().find(|(asked, _)| asked == request);
            Ok(found.map_or("<|COMPLETE|>".to_owned(), |(_, answer)| answer.clone()))
        });
        let second = block_on(again.read(text, Rc::new(|_, _| ()))).unwrap();
        assert_eq!(second.excerpts[1].entities, reading.excerpts[1].entities);
        assert_eq!(model.asked.borrow().len(), 6);
    }

    #[test]
    fn whatever_changes_a_reading_changes_the_id() {
        let (model, reader) = scripted(|_| Ok(String::new()));
        let other = PromptedReader::new(model, Options::default());
        assert_ne!(reader.id(), other.id());
        assert!(other.id().contains("scripted"));
    }
}
