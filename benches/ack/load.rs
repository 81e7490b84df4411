//! Sixteen connections that each write a request, wait for the answer and write the next.
//!
//! It shares the machine with the server, so it does as little as it can: requests are bytes made before, and of an
//! answer only its status, its length and one word are looked at.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How many people type at the same time.
const CONNECTIONS: usize = 16;

/// What came of it.
pub struct Load {
    /// How long it took until the last answer.
    pub elapsed: Duration,
    /// How long each acknowledgement took, shortest first.
    pub acks: Vec<Duration>,
}

impl Load {
    /// Acknowledgements a second.
    pub fn rate(&self) -> f64 {
        f64::from(u32::try_from(self.acks.len()).expect("far fewer")) / self.elapsed.as_secs_f64()
    }

    /// The time that `percent` of the acknowledgements did not exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        self.acks[(self.acks.len() * percent / 100).min(self.acks.len() - 1)]
    }
}

/// Sends the requests for as long as `time` lasts or until there are none left. Every answer must hold `word`.
pub async fn run(server: SocketAddr, requests: Vec<Vec<u8>>, time: Duration, word: &str) -> Load {
    let requests = Mutex::new(VecDeque::from(requests));
    let began = Instant::now();
    let connections = (0..CONNECTIONS).map(|_| connection(server, &requests, began + time, word));
    let mut acks = join_all(connections).await.concat();
    let elapsed = began.elapsed();
    acks.sort_unstable();
    Load { elapsed, acks }
}

async fn connection(
    server: SocketAddr,
    requests: &Mutex<VecDeque<Vec<u8>>>,
    until: Instant,
    word: &str,
) -> Vec<Duration> {
    let mut stream = TcpStream::connect(server).await.expect("the server listens");
    stream.set_nodelay(true).expect("TCP has it");
    let next = || requests.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let (mut acks, mut answer) = (Vec::new(), Vec::new());
    while Instant::now() < until
        && let Some(request) = next()
    {
        let sent = Instant::now();
        stream.write_all(&request).await.expect("the server reads");
        read_answer(&mut stream, &mut answer).await;
        acks.push(sent.elapsed());
        let text = String::from_utf8_lossy(&answer);
        assert!(text.starts_with("HTTP/1.1 20") && text.contains(word), "no acknowledgement: {text}");
    }
    acks
}

/// Reads until the body is as long as the head says.
async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) {
    answer.clear();
    loop {
        let read = stream.read_buf(answer).await.expect("the server answers");
        assert!(read > 0, "the server closed the connection");
        if let Some(length) = whole_length(answer)
            && answer.len() >= length
        {
            return;
        }
    }
}

/// How long the whole answer is, once its head is there.
fn whole_length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&answer[..head]).ok()?.to_ascii_lowercase();
    let (_, rest) = text.split_once("content-length: ")?;
    let length: usize = rest.lines().next()?.trim().parse().ok()?;
    Some(head + 4 + length)
}
