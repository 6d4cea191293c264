//! A letter: a mail that tells no alert, with files.

/// A mail with files.
#[derive(Debug, Clone, Default)]
pub struct Letter {
    /// Tells it from others: the same letter, sent again, has the same Message-ID.
    pub key: String,
    /// To whom, in place of those that the sink writes to; empty: to these.
    pub to: Vec<String>,
    /// Its subject.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// What goes with it.
    pub files: Vec<LetterFile>,
}

/// A file that goes with a letter.
#[derive(Debug, Clone)]
pub struct LetterFile {
    /// Its name.
    pub name: String,
    /// What it is, such as `text/html`.
    pub kind: &'static str,
    /// What is in it.
    pub bytes: Vec<u8>,
}
