//! Lines of a file, lent one at a time.

use crate::source::input::Input;

/// The longest line that is believed: DNS answers and HTTP headers are far below.
const MAX_LINE: usize = 1024 * 1024;

/// Lines over the window of an [`Input`].
pub(super) struct Lines {
    input: Input,
    /// Lines so far.
    count: u64,
    /// The file breaks off here.
    broken: Option<String>,
}

/// Where [`Lines::text`] has a line, without its end: counted back from the window, which has passed over it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    back: usize,
    length: usize,
}

/// What comes next.
pub(super) enum Next {
    /// A line.
    Line(Place),
    /// A line that is no line, and why. The next one follows.
    Bad(String),
    /// The file is over.
    End,
}

impl Lines {
    pub(super) fn new(input: Input) -> Self {
        Self { input, count: 0, broken: None }
    }

    /// The number of the line given last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.count
    }

    /// Reads on, and passes over what was given before.
    pub(super) fn next(&mut self) -> Next {
        let (length, taken) = match self.find() {
            Ok(Some(found)) => found,
            Ok(None) => return Next::End,
            Err(what) => {
                self.count += 1;
                return Next::Bad(what);
            }
        };
        self.input.consume(taken);
        self.count += 1;
        Next::Line(Place { back: taken, length })
    }

    /// The line that [`Lines::next`] gave.
    pub(super) fn text(&self, place: Place) -> &[u8] {
        self.input.consumed(place.back, place.length)
    }

    /// The length of the line in the window without its end, and with it. Nothing is passed over, but for bad lines.
    fn find(&mut self) -> Result<Option<(usize, usize)>, String> {
        let mut searched = 0;
        loop {
            let window = self.input.window();
            if let Some(at) = memchr::memchr(b'\n', window.get(searched..).unwrap_or_default()) {
                let end = searched + at;
                let line = window.get(..end).unwrap_or_default();
                let bare = line.strip_suffix(b"\r").unwrap_or(line).len();
                return Ok(Some((bare, end + 1)));
            }
            searched = window.len();
            if searched > MAX_LINE {
                self.pass_over_line();
                return Err(format!("it is longer than {MAX_LINE} bytes, as no line of a log is"));
            }
            if let Some(what) = self.broken.take() {
                self.input.consume(searched);
                return Err(what);
            }
            if let Err(what) = self.input.fill(searched + 1) {
                self.broken = Some(what);
            } else if self.input.window().len() == searched {
                let last = searched;
                return Ok((last > 0).then_some((last, last)));
            }
        }
    }

    fn pass_over_line(&mut self) {
        loop {
            let window = self.input.window();
            let end = memchr::memchr(b'\n', window);
            let (taken, done) = (end.map_or(window.len(), |at| at + 1), end.is_some());
            self.input.consume(taken);
            if done {
                return;
            }
            if let Err(what) = self.input.fill(1) {
                self.broken = Some(what);
                return;
            }
            if self.input.window().is_empty() {
                return;
            }
        }
    }

    /// The byte that the next line begins with.
    pub(super) fn first_byte(&mut self) -> Option<u8> {
        self.ahead(1);
        self.input.window().first().copied()
    }

    /// Looks ahead without passing over anything: at least `wanted` bytes, unless the file ends before.
    pub(super) fn ahead(&mut self, wanted: usize) -> &[u8] {
        if let Err(what) = self.input.fill(wanted) {
            self.broken = Some(what);
        }
        self.input.window()
    }
}
