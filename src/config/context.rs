//! What every part of a check has at hand, and the files that are read on the way.

use std::{
    cell::RefCell,
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{
    Secrets,
    secret::Environment,
    source::{Place, Source},
};

/// At hand during a check.
pub(super) struct Context<'a> {
    pub environment: &'a dyn Environment,
    pub secrets: Secrets,
    /// The configuration files, in the order of reading.
    pub sources: &'a [Source],
    pub seen: &'a Seen,
}

impl Context<'_> {
    /// A path as the file that names it means it: relative to itself.
    pub(super) fn beside(&self, place: Place, path: &str) -> PathBuf {
        beside(&self.sources[place.file].path, path)
    }
}

/// The same for a file that is not a source yet.
pub(super) fn beside(file: &Path, path: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(path)
}

/// The digest of every file read so far: it names a policy in the audit trail.
#[derive(Default)]
pub(super) struct Seen(RefCell<Sha256>);

impl Seen {
    /// Reads a file, and remembers that it counts.
    pub(super) fn read(&self, path: &Path) -> io::Result<String> {
        let text = fs::read_to_string(path)?;
        self.0.borrow_mut().update(&text);
        Ok(text)
    }

    /// SHA-256 over all bytes in the order of reading, in hex.
    pub(super) fn digest(&self) -> String {
        hex::encode(self.0.borrow().clone().finalize())
    }
}
