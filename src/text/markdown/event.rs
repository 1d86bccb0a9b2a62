//! What the reader of markdown tells.

/// A part of a document that may hold others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Paragraph,
    /// With its level, 1 to 6.
    Heading(u8),
    CodeBlock {
        fenced: bool,
    },
    HtmlBlock,
    Quote,
    List,
    Item,
    Footnote,
    Table,
    TableHead,
    TableRow,
    TableCell,
    Strong,
    Emphasis,
    Link,
}

/// One step through a document, in the order of its text. Starts and ends match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event<'t> {
    Start(Tag),
    End(Tag),
    /// Escapes and entities resolved.
    Text(&'t str),
    /// Code within a line.
    Code(&'t str),
    /// A line of a block of HTML.
    Html(&'t str),
    SoftBreak,
    HardBreak,
    /// A thematic break.
    Rule,
}
