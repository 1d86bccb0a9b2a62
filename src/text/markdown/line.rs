//! One line of a document, read from the left, its tabs counted as columns.

use std::ops::Range;

/// A tab reaches to the next multiple of so many columns.
const TAB: usize = 4;

#[derive(Clone, Copy)]
pub(super) struct Line<'t> {
    pub text: &'t str,
    /// What is not read yet begins here.
    pub at: usize,
    /// Where the line ends, before its break.
    pub end: usize,
    column: usize,
    /// Columns of a tab that was read in part.
    left: usize,
}

impl<'t> Line<'t> {
    /// `range` may hold the line break.
    pub fn new(text: &'t str, range: Range<usize>) -> Self {
        let is_break = |byte: &&u8| matches!(byte, b'\n' | b'\r');
        let breaks = text.as_bytes()[range.clone()].iter().rev().take_while(is_break);
        Line { text, at: range.start, end: range.end - breaks.count(), column: 0, left: 0 }
    }

    /// Columns of white space ahead.
    pub fn indent(&self) -> usize {
        let mut column = self.column + self.left;
        for byte in self.text[self.at..self.end].bytes() {
            match byte {
                b' ' => column += 1,
                b'\t' => column += TAB - column % TAB,
                _ => break,
            }
        }
        column - self.column
    }

    /// Reads at most so many columns of white space.
    pub fn skip_columns(&mut self, mut columns: usize) {
        while columns > 0 {
            if self.left > 0 {
                let taken = columns.min(self.left);
                self.left -= taken;
                self.column += taken;
                columns -= taken;
                continue;
            }
            match self.text.as_bytes()[self.at..self.end].first() {
                Some(b' ') => {
                    self.column += 1;
                    columns -= 1;
                }
                Some(b'\t') => self.left = TAB - self.column % TAB,
                _ => return,
            }
            self.at += 1;
        }
    }

    /// Reads the white space ahead.
    pub fn skip_indent(&mut self) {
        self.skip_columns(self.indent());
    }

    /// Reads so many bytes that take a column each.
    pub fn skip_bytes(&mut self, bytes: usize) {
        self.at += bytes;
        self.column += bytes;
    }

    /// What is not read yet.
    pub fn rest(&self) -> &'t str {
        &self.text[self.at..self.end]
    }

    /// What is not read yet behind its white space.
    pub fn content(&self) -> &'t str {
        let rest = self.rest();
        &rest[rest.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count()..]
    }

    pub fn is_blank(&self) -> bool {
        self.content().is_empty()
    }
}
