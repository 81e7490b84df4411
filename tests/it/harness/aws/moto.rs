//! The one moto server of this test process, started when the first test needs it.
//!
//! It may not outlive the process, however that ends: a shell stands guard over it and reads from a pipe that we hold
//! open, and when the pipe closes it ends moto.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::Duration,
};

use tokio::sync::{Mutex, MutexGuard};
use url::Url;

/// How long moto may take: usually 2 to 10 seconds, more when all cores compile.
const PATIENCE_SECONDS: u64 = 120;

/// Runs its arguments until standard input closes; ends when they end. Its own output goes to `$LOG`.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null >"$LOG" 2>&1 3<&- &
server=$!
( read -r _ <&3; kill "$server" 2>/dev/null ) >/dev/null 2>&1 &
exec 3<&-
wait "$server"
"#;

struct Moto {
    port: u16,
    /// Holds the pipe open.
    _guard: Child,
}

/// Calls in JSON take turns: moto keeps assignments in a list, and one call would walk through it while another takes
/// something out.
pub async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// Where moto listens; starts it if need be.
pub async fn url() -> Url {
    static MOTO: OnceLock<Moto> = OnceLock::new();
    let port = tokio::task::spawn_blocking(|| MOTO.get_or_init(start).port).await.unwrap();
    format!("http://127.0.0.1:{port}/").parse().unwrap()
}

/// Another program may take the free port before moto does: moto ends then, and is started again on another.
fn start() -> Moto {
    let program = std::env::var("JIT_MOTO_SERVER").unwrap_or_else(|_| "moto_server".to_owned());
    for _ in 0..3 {
        let port = free_port();
        let log = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("moto-{port}.log"));
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "sh", &program, "-H", "127.0.0.1", "-p", &port.to_string()])
            .env("LOG", &log)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a shell");
        if is_up(&mut guard, port) {
            return Moto { port, _guard: guard };
        }
        let said = fs::read_to_string(&log).unwrap_or_default();
        assert!(
            said.contains("ddress already in use"),
            "`{program}` did not start: run the tests with scripts/test, which installs moto, or name the program in \
             JIT_MOTO_SERVER. It said:\n{said}"
        );
    }
    panic!("moto found no free port in three attempts");
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Waits until moto answers. That the guard still runs afterwards shows that the answer came from our own moto.
fn is_up(guard: &mut Child, port: u16) -> bool {
    for _ in 0..PATIENCE_SECONDS * 10 {
        thread::sleep(Duration::from_millis(100));
        if guard.try_wait().unwrap().is_some() {
            return false;
        }
        if answers(port) {
            thread::sleep(Duration::from_millis(200));
            return guard.try_wait().unwrap().is_none();
        }
    }
    panic!("moto did not answer on port {port} within {PATIENCE_SECONDS} seconds");
}

fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
    let mut head = [0; 12];
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(b"GET /moto-api/data.json HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").is_ok()
        && stream.read_exact(&mut head).is_ok()
        && head.ends_with(b"200")
}
