//! Where sessions are kept between commands: in the system's keyring, or in a file that nobody else may read.
//!
//! The file also remembers which server was signed in to last, so that people name it once.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use keyring::Entry;
use serde::{Deserialize, Serialize};

use crate::api::Secret;

/// What the keyring knows us by.
const SERVICE: &str = "jit";

/// A session, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The bearer token.
    pub token: Secret,
    /// Whose it is.
    pub whose: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Which places may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The keyring, and the file where there is none.
    Either,
    /// The file alone.
    FileAlone,
}

/// The store.
#[derive(Debug, Clone)]
pub struct Tokens {
    choice: Choice,
    file: PathBuf,
}

/// Where a session went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Into the system's keyring.
    Keyring,
    /// Into this file.
    File(PathBuf),
}

/// What could not be kept, or read.
#[derive(Debug, thiserror::Error)]
#[error("sessions cannot be kept in `{}`: {error}", path.display())]
pub struct NotKept {
    path: PathBuf,
    error: io::Error,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Contents {
    /// The server that was signed in to last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    /// Sessions by server, where the keyring has none.
    #[serde(default)]
    sessions: BTreeMap<String, Session>,
}

impl Tokens {
    /// The store in this folder.
    #[must_use]
    pub fn in_folder(folder: &Path, choice: Choice) -> Self {
        Self { choice, file: folder.join("sessions.json") }
    }

    /// The session with `server`, unless it is over.
    #[must_use]
    pub fn session(&self, server: &str, now: Timestamp) -> Option<Session> {
        let kept = self.read_keyring(server).or_else(|| self.read().sessions.remove(server));
        kept.filter(|session| session.expires_at > now)
    }

    /// The server that was signed in to last.
    #[must_use]
    pub fn last_server(&self) -> Option<String> {
        self.read().server
    }

    /// Keeps a session. `remember` makes its server the one that is meant when none is named.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, server: &str, session: Session, remember: bool) -> Result<Kept, NotKept> {
        let mut file = self.read();
        let in_keyring = self.write_keyring(server, &session);
        if remember {
            file.server = Some(server.to_owned());
        }
        if in_keyring {
            file.sessions.remove(server);
        } else {
            file.sessions.insert(server.to_owned(), session);
        }
        self.write(&file)?;
        Ok(if in_keyring { Kept::Keyring } else { Kept::File(self.file.clone()) })
    }

    /// Forgets the session with `server`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget(&self, server: &str) -> Result<(), NotKept> {
        if let Some(entry) = self.entry(server) {
            let _there_may_be_none = entry.delete_credential();
        }
        let mut file = self.read();
        if file.sessions.remove(server).is_some() { self.write(&file) } else { Ok(()) }
    }

    fn entry(&self, server: &str) -> Option<Entry> {
        match self.choice {
            Choice::Either => Entry::new(SERVICE, server).ok(),
            Choice::FileAlone => None,
        }
    }

    fn read_keyring(&self, server: &str) -> Option<Session> {
        serde_json::from_str(&self.entry(server)?.get_password().ok()?).ok()
    }

    /// Whether the keyring has it now. Some take everything and give nothing back.
    fn write_keyring(&self, server: &str, session: &Session) -> bool {
        let write = || {
            let text = serde_json::to_string(session).ok()?;
            self.entry(server)?.set_password(&text).ok()
        };
        write().is_some() && self.read_keyring(server).as_ref() == Some(session)
    }

    /// A file that is not there, or not whole, holds nothing.
    fn read(&self) -> Contents {
        fs::read(&self.file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    fn write(&self, kept: &Contents) -> Result<(), NotKept> {
        self.replace(kept).map_err(|error| NotKept { path: self.file.clone(), error })
    }

    /// Whole or not at all, and never readable for others.
    fn replace(&self, kept: &Contents) -> io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let beside = self.file.with_extension(format!("{}.new", std::process::id()));
        let mut file: File = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(&serde_json::to_vec_pretty(kept)?)?;
        file.sync_all()?;
        fs::rename(&beside, &self.file)
    }
}

/// The folder that is meant for such things, as the XDG base directories say.
#[must_use]
pub fn folder(variable: impl Fn(&str) -> Option<String>) -> PathBuf {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_STATE_HOME")
        .map(|state| state.join("jit"))
        .or_else(|| set("HOME").map(|home| home.join(".config").join("jit")))
        .unwrap_or_else(|| PathBuf::from(".jit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(token: &str) -> Session {
        Session {
            token: token.to_owned().into(),
            whose: "ann".into(),
            expires_at: "2026-11-21T12:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn sessions_come_back_until_they_are_over_or_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::in_folder(&folder.path().join("deep").join("jit"), Choice::FileAlone);
        let [before, after] =
            ["2026-11-21T11:59:59Z", "2026-11-21T12:00:00Z"].map(|at| at.parse::<Timestamp>().unwrap());
        assert_eq!((tokens.session("https://a", before), tokens.last_server()), (None, None));
        tokens.keep("https://a", session("one"), true).unwrap();
        let kept = tokens.keep("https://b", session("two"), false).unwrap();
        let Kept::File(file) = kept else { panic!("{kept:?}") };
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(tokens.session("https://a", before), Some(session("one")));
        assert_eq!(tokens.session("https://a", after), None, "it is over");
        assert_eq!(tokens.last_server().as_deref(), Some("https://a"));
        tokens.forget("https://a").unwrap();
        assert_eq!(tokens.session("https://a", before), None);
        assert_eq!(tokens.session("https://b", before), Some(session("two")));
        fs::write(&file, "{ half a fi").unwrap();
        assert_eq!(tokens.session("https://b", before), None, "a file that is not whole holds nothing");
        tokens.keep("https://a", session("one"), true).unwrap();
    }

    #[test]
    fn the_folder_is_where_such_things_belong() {
        let folder_of = |set: &[(&str, &str)]| {
            let find = |name: &str| set.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
            folder(find).display().to_string()
        };
        assert_eq!(folder_of(&[("XDG_STATE_HOME", "/state"), ("HOME", "/home/ann")]), "/state/jit");
        assert_eq!(folder_of(&[("XDG_STATE_HOME", ""), ("HOME", "/home/ann")]), "/home/ann/.config/jit");
        assert_eq!(folder_of(&[]), ".jit");
    }
}
