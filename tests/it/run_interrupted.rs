//! `jit run`, when somebody or something breaks in: signals, `kill -9`, and a server that goes away.

use std::time::Duration;

use crate::harness::{
    World,
    cli::{Ended, Shell, python, signal},
    minutes, state,
};

const UP: &str = "echo $$ > up; while [ -e \"$HOME\" ] && [ ! -e go ]; do sleep 0.05; done; echo done";

#[tokio::test]
async fn signals_reach_the_command_and_the_grant_is_given_back() {
    for (name, code) in [("INT", 42), ("TERM", 43)] {
        let mut world = World::today(|config| config).await;
        let [requester, approver] = world.people(["requester", "approver"]);
        let shell = Shell::of(&mut world, &requester).await;
        let run = shell.run(&["--for", "30m"], &format!("trap 'echo {name}; exit {code}' {name}; {UP}"));
        world.decides(&run, &approver, "Approve").await;
        world.written(&run, &shell.file("up")).await;
        run.signal(name);
        let ended = run.ends(&mut world).await;
        assert_eq!((ended.code, ended.out), (code, format!("{name}\n")), "{}", ended.err);
        assert_eq!(state(&world.grant().await), "ended");
        world.everything_is_read();
        world.finish().await;
    }
}

#[tokio::test]
async fn at_a_terminal_ctrl_c_reaches_the_command_once() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let mut shell = Shell::of(&mut world, &requester).await;
    let count = "
import os, signal, time
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(1))
open('up', 'w').write('up\\n')
while not seen and os.path.exists(os.environ['HOME']): time.sleep(0.01)
time.sleep(0.5)
print('interrupted', len(seen), 'times', flush=True)
";
    let terminal = "
import fcntl, os, pty, struct, sys, termios, time
pid, master = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 200, 0, 0))
sent = False
out = open('screen', 'ab', buffering=0)
os.set_blocking(master, False)
while True:
    if not sent and os.path.exists('up'):
        os.write(master, b'\\x03')
        sent = True
    try:
        data = os.read(master, 4096)
        if not data: break
        out.write(data)
    except BlockingIOError:
        time.sleep(0.02)
    except OSError:
        break
_, status = os.waitpid(pid, 0)
print(os.waitstatus_to_exitcode(status), flush=True)
";
    std::fs::write(shell.file("count.py"), count).unwrap();
    std::fs::write(shell.file("terminal.py"), terminal).unwrap();
    let python = python().display().to_string();
    let jit = env!("CARGO_BIN_EXE_jit");
    let arguments = [
        "terminal.py",
        jit,
        "run",
        "--role",
        "prod-deploy",
        "--reason",
        "OPS-42",
        "--for",
        "30m",
        "--",
        &python,
        "count.py",
    ];
    shell.environment.insert("TERM".into(), "xterm".into());
    let run = shell.spawn(python.as_ref(), &arguments);
    world.decides(&run, &approver, "Approve").await;
    let ended = run.ends(&mut world).await;
    let screen = std::fs::read_to_string(shell.file("screen")).unwrap();
    assert_eq!(ended.out, "0\n", "{}{screen}", ended.err);
    assert!(screen.contains("interrupted 1 times"), "{screen}");
    assert!(screen.contains("waits for 1 approval from"), "somebody at a terminal sees whom it waits for: {screen}");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn whoever_stops_waiting_withdraws_the_request() {
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let mut world = World::today(|config| config).await;
        let [requester] = world.people(["requester"]);
        let shell = Shell::of(&mut world, &requester).await;
        let run = shell.run(&["--for", "30m"], "echo must not run");
        world.says(&run, " waits for ").await;
        run.signal(name);
        let Ended { code: ended, out, err } = run.ends(&mut world).await;
        assert_eq!((ended, out.as_str()), (code, ""), "{err}");
        assert!(err.contains("is withdrawn, and nothing was run"), "{err}");
        assert!(world.kinds(1).await[0].starts_with("request_cancelled"), "{:?}", world.kinds(3).await);
        world.everything_is_read();
        world.finish().await;
    }
}

#[tokio::test]
async fn a_killed_jit_leaves_nothing_open_for_longer_than_two_minutes() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let shell = Shell::of(&mut world, &requester).await;
    let run = shell.run(&["--for", "30m"], UP);
    world.decides(&run, &approver, "Approve").await;
    let child = world.written(&run, &shell.file("up")).await;
    world.until(|| true, String::new).await;
    run.signal("KILL");
    assert_eq!(run.ends(&mut world).await.code, 137);
    signal("KILL", &child);
    world.advance(minutes(1)).await;
    assert_eq!(state(&world.grant().await), "active", "a minute of silence is nothing");
    world.advance(minutes(1)).await;
    world.advance(jiff::SignedDuration::from_secs(5)).await;
    assert_eq!(state(&world.grant().await), "ended");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_jit_that_was_killed_while_it_waited_leaves_nothing_open_either() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let shell = Shell::of(&mut world, &requester).await;
    let run = shell.run(&["--for", "30m"], "echo must not run");
    world.says(&run, " waits for ").await;
    run.signal("KILL");
    assert_eq!(run.ends(&mut world).await.code, 137);
    world.settle().await;
    approver.clicks("Approve").await;
    world.advance(minutes(2)).await;
    world.advance(jiff::SignedDuration::from_secs(5)).await;
    assert_eq!(state(&world.grant().await), "ended");
    let _ = approver.private();
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_killed_command_gives_the_grant_back() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let shell = Shell::of(&mut world, &requester).await;
    let run = shell.run(&["--for", "30m"], UP);
    world.decides(&run, &approver, "Approve").await;
    let child = world.written(&run, &shell.file("up")).await;
    signal("KILL", &child);
    assert_eq!(run.ends(&mut world).await.code, 137);
    assert_eq!(state(&world.grant().await), "ended");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn the_command_runs_on_when_the_server_is_killed_and_comes_back() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let shell = Shell::of(&mut world, &requester).await;
    let run = shell.run(&["--for", "30m"], UP);
    world.decides(&run, &approver, "Approve").await;
    world.written(&run, &shell.file("up")).await;
    world.kill().await;
    world.restart().await;
    std::fs::write(shell.file("go"), "").unwrap();
    let ended = run.ends(&mut world).await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "done\n"), "{}", ended.err);
    assert_eq!(state(&world.grant().await), "ended", "{}", ended.err);
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_server_that_stays_away_ends_the_grant_when_it_is_back() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let shell = Shell::of(&mut world, &requester).await;
    let mut run = shell.run(&["--for", "30m"], UP);
    world.decides(&run, &approver, "Approve").await;
    world.written(&run, &shell.file("up")).await;
    world.kill().await;
    std::fs::write(shell.file("go"), "").unwrap();
    while !run.has_ended() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.restart().await;
    let ended = run.ends(&mut world).await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "done\n"), "{}", ended.err);
    assert!(ended.err.contains("could not be given back") && ended.err.contains("within two minutes"), "{}", ended.err);
    world.advance(minutes(3)).await;
    assert_eq!(state(&world.grant().await), "ended");
    world.everything_is_read();
    world.finish().await;
}
