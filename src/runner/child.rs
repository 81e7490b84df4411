//! The command that runs, and the signals for it.
//!
//! At a terminal the command stays in our process group: Ctrl-C and Ctrl-Z come from the terminal to both of us, once
//! each, so those signals are not passed on. Elsewhere it gets a group of its own, and every signal that reaches us is
//! passed on to all of that group, once.

use std::{
    ffi::OsString,
    io::{self, IsTerminal},
    process::ExitStatus,
    time::Duration,
};

use rustix::{
    process::{Pid, Signal, getpgrp, kill_process, kill_process_group},
    termios::tcgetpgrp,
};
use tokio::{
    process::{Child as Process, Command},
    signal::unix::{Signal as Stream, SignalKind, signal},
};

/// Where the signals come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    /// Ours: we are in front at a terminal.
    Shared,
    /// Its own.
    Own,
}

/// A command that runs, with our own standard input, output and error.
#[derive(Debug)]
pub struct Child {
    process: Process,
    pid: Pid,
    group: Group,
}

impl Child {
    /// Starts it.
    ///
    /// # Errors
    /// When there is no such program, or it may not be run.
    pub fn start(command: &[OsString], removed: &[OsString], added: Vec<(String, String)>) -> io::Result<Self> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no command"));
        };
        let group = if is_in_front() { Group::Shared } else { Group::Own };
        let mut command = Command::new(program);
        command.args(arguments);
        for name in removed {
            command.env_remove(name);
        }
        command.envs(added);
        if group == Group::Own {
            command.process_group(0);
        }
        let process = command.spawn()?;
        let pid = process.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let pid = pid.ok_or_else(|| io::Error::other("it ended at once"))?;
        Ok(Self { process, pid, group })
    }

    /// Waits for its end, and says how it went in the way of shells.
    ///
    /// # Errors
    /// When the machine does not say.
    pub async fn wait(&mut self) -> io::Result<u8> {
        self.process.wait().await.map(code)
    }

    /// Passes a signal on that reached us, unless it has got it from the terminal itself.
    pub fn pass_on(&self, caught: Caught) {
        match (self.group, caught.is_from_terminals()) {
            (Group::Shared, true) => {}
            (Group::Shared, false) | (Group::Own, _) => self.send(caught.signal()),
        }
    }

    /// Asks it to end, and after `grace` makes it.
    pub async fn stop(&mut self, grace: Duration) {
        self.send(Signal::TERM);
        let in_time = tokio::time::timeout(grace, self.process.wait()).await.is_ok();
        if !in_time || self.group == Group::Own {
            // What it started may still be there, without a way to be asked.
            self.send(Signal::KILL);
        }
        let _it_is_dead = self.process.wait().await;
    }

    fn send(&self, signal: Signal) {
        let _it_may_be_gone = match self.group {
            Group::Shared => kill_process(self.pid, signal),
            Group::Own => kill_process_group(self.pid, signal),
        };
    }
}

/// Whether the terminal at standard input sends its signals to us.
fn is_in_front() -> bool {
    let input = io::stdin();
    input.is_terminal() && tcgetpgrp(&input).is_ok_and(|front| front == getpgrp())
}

/// How a program ended, in the way of shells: its own code, or 128 and the signal that killed it.
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// A signal that reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caught {
    /// Somebody is gone, or a terminal.
    Hangup,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-\
    Quit,
    /// Somebody wants us to end.
    Terminate,
    /// Whatever the command makes of it.
    User1,
    /// The same.
    User2,
}

impl Caught {
    fn signal(self) -> Signal {
        match self {
            Self::Hangup => Signal::HUP,
            Self::Interrupt => Signal::INT,
            Self::Quit => Signal::QUIT,
            Self::Terminate => Signal::TERM,
            Self::User1 => Signal::USR1,
            Self::User2 => Signal::USR2,
        }
    }

    fn is_from_terminals(self) -> bool {
        match self {
            Self::Hangup | Self::Interrupt | Self::Quit => true,
            Self::Terminate | Self::User1 | Self::User2 => false,
        }
    }

    /// With what we end when this reaches us before the command has begun.
    #[must_use]
    pub fn code(self) -> u8 {
        u8::try_from(128 + self.signal().as_raw()).unwrap_or(u8::MAX)
    }

    /// Whether we end by it while there is no command yet.
    #[must_use]
    pub fn ends(self) -> bool {
        match self {
            Self::Hangup | Self::Interrupt | Self::Quit | Self::Terminate => true,
            Self::User1 | Self::User2 => false,
        }
    }
}

/// All signals that we catch, from this value's making on.
#[derive(Debug)]
pub struct Signals([(Stream, Caught); 6]);

impl Signals {
    /// Begins to catch them.
    ///
    /// # Errors
    /// When the machine does not let us.
    pub fn catch() -> io::Result<Self> {
        Ok(Self([
            (signal(SignalKind::hangup())?, Caught::Hangup),
            (signal(SignalKind::interrupt())?, Caught::Interrupt),
            (signal(SignalKind::quit())?, Caught::Quit),
            (signal(SignalKind::terminate())?, Caught::Terminate),
            (signal(SignalKind::user_defined1())?, Caught::User1),
            (signal(SignalKind::user_defined2())?, Caught::User2),
        ]))
    }

    /// The next one.
    pub async fn next(&mut self) -> Caught {
        std::future::poll_fn(|cx| {
            for (stream, caught) in &mut self.0 {
                if stream.poll_recv(cx).is_ready() {
                    return std::task::Poll::Ready(*caught);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }

    /// The next one that ends us while there is no command yet.
    pub async fn next_end(&mut self) -> Caught {
        loop {
            let caught = self.next().await;
            if caught.ends() {
                return caught;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Child {
        Child::start(&["sh", "-c", script].map(OsString::from), &[], Vec::new()).unwrap()
    }

    #[tokio::test]
    async fn codes_are_those_of_shells() {
        for (script, expected) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)] {
            assert_eq!(sh(script).wait().await.unwrap(), expected, "{script}");
        }
        assert!(Child::start(&["/no/such/program".into()], &[], Vec::new()).is_err());
        assert_eq!((Caught::Interrupt.code(), Caught::Terminate.code()), (130, 143));
    }

    #[tokio::test]
    async fn who_does_not_end_when_asked_is_made_to() {
        let mut stubborn = listening("trap '' TERM").await;
        stubborn.stop(Duration::from_millis(100)).await;
        assert_eq!(stubborn.wait().await.unwrap(), 137);
        let mut polite = listening("trap 'exit 3' TERM").await;
        polite.stop(Duration::from_mins(1)).await;
        assert_eq!(polite.wait().await.unwrap(), 3);
    }

    /// A shell that has set its trap and does nothing.
    async fn listening(trap: &str) -> Child {
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready");
        let script = format!("{trap}; : > '{}'; while :; do sleep 0.05; done", ready.display());
        let child = sh(&script);
        while !ready.exists() {
            tokio::task::yield_now().await;
        }
        child
    }
}
